// Who asks: the MAC or the signature of a message.
#include <algorithm>

#include "kms/pki/cmp_core.h"
#include "kms/tokens/fields.h"
#include "kms/tokens/token_text.h"

namespace kms::pki {
namespace {

constexpr std::size_t kSaltSize = 16;
constexpr std::chrono::seconds kSkewMost = std::chrono::hours(1);

// The key that verifies the message, of the two forms that the user may have typed: XXXX-XXXX-XXXX or without
// dashes. Both are always tried. Errors: Internal.
base::Result<std::optional<base::SecretText>> matching(const CmpMessage& message, const Pbm& pbm,
                                                       base::SecretText plain) {
  auto shown = showOneTimeToken(view(plain));
  if (!shown) return std::move(shown).error();
  const base::Bytes covered = cmpProtectedPart(message.header, message.body);
  std::optional<base::SecretText> found;
  for (base::SecretText* form : {&plain, &*shown}) {
    const auto key = pbmKey(pbm, pbm.salt, view(*form));
    if (!key) return key.error();
    const auto mac = hmac(pbm.macDigest, *key, covered);
    if (!mac) return mac.error();
    if (base::equalConstantTime(*mac, message.protection)) found = std::move(*form);
  }
  return found;
}

base::Result<CmpMac> macOfAnswers(CmpCore& core, const Pbm& pbm, std::string_view secret) {
  base::Bytes salt(kSaltSize);
  core.rng.fill(salt);
  auto key = pbmKey(pbm, salt, secret);
  if (!key) return std::move(key).error();
  return CmpMac{writePbm(pbm, salt), pbm.macDigest, *std::move(key)};
}

// A name that no user can have goes the same way as one that none has.
std::string userIn(base::BytesView senderKid) {
  const std::string_view name = base::asText(senderKid);
  return checkUserName(name, Policy{}) ? std::string(name) : std::string("?");
}

void verifyMac(const CmpExchangePtr& exchange, const std::function<void()>& then) {
  CmpExchange& x = *exchange;
  const auto pbm = parsePbm(x.in.algorithm);
  if (!pbm) return refuse(exchange, {CmpFailure::BadAlg, pbm.error().what});
  if (!x.core.budget.take(pbm->iterations))
    return refuse(exchange, {CmpFailure::SystemUnavail,
                             "too many ask for a MAC of many iterations; use 1,000 or less, or try again"});
  const std::string user = userIn(x.in.senderKid);
  auto secret = x.core.backend.sharedSecret(user);
  if (!secret) return fail(exchange, secret.error());
  const std::int64_t token = secret->sequence;
  auto typed = matching(x.in, *pbm, std::move(secret->plain));
  if (!typed) return fail(exchange, typed.error());
  if (!*typed || token == 0)
    return x.core.backend.refuse(user, [exchange](std::chrono::seconds delay) {
      answering(exchange, [&] { refuseSecret(exchange, delay); });
    });
  x.core.budget.giveBack(pbm->iterations);
  auto mac = macOfAnswers(x.core, *pbm, view(**typed));
  if (!mac) return fail(exchange, mac.error());
  x.user = user;
  x.token = token;
  x.mac = *std::move(mac);
  then();
}

void verifySignature(const CmpExchangePtr& exchange, const std::function<void()>& then) {
  CmpExchange& x = *exchange;
  const auto certificate = signerOf(x.in);
  if (certificate.empty())
    return refuse(exchange, {CmpFailure::SignerNotTrusted,
                             "send the certificate that senderKID names in extraCerts, before others"});
  if (const auto good = checkSignature(x.in, certificate); !good)
    return refuse(exchange, {CmpFailure::BadMessageCheck, good.error().what});
  auto holder = x.core.backend.authenticate(certificate);
  if (!holder && holder.error().reason == base::Reason::CertificateRefused)
    return refuse(exchange, {CmpFailure::SignerNotTrusted,
                             "the signer's certificate is not an active one of this server's users"});
  if (!holder) return fail(exchange, holder.error());
  x.user = holder->user;
  x.holder = *std::move(holder);
  then();
}

}  // namespace

bool isFresh(const CmpExchange& x) {
  if (!x.in.time) return false;
  const auto now = x.core.clock.now();
  return *x.in.time > now - kSkewMost && *x.in.time < now + kSkewMost;
}

void verify(const CmpExchangePtr& exchange, const std::function<void()>& then) {
  const CmpMessage& in = exchange->in;
  if (in.algorithm.empty() || in.protection.empty())
    return refuse(exchange, {CmpFailure::BadMessageCheck,
                             "protect the message by a shared secret (PasswordBasedMac) or a signature"});
  if (isPbm(in.algorithm)) return verifyMac(exchange, then);
  verifySignature(exchange, then);
}

}  // namespace kms::pki
