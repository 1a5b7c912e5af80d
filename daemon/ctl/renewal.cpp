#include "daemon/ctl/renewal.h"

#include <iostream>

#include "daemon/ctl/bundle_password.h"
#include "daemon/ctl/certificate_check.h"
#include "daemon/ctl/enrol_trust.h"
#include "daemon/ctl/holder_key.h"
#include "daemon/ctl/output.h"
#include "daemon/key_pem.h"
#include "hal/base/rfc3339.h"
#include "kms/pki/bundle.h"
#include "kms/pki/digest.h"
#include "kms/pki/signer.h"
#include "kms/pki/subject.h"

namespace kmsd::ctl {
namespace {

using base::Code;
using base::Error;
using base::Result;
using kms::pki::Certificate;
using kms::pki::Profile;

constexpr const char* kNextKey = "key.pem.next";

}  // namespace

base::Time dueFrom(const Certificate& certificate) noexcept {
  return certificate.notAfter - (certificate.notAfter - certificate.notBefore) / 3;
}

Exit Renewal::run() {
  auto done = prepare();
  if (done && (signing_->due || (encryption_ && encryption_->due))) done = renewAll();
  if (!done) return refusal_ ? refused(parsed_, *refusal_) : fail(done.error());
  return report();
}

Result<void> Renewal::prepare() {
  auto access = accessOf(parsed_);
  if (!access) return std::move(access).error();
  access_ = *std::move(access);
  if (auto locked = directory_.lock(); !locked) return locked;
  const auto enrolling = directory_.enrolling();
  if (!enrolling) return enrolling.error();
  if (!enrolling->empty())
    return Error{Code::Conflict, "the enrolment here was not ended: the same 'kmsctl enrol' again ends it"};
  for (const PairNames names : {kSigningPair, kEncryptionPair})
    if (auto ended = directory_.finishReplacing(names); !ended) return ended;
  auto known = readCertificatesPem(directory_.file(kAuthorityFile));
  if (!known) return std::move(known).error();
  authorities_ = *std::move(known);
  now_ = base::systemClock().now();
  for (const auto& [names, to] :
       {std::pair(kSigningPair, &signing_), std::pair(kEncryptionPair, &encryption_)}) {
    auto present = look(names);
    if (!present) return std::move(present).error();
    *to = *std::move(present);
  }
  if (!signing_)
    return Error{Code::NotFound, directory_.file(kSigningPair.certificate).string() +
                                     " is not there; 'kmsctl enrol' fills a directory"};
  if (signing_->certificate.notAfter <= now_)
    return Error{Code::Denied, "the certificate ended on " +
                                   base::formatTime(signing_->certificate.notAfter) +
                                   " and can renew nothing; enrol again with a new token"};
  if (parsed_.has("force") || directory_.has(kNextKey)) signing_->due = true;
  return {};
}

Result<std::optional<Renewal::Present>> Renewal::look(PairNames names) const {
  if (!directory_.has(names.certificate)) return std::optional<Present>();
  auto pair = readHolderKey(directory_.file(names.certificate), directory_.file(names.key));
  if (!pair) return std::move(pair).error();
  auto certificate = kms::pki::parseCertificate(pair->certificate);
  if (!certificate) return std::move(certificate).error();
  const bool due = now_ >= dueFrom(*certificate);
  return std::optional(Present{*std::move(certificate), due});
}

Result<void> Renewal::renewAll() {
  access_.trust.certificate = directory_.file(kSigningPair.certificate);
  access_.trust.key = directory_.file(kSigningPair.key);
  auto remote = connectTrusting(access_, directory_.file(kAuthorityFile));
  if (!remote) return std::move(remote).error();
  if (encryption_ && encryption_->due)
    if (auto done = renewEncryption(*remote); !done) return done;
  if (signing_->due)
    if (auto done = renewSigning(*remote); !done) return done;
  return renewed_.empty() ? Result<void>() : writeBundles();
}

Result<Answer> Renewal::ask(Remote& remote, const char* path, const Body* body) {
  auto answer = remote.call("POST", path, body);
  if (!answer || answer->good()) return answer;
  refusal_ = *answer;
  return errorOf(*answer);
}

Result<void> Renewal::renewSigning(Remote& remote) {
  const bool anew = parsed_.has("new-key") || directory_.has(kNextKey);
  auto key = readKeyPem(directory_.file(kSigningPair.key));
  if (key && anew) key = directory_.keyOrNew(kNextKey, key->kind());
  if (!key) return std::move(key).error();
  const auto request = kms::pki::requestCertificate(*key);
  if (!request) return request.error();
  Body body;
  body.text("csr", kms::pki::pem("CERTIFICATE REQUEST", *request));
  const auto answer = ask(remote, "/v1/certificates/renew", &body);
  if (!answer) return answer.error();
  auto issued = readIssued(answer->document);
  if (!issued) return std::move(issued).error();
  const bool pinned =
      parsed_.has("ca-sha256") &&
      plainFingerprint(parsed_.text("ca-sha256")) == base::toHex(kms::pki::sha256(issued->chain.front().der));
  auto trusted = authorities_;
  if (pinned) trusted.push_back(issued->chain.front());
  if (auto sound =
          checkIssued(issued->certificate, trusted, between(*issued), key->publicKey(), Profile::Signing);
      !sound) {
    if (contains(trusted, issued->chain.front())) return sound;
    return Error{
        Code::Denied,
        "the server has another authority, " + kms::pki::shownName(issued->chain.front().subject) +
            ", that nobody here vouches for; compare its fingerprint, and give it with --ca-sha256: " +
            base::toHex(kms::pki::sha256(issued->chain.front().der))};
  }
  if (auto kept = keepAuthority(*issued); !kept) return kept;
  base::SecretText text;
  if (anew) {
    const auto pkcs8 = key->encode();
    if (!pkcs8) return pkcs8.error();
    text = keyPem(pkcs8->bytes());
  }
  if (auto done = directory_.replace(kSigningPair, base::asBytes(base::view(text)), issued->text); !done)
    return done;
  renewed_.push_back(issued->serial);
  signing_ = Present{std::move(issued->certificate), false};
  return {};
}

Result<void> Renewal::renewEncryption(Remote& remote) {
  const auto answer = ask(remote, "/v1/encryption", nullptr);
  if (!answer) return answer.error();
  auto pair = readPair(answer->document);
  if (!pair) return std::move(pair).error();
  Issued& issued = pair->issued;
  // The server's clock decides, and it may be a little behind.
  if (issued.certificate.der == encryption_->certificate.der) return {};
  // The server has made this key itself, so its word is enough for who signed.
  auto trusted = authorities_;
  trusted.insert(trusted.end(), issued.chain.begin(), issued.chain.end());
  if (auto sound = checkIssued(issued.certificate, trusted, {}, pair->key.publicKey(), Profile::Encryption);
      !sound)
    return sound;
  const auto key = base::asBytes(base::view(pair->keyText));
  if (auto done = directory_.replace(kEncryptionPair, key, issued.text); !done) return done;
  renewed_.push_back(issued.serial);
  encryption_ = Present{std::move(issued.certificate), false};
  return {};
}

// The authority that signs now stands first; those before it stay until they end, for what they signed.
Result<void> Renewal::keepAuthority(const Issued& issued) {
  std::vector<Certificate> all = issued.chain;
  for (Certificate& one : authorities_)
    if (one.notAfter > now_ && all.size() < kAuthoritiesMost && !contains(all, one))
      all.push_back(std::move(one));
  authorities_ = std::move(all);
  if (auto kept = directory_.writePublic(kAuthorityFile, base::asBytes(pemOf(authorities_))); !kept)
    return kept;
  return directory_.keepLinks(issued.links);
}

Result<void> Renewal::writeBundles() const {
  const bool there = directory_.has(kSigningBundle) || directory_.has(kEncryptionBundle);
  if (!parsed_.has("password-file")) {
    if (there)
      std::cerr << "kmsctl: the .p12 files still hold what was renewed; --password-file writes them anew\n";
    return {};
  }
  const auto password = choosePassword(parsed_, {});
  if (!password) return password.error();
  if (auto done = writeBundle(kSigningPair, kSigningBundle, password->text); !done) return done;
  return encryption_ ? writeBundle(kEncryptionPair, kEncryptionBundle, password->text) : Result<void>();
}

Result<void> Renewal::writeBundle(PairNames names, const char* bundle,
                                  const base::SecretText& password) const {
  const auto pair = readHolderKey(directory_.file(names.certificate), directory_.file(names.key));
  if (!pair) return pair.error();
  const auto key = pair->key.encode();
  if (!key) return key.error();
  auto chain = directory_.links();
  for (const Certificate& one : authorities_) chain.push_back(one.der);
  const auto parsed = kms::pki::parseCertificate(pair->certificate);
  if (!parsed) return parsed.error();
  const std::string name = kms::pki::shownName(parsed->subject);
  auto made = kms::pki::makeBundle({{key->bytes(), pair->certificate, name}}, chain, base::view(password));
  if (!made) return std::move(made).error();
  return directory_.writeSecret(bundle, made->bytes());
}

Exit Renewal::report() const {
  base::Time next = dueFrom(signing_->certificate);
  if (encryption_) next = std::min(next, dueFrom(encryption_->certificate));
  const std::string due = base::formatTime(next);
  if (parsed_.has("json")) {
    Body out;
    out.texts("renewed", renewed_).text("not_due_before", due);
    out.text("not_after", base::formatTime(signing_->certificate.notAfter));
    return printSecretLine(out.json());
  }
  for (const std::string& serial : renewed_) std::cout << "renewed: " << serial << "\n";
  std::cout << "not due before " << due << "\n";
  return Exit::Yes;
}

}  // namespace kmsd::ctl
