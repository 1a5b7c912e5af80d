// The pairs for encryption, and what is left behind of an enrolment.
#include <iostream>
#include <set>

#include "daemon/ctl/certificate_check.h"
#include "daemon/ctl/enrolment.h"
#include "daemon/ctl/output.h"
#include "hal/base/rfc3339.h"
#include "kms/pki/subject.h"
#include "kms/tokens/guarded.h"

namespace kmsd::ctl {
namespace {

using base::Code;
using base::Error;
using base::Result;
using kms::pki::Profile;

// Whose it is, and that the key fits: of an old pair the authority and the time may be over.
Result<void> checkPair(const IssuedPair& pair, const std::string& user) {
  if (pair.issued.user != user || pair.issued.profile != row(Profile::Encryption).name)
    return Error{Code::Invalid, "the server sent a pair of another user or for another purpose"};
  if (pair.issued.certificate.key != pair.key.publicKey().hash())
    return Error{Code::Invalid, "the server sent a key that is not its certificate's"};
  return {};
}

}  // namespace

Result<void> Enrolment::getPairs() {
  if (!recover_ && parsed_.has("no-encryption")) return {};
  access_.trust.certificate = directory_.file(kSigningPair.certificate);
  access_.trust.key = directory_.file(kSigningPair.key);
  auto remote = Remote::connect(access_);
  if (!remote) return std::move(remote).error();
  if (auto got = getPair(*remote); !got) return got;
  return recover_ ? recoverPairs(*remote) : Result<void>();
}

Result<void> Enrolment::getPair(Remote& remote) {
  const auto answer = ask(remote, "/v1/encryption", nullptr);
  if (!answer) return answer.error();
  auto pair = readPair(answer->document);
  if (!pair) return std::move(pair).error();
  if (auto right = checkPair(*pair, user_); !right) return right;
  // The server has made this key itself, so its word is enough where an authority before this one signed.
  auto trusted = authorities_;
  trusted.insert(trusted.end(), pair->issued.chain.begin(), pair->issued.chain.end());
  if (auto sound =
          checkIssued(pair->issued.certificate, trusted, {}, pair->key.publicKey(), Profile::Encryption);
      !sound)
    return sound;
  if (auto kept = keepAuthority(trusted); !kept) return kept;
  const auto key = base::asBytes(base::view(pair->keyText));
  if (auto kept = directory_.replace(kEncryptionPair, key, pair->issued.text); !kept) return kept;
  pair_.emplace(*std::move(pair));
  return {};
}

// What was got before the run was broken off is got again: a page costs little, and the .p12 needs them all.
Result<void> Enrolment::recoverPairs(Remote& remote) {
  std::set<std::string> seen;
  for (Query query;;) {
    const auto answer = ask(remote, "/v1/encryption/recover", nullptr, query);
    if (!answer) return answer.error();
    for (const Document& one : answer->document.items())
      if (auto kept = keepRecovered(one); !kept) return kept;
    const std::string next = answer->document.text("next");
    if (next.empty()) return {};
    if (!seen.insert(next).second) return Error{Code::Corrupt, "the server repeats a page of the old keys"};
    query["after"] = next;
  }
}

Result<void> Enrolment::keepRecovered(const Document& one) {
  auto pair = readOldPair(one);
  if (!pair) return std::move(pair).error();
  if (auto right = checkPair(*pair, user_); !right) return right;
  const std::string serial = pair->issued.serial;
  if (serial == pair_->issued.serial) return {};
  const auto text = base::asBytes(base::view(pair->keyText));
  if (auto kept = directory_.keepOld(kEncryptionPair, serial, text, pair->issued.text); !kept) return kept;
  const auto key = pair->key.encode();
  if (!key) return key.error();
  return kms::guarded([&]() -> Result<void> {
    const auto bytes = key->bytes();
    oldPairs_.push_back({{bytes.begin(), bytes.end()},
                         std::move(pair->issued.certificate.der),
                         std::move(pair->issued.until)});
    return {};
  });
}

Result<void> Enrolment::writeBundles() {
  if (parsed_.has("no-pkcs12")) return {};
  const auto own = key_->encode();
  if (!own) return own.error();
  auto chain = directory_.links();
  for (const auto& one : authorities_) chain.push_back(one.der);
  auto signing =
      kms::pki::makeBundle({{own->bytes(), certificate_->der, user_}}, chain, base::view(password_.text));
  if (!signing) return std::move(signing).error();
  if (auto kept = directory_.writeSecret(kSigningBundle, signing->bytes()); !kept) return kept;
  if (!pair_) return {};
  const auto newest = pair_->key.encode();
  if (!newest) return newest.error();
  const auto nameOf = [&](const std::string& until) { return user_ + ", mail until " + until.substr(0, 10); };
  std::vector<kms::pki::BundleEntry> entries{
      {newest->bytes(), pair_->issued.certificate.der, nameOf(pair_->issued.until)}};
  for (const OldPair& old : oldPairs_) entries.push_back({old.key, old.certificate, nameOf(old.until)});
  auto bundle = kms::pki::makeBundle(entries, chain, base::view(password_.text));
  if (!bundle) return std::move(bundle).error();
  return directory_.writeSecret(kEncryptionBundle, bundle->bytes());
}

// The password is the only thing that a shell may want to catch.
Result<void> Enrolment::report() {
  const std::string serial = base::toHex(certificate_->serial);
  const std::string until = base::formatTime(certificate_->notAfter);
  const std::string where = directory_.file("").string();
  const bool shown = password_.random;
  Exit printed = Exit::Yes;
  if (parsed_.has("json")) {
    Body out;
    out.text("user", user_).text("serial", serial).text("not_after", until).text("directory", where);
    if (pair_) out.text("encryption_serial", pair_->issued.serial);
    if (recover_) out.number("recovered", static_cast<std::int64_t>(oldPairs_.size()));
    if (shown) out.text("password", base::view(password_.text));
    printed = printSecretLine(out.json());
  } else {
    std::cerr << formatFields({{recover_ ? "recovered" : "enrolled", user_},
                               {"subject", kms::pki::shownName(certificate_->subject)},
                               {"serial", serial},
                               {"until", until},
                               {"encryption", pair_ ? pair_->issued.serial : ""},
                               {"old keys", recover_ ? std::to_string(oldPairs_.size()) : ""},
                               {"files", where}});
    if (shown) std::cerr << "the password of the .p12 files, shown this once:\n";
    if (shown) printed = printSecretLine(password_.text);
  }
  if (printed == Exit::Yes) return {};
  return Error{Code::Io, "what was done could not be printed; the same command ends it"};
}

}  // namespace kmsd::ctl
