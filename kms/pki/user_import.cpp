// UserMove at the target: the certificate that users are sealed to, and taking them.
#include <algorithm>
#include <set>

#include "kms/audit/audit.h"
#include "kms/pki/archive_row.h"
#include "kms/pki/certificate_core.h"
#include "kms/pki/digest.h"
#include "kms/pki/import_certificate.h"
#include "kms/pki/imported_row.h"
#include "kms/pki/user_envelope.h"
#include "kms/pki/user_move.h"
#include "kms/tokens/user_jobs.h"

namespace kms::pki {
namespace {

using base::Code;
using base::Error;
using base::Result;

constexpr KeyKind kKind = KeyKind::EcdsaP256;

// One certificate of the document, after it was looked at.
struct Arriving {
  const MovedCertificate* moved = nullptr;
  Certificate certificate;
};

UserChange fieldsOf(const User& user, Role most) {
  UserChange fields;
  fields.mail = user.mail;
  fields.dns = user.dns;
  fields.commonName = user.commonName;
  fields.role = std::min(user.role, most);
  return fields;
}

Result<std::vector<Arriving>> lookAt(const MoveDocument& document) {
  std::vector<Arriving> out;
  for (const MovedCertificate& one : document.certificates) {
    auto certificate = parseCertificate(one.der);
    if (!certificate) return std::move(certificate).error();
    if (!one.key.empty()) {
      auto key = PrivateKey::parse(one.key.bytes());
      if (!key && key.error().code == Code::Unavailable) return std::move(key).error();
      if (!key || key->publicKey().hash() != certificate->key)
        return Error{Code::Invalid, "a certificate of the package and its key are no pair"};
    }
    out.push_back({&one, *std::move(certificate)});
  }
  return out;
}

// Of the user's that came from another server.
Result<std::set<Thumbprint>> importedOf(StoreReader& reader, OpenKeys& keys, const UserRow& user) {
  std::set<Thumbprint> out;
  for (std::int64_t sequence = user.newest; sequence != 0;) {
    auto row = readCertificate(reader, keys, sequence);
    if (!row) return std::move(row).error();
    if (!*row || (*row)->user != user.user.id)
      return corruptRow("a user's certificate is missing or another's");
    sequence = (*row)->previous;
    if (isImported(**row)) out.insert(sha256((*row)->der));
  }
  return out;
}

Result<void> insertForeign(Txn& txn, OpenKeys& keys, UserRow& user, std::int64_t sequence,
                           const Arriving& one, const std::string& actor, base::Time now, base::Rng& rng) {
  CertificateRow row;
  row.sequence = sequence;
  row.state = CertificateState::Revoked;
  row.profile = one.moved->profile;
  row.serial = keys.serial(sequence, rng);
  row.user = user.user.id;
  row.previous = user.newest;
  row.line = sequence;  // of its own: only recover() hands its key out
  row.grant = Role::User;
  row.issued = one.moved->issued;
  row.notBefore = one.certificate.notBefore;
  const bool final = one.moved->state == CertificateState::Revoked && isFinal(one.moved->reason);
  row.reason = final ? one.moved->reason : RevocationReason::CessationOfOperation;
  row.revokedAt = now;
  row.key = one.certificate.key;
  row.der = one.moved->der;
  if (!one.moved->key.empty()) {
    row.archived = sequence;
    ArchiveRow archived{user.user.id, sequence, {}};
    auto copy = base::SecretBuffer::copyOf(one.moved->key.bytes());
    if (!copy) return std::move(copy).error();
    archived.key = *std::move(copy);
    if (auto in = insertArchived(txn, keys, archived); !in) return in;
  }
  if (auto inserted = insertCertificate(txn, keys, row); !inserted) return inserted;
  user.newest = sequence;
  const std::string what = std::string(pki::row(row.profile).name) + ", there " +
                           base::toHex(one.certificate.serial) +
                           (one.moved->key.empty() ? "" : ", with its key");
  return record(txn, now, {Event::CertificateImported, actor, serialText(row.serial), what, user.user.name});
}

struct Import {
  const Actor& by;
  const MoveDocument& document;
  const std::vector<Arriving>& arriving;
  Role most;
};

// Adds what is missing, and counts it into `out`. REQUIRES: every part of it was looked at.
Result<void> insertAll(Txn& txn, OpenKeys& keys, const Import& what, base::Time now, base::Rng& rng,
                       ImportedUser& out) {
  const std::string& name = what.document.user.name;
  auto found = findUser(txn, keys, name);
  if (!found) return std::move(found).error();
  std::set<Thumbprint> there;
  if (*found) {
    if ((*found)->origin != what.document.origin)
      return Error{Code::Conflict, "there is a user " + name +
                                       " already, who was not imported from there; nothing is changed"};
    auto imported = importedOf(txn, keys, **found);
    if (!imported) return std::move(imported).error();
    there = *std::move(imported);
    out.again = true;
  }
  if (what.document.after != Thumbprint{} && !there.contains(what.document.after))
    return Error{Code::Conflict, "the package of " + name +
                                     " before this one was not taken; import the whole file, in its order"};
  auto user = *found ? Result<UserRow>(**std::move(found))
                     : insertUser(txn, keys, what.by, name, fieldsOf(what.document.user, what.most), now);
  if (!user) return std::move(user).error();
  user->origin = what.document.origin;
  std::vector<const Arriving*> missing;
  for (const Arriving& one : what.arriving)
    if (there.insert(sha256(one.moved->der)).second) missing.push_back(&one);
  if (!missing.empty()) {
    auto sequence = CertificateSequence::reserve(txn, static_cast<std::int64_t>(missing.size()));
    if (!sequence) return std::move(sequence).error();
    for (const Arriving* one : missing) {
      if (auto in = insertForeign(txn, keys, *user, (*sequence)++, *one, what.by.name, now, rng); !in)
        return in;
      if (!one->moved->key.empty()) ++out.keys;
    }
  }
  if (!missing.empty() || !out.again)
    if (auto written = writeUser(txn, keys, *user); !written) return written;
  out.certificates = static_cast<unsigned>(missing.size());
  out.role = user->user.role;
  return record(
      txn, now,
      {Event::UserImported, what.by.name, name,
       std::to_string(out.certificates) + " certificates, " + std::to_string(out.keys) + " keys, from " +
           base::toHex(what.document.source) + ", package " + base::toHex(what.document.id)});
}

Error notOurs() {
  return {Code::Invalid,
          "this package was sealed for another server, or for a certificate that this one has replaced; "
          "export the user again to the one that kmsctl user import --recipient gives now"};
}

}  // namespace

Result<base::Bytes> UserMove::certificate(const Actor& by) {
  if (by.role < Role::Admin) return forbidden("importing users needs the role admin");
  auto key = PrivateKey::generate(kKind);
  if (!key) return std::move(key).error();
  base::Bytes out;
  auto done = store_.writeAndWait([&](Txn& txn) -> Result<void> {
    return guarded([&]() -> Result<void> {
      auto keys = vault_.hold();
      if (!keys) return std::move(keys).error();
      auto now = clock_.advanceToGrant(txn);
      if (!now) return std::move(now).error();
      auto own = readImportIdentity(txn, **keys);
      if (!own) return std::move(own).error();
      const auto lasts = [&](const Certificate& one) {
        return *now < one.notAfter - (one.notAfter - one.notBefore) / 3;
      };
      if (!*own || !lasts((*own)->certificate)) {
        auto signers = authority_.current();
        if (!signers) return std::move(signers).error();
        if (*now >= (*signers)->authority.certificate.notAfter) return authorityEnded();
        auto made = makeImportIdentity(txn, **keys, **signers, *key, organisation_, *now, rng_);
        if (!made) return made;
        own = readImportIdentity(txn, **keys);
        if (!own) return std::move(own).error();
      }
      out = (*own)->certificate.der;
      return {};
    });
  });
  if (!done) return std::move(done).error();
  return out;
}

Result<base::SecretBuffer> UserMove::openOwn(const UserPackage& package) {
  return guarded([&]() -> Result<base::SecretBuffer> {
    auto keys = vault_.hold();
    if (!keys) return std::move(keys).error();
    std::optional<ImportIdentity> own;
    auto read = store_.read([&](StoreReader& reader) -> Result<void> {
      auto identity = readImportIdentity(reader, **keys);
      if (!identity) return std::move(identity).error();
      own = *std::move(identity);
      return {};
    });
    if (!read) return std::move(read).error();
    if (!own || sha256(own->certificate.der) != package.recipient) return notOurs();
    return openEnvelope(package.envelope, own->certificate.der, own->key);
  });
}

Result<ImportedUser> UserMove::importUser(const Actor& by, base::BytesView bytes, const Thumbprint& source,
                                          Role most) {
  if (by.role < Role::Admin) return forbidden("importing users needs the role admin");
  if (most < Role::User || most > Role::Admin)
    return Error{Code::Invalid, "a role is admin, issuer, verifier or user"};
  auto package = decodePackage(bytes);
  if (!package) return std::move(package).error();
  // Before the signature, so that none is checked with a key that nobody has compared.
  if (sha256(package->source) != source)
    return Error{Code::Invalid, "this package comes from another server: its authority has the thumbprint " +
                                    base::toHex(sha256(package->source))};
  if (auto good = verifyPackage(*package); !good) return std::move(good).error();
  auto plain = openOwn(*package);
  if (!plain) return std::move(plain).error();
  auto document = decodeDocument(plain->bytes());
  if (!document) return std::move(document).error();
  if (document->id != package->id || document->recipient != package->recipient || document->source != source)
    return Error{Code::Invalid, "this package was put together from parts of others"};
  const UserChange fields = fieldsOf(document->user, most);
  if (auto good = checkUser(document->user.name, fields, policy_); !good) return std::move(good).error();
  auto arriving = lookAt(*document);
  if (!arriving) return std::move(arriving).error();
  MoveReceipt receipt{document->id, document->recipient, document->user.name, {}};
  auto mac = receiptMac(receipt, document->claim);
  if (!mac) return std::move(mac).error();
  receipt.mac = *mac;
  ImportedUser out;
  auto done = store_.writeAndWait([&](Txn& txn) -> Result<void> {
    return guarded([&]() -> Result<void> {
      auto keys = vault_.hold();
      if (!keys) return std::move(keys).error();
      auto now = clock_.advanceToGrant(txn);
      if (!now) return std::move(now).error();
      out = ImportedUser{};
      return insertAll(txn, **keys, {by, *document, *arriving, most}, *now, rng_, out);
    });
  });
  if (!done) return std::move(done).error();
  out.name = document->user.name;
  if (document->last) out.receipt = encodeReceipt(receipt);
  return out;
}

}  // namespace kms::pki
