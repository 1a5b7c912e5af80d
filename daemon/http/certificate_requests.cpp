#include "daemon/http/certificate_requests.h"

#include "daemon/http/members.h"

namespace kmsd::http {
namespace {

using base::Code;
using base::Error;
using kms::pki::CertificateRequest;

constexpr std::size_t kHash = 32;  // bytes

std::optional<CertificateRequest> requestIn(Members& members) {
  const std::string text = members.needed("csr");
  if (text.empty()) return std::nullopt;
  auto request = kms::pki::parseRequestText(base::asBytes(text));
  if (request) return *std::move(request);
  members.fail(std::move(request).error());
  return std::nullopt;
}

std::optional<unsigned> digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
  return std::nullopt;
}

std::optional<kms::pki::KeyKind> authorityKeyIn(Members& members) {
  const auto name = members.text("key");
  if (!name) return std::nullopt;
  const auto kind = kms::pki::parseKeyKind(*name);
  if (!kind || *kind == kms::pki::KeyKind::Rsa2048)
    members.fail({Code::Invalid, "\"key\" must be ecdsa-p256, ecdsa-p384, rsa-3072, rsa-4096 or ed25519"});
  return kind;
}

base::Bytes hashIn(Members& members) {
  const std::string text = members.needed("certificate_sha256");
  base::Bytes out;
  for (std::size_t i = 0; i + 1 < text.size() && text.size() == 2 * kHash; i += 2) {
    const auto high = digit(text[i]);
    const auto low = digit(text[i + 1]);
    if (high && low) out.push_back(static_cast<std::byte>(*high * 16 + *low));
  }
  if (out.size() != kHash)
    members.fail({Code::Invalid, "\"certificate_sha256\" must be 64 hexadecimal digits"});
  return out;
}

}  // namespace

base::Result<EnrolRequest> parseEnrol(std::string_view body) {
  Members members(SecretJson::parse(body));
  EnrolRequest out;
  out.user = members.needed("user");
  out.token = members.secretText("token");
  if (out.token.empty()) members.fail({Code::Invalid, "\"token\" is needed"});
  out.request = requestIn(members);
  out.implicit = members.flag("implicit_confirm");
  if (!out.request) members.fail({Code::Invalid, "\"csr\" is empty"});
  return members.finish(std::move(out));
}

base::Result<EnrolConfirmation> parseEnrolConfirm(std::string_view body) {
  Members members(SecretJson::parse(body));
  EnrolConfirmation out;
  out.user = members.needed("user");
  out.token = members.secretText("token");
  if (out.token.empty()) members.fail({Code::Invalid, "\"token\" is needed"});
  if (const auto serial = kms::pki::parseSerial(members.needed("serial"))) {
    out.serial = *serial;
  } else {
    members.fail({Code::Invalid, "\"serial\" must be a serial number of 32 hexadecimal digits"});
  }
  out.hash = hashIn(members);
  if (members.has("accepted")) out.accepted = members.flag("accepted");
  return members.finish(std::move(out));
}

base::Result<CertificateWish> parseCertificateWish(std::string_view body) {
  Members members(SecretJson::parse(body));
  CertificateWish out;
  out.user = members.needed("user");
  if (const auto name = members.text("profile")) {
    const auto profile = kms::pki::parseProfile(*name);
    if (!profile) members.fail({Code::Invalid, "\"profile\" names no profile of certificates"});
    out.profile = profile.value_or(kms::pki::Profile::Signing);
  }
  out.request = requestIn(members);
  if (!out.request) members.fail({Code::Invalid, "\"csr\" is empty"});
  return members.finish(std::move(out));
}

base::Result<CertificateRequest> parseRenewal(std::string_view body) {
  Members members(SecretJson::parse(body));
  auto request = requestIn(members);
  if (!request) members.fail({Code::Invalid, "\"csr\" is empty"});
  if (auto ended = members.end(); !ended) return std::move(ended).error();
  return *std::move(request);
}

base::Result<kms::pki::RevocationReason> parseCertificateRevocation(std::string_view body) {
  Members members(SecretJson::parse(body));
  auto reason = kms::pki::RevocationReason::Unspecified;
  if (const auto name = members.text("reason")) {
    const auto known = kms::pki::parseRevocationReason(*name);
    if (!known) members.fail({Code::Invalid, "\"reason\" is none of RFC 5280, such as key-compromise"});
    reason = known.value_or(reason);
  }
  return members.finish(reason);
}

base::Result<AuthorityWish> parseAuthorityWish(std::string_view body) {
  Members members(SecretJson::parse(body));
  AuthorityWish out;
  out.key = authorityKeyIn(members).value_or(out.key);
  out.name = members.text("name").value_or("");
  return members.finish(std::move(out));
}

base::Result<AuthorityWish> parseAuthorityRequest(std::string_view body) {
  Members members(SecretJson::parse(body));
  AuthorityWish out;
  out.key = authorityKeyIn(members).value_or(out.key);
  out.name = members.text("name").value_or("");
  out.replace = members.flag("replace");
  return members.finish(std::move(out));
}

base::Result<std::vector<kms::pki::Certificate>> parseAuthorityChain(std::string_view body) {
  Members members(SecretJson::parse(body));
  auto chain = kms::pki::parsePemCertificates(members.needed("chain"));
  if (!chain) members.fail({Code::Invalid, "\"chain\": " + chain.error().what});
  if (auto ended = members.end(); !ended) return std::move(ended).error();
  return chain;
}

base::Result<std::optional<kms::pki::KeyKind>> parseRollover(std::string_view body) {
  Members members(SecretJson::parse(body));
  const auto key = authorityKeyIn(members);
  return members.finish(key);
}

}  // namespace kmsd::http
