#include "daemon/http/proof.h"

#include "daemon/http/caller.h"
#include "daemon/http/target.h"
#include "hal/base/rfc3339.h"
#include "kms/pki/base64.h"
#include "kms/pki/certificate.h"
#include "kms/pki/digest.h"

namespace kmsd::http {
namespace {

using base::Code;
using base::Error;
using base::Reason;

constexpr std::string_view kScheme = "keydisk-proof ";
constexpr std::chrono::seconds kSkewMost = std::chrono::minutes(2);

Error refused(const char* what) { return {Code::Denied, what, Reason::Unauthenticated}; }

std::string signedText(const Request& request, base::BytesView certificate, std::string_view time,
                       uid_t uid) {
  std::string text(64, ' ');
  text += "keydisk holder proof 1";
  text += '\0';
  text += request.method + '\n' + request.path + '\n';
  for (const auto& [name, value] : request.query)
    text += escapeTarget(name) + '=' + escapeTarget(value) + '&';
  text += '\n' + std::string(time) + '\n' + std::to_string(uid) + '\n';
  text += base::toHex(kms::pki::sha256(certificate)) + '\n';
  text += base::toHex(kms::pki::sha256(base::asBytes(base::view(request.body)))) + '\n';
  return text;
}

// The next word; the rest stays in `from`.
std::string_view nextWord(std::string_view& from) {
  const std::size_t end = std::min(from.find(' '), from.size());
  const std::string_view word = from.substr(0, end);
  from.remove_prefix(std::min(end + 1, from.size()));
  return word;
}

}  // namespace

bool showsProof(const Request& request) noexcept {
  return startsWithoutCase(base::view(request.authorization), kScheme);
}

base::Result<base::SecretText> proofFor(const Request& request, base::BytesView certificate,
                                        const kms::pki::PrivateKey& key, base::Time now, uid_t uid) {
  const std::string time = base::formatTime(now);
  const auto signature = key.sign(base::asBytes(signedText(request, certificate, time, uid)));
  if (!signature) return signature.error();
  return base::secretText("Keydisk-Proof " + time + ' ' + kms::pki::toBase64(certificate) + ' ' +
                          kms::pki::toBase64(key.algorithm()) + ' ' + kms::pki::toBase64(*signature));
}

base::Result<base::Bytes> provenCertificate(const Request& request, base::Time now) {
  if (request.transport != Transport::Unix || !request.peer)
    return refused("a proof of a key counts on the Unix socket only; over https show the certificate");
  std::string_view rest = base::view(request.authorization).substr(kScheme.size());
  const std::string_view timeText = nextWord(rest);
  auto certificate = kms::pki::fromBase64(nextWord(rest));
  const auto algorithm = kms::pki::fromBase64(nextWord(rest));
  const auto signature = kms::pki::fromBase64(nextWord(rest));
  const auto time = base::parseTime(timeText);
  if (!time || !certificate || !algorithm || !signature || !rest.empty())
    return refused("the proof of the key is malformed");
  if (*time > now + kSkewMost || *time < now - kSkewMost)
    return refused("the proof of the key is not of these minutes; look at the clock");
  const auto parsed = kms::pki::parseCertificate(*certificate);
  if (!parsed) return refused("the certificate in the proof is none");
  const auto key = kms::pki::keyOf(*parsed);
  if (!key) return refused("the key of the certificate in the proof is not taken");
  const std::string text = signedText(request, *certificate, timeText, request.peer->uid);
  if (!key->verify(*algorithm, base::asBytes(text), *signature))
    return refused("the signature is not that of the certificate's key over this request");
  return *std::move(certificate);
}

}  // namespace kmsd::http
