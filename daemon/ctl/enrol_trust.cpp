#include "daemon/ctl/enrol_trust.h"

#include <optional>

#include "daemon/ctl/certificate_check.h"
#include "daemon/ctl/cmp_ask.h"
#include "daemon/ctl/issued.h"
#include "kms/pki/digest.h"

namespace kmsd::ctl {
namespace {

using base::Code;
using base::Error;
using base::Reason;
using base::Result;
using kms::pki::Certificate;

// The server is there, and nobody vouches for it.
bool distrusted(const Error& error) {
  return error.code == Code::Denied && error.reason == Reason::ServerUnreachable;
}

bool hasHash(const Certificate& certificate, const std::string& wanted) {
  return base::toHex(kms::pki::sha256(certificate.der)) == wanted;
}

// The authority of an earlier key, where that one is wanted and vouches for the one of today.
std::optional<Certificate> earlier(const Document& shown, const Certificate& today,
                                   const std::string& wanted) {
  const auto links = certificatesIn(shown.texts("links"));
  if (!links) return std::nullopt;
  for (const Document& one : shown.list("older")) {
    const auto parsed = kms::pki::parsePemCertificates(one.text("certificate"));
    if (parsed && hasHash(parsed->front(), wanted) && vouchesFor(parsed->front(), today, *links))
      return parsed->front();
  }
  return std::nullopt;
}

Result<std::vector<Certificate>> pinned(Remote& remote, const std::string& wanted) {
  const auto answer = remote.call("GET", "/v1/ca");
  if (!answer) return answer.error();
  if (!answer->good()) return errorOf(*answer);
  const auto shown = certificatesIn(answer->document.texts("chain"));
  if (!shown) return shown.error();
  for (const Certificate& one : *shown)
    if (hasHash(one, wanted)) return std::vector<Certificate>{one};
  if (!shown->empty())
    if (const auto before = earlier(answer->document, shown->front(), wanted))
      return std::vector<Certificate>{shown->front(), *before};
  return Error{Code::Denied,
               "this server's authority is not the one of --ca-sha256; the token was not sent to it",
               Reason::Forbidden};
}

}  // namespace

std::string plainFingerprint(std::string text) {
  std::erase(text, ':');
  for (char& c : text)
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

Result<KnownAuthority> knowAuthority(const Parsed& parsed, const Access& access, const std::string& user,
                                     std::string_view plain) {
  KnownAuthority known;
  auto remote = Remote::connect(access);
  if (!remote && distrusted(remote.error()) && access.trust.authority.empty()) {
    Access anybody = access;
    anybody.trust.anybody = true;
    known.untrusted = true;
    remote = Remote::connect(anybody);
  }
  if (!remote) return std::move(remote).error();
  auto certificates = parsed.has("ca-sha256") ? pinned(*remote, plainFingerprint(parsed.text("ca-sha256")))
                                              : askAuthority(*remote, user, plain);
  if (!certificates) return std::move(certificates).error();
  known.certificates = *std::move(certificates);
  return known;
}

Result<Remote> connectTrusting(Access& access, const std::filesystem::path& authority) {
  auto remote = Remote::connect(access);
  std::error_code ignored;
  if (remote || !distrusted(remote.error()) || !access.trust.authority.empty() ||
      !std::filesystem::exists(authority, ignored))
    return remote;
  Access own = access;
  own.trust.authority = authority;
  remote = Remote::connect(own);
  if (remote) access = own;
  return remote;
}

}  // namespace kmsd::ctl
