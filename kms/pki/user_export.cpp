// UserMove at the source: sealing a user for another server, and ending him here.
#include <algorithm>
#include <future>

#include "kms/audit/audit.h"
#include "kms/pki/archive_row.h"
#include "kms/pki/certificate_core.h"
#include "kms/pki/digest.h"
#include "kms/pki/imported_row.h"
#include "kms/pki/row_fields.h"
#include "kms/pki/user_envelope.h"
#include "kms/pki/user_move.h"

namespace kms::pki {
namespace {

using base::Code;
using base::Error;
using base::Result;

// No user's name begins so, and so no row of the index has such a MAC.
constexpr std::string_view kClaimLabel("\0keydisk/1/user-move", 20);

Result<MovedCertificate> moved(StoreReader& reader, OpenKeys& keys, const CertificateRow& row,
                               base::Time now) {
  MovedCertificate one;
  one.profile = row.profile;
  one.state = stateOf(row, now);
  one.reason = row.reason;
  one.issued = row.issued;
  one.revokedAt = row.revokedAt;
  one.der = row.der;
  if (row.archived == 0) return one;
  auto archived = readArchived(reader, keys, row.archived, row.user);
  if (!archived) return std::move(archived).error();
  one.key = std::move(archived->key);
  return one;
}

Result<std::vector<MovedCertificate>> allOf(StoreReader& reader, OpenKeys& keys, const UserRow& user,
                                            base::Time now) {
  std::vector<MovedCertificate> out;
  for (std::int64_t sequence = user.newest; sequence != 0;) {
    if (out.size() == kMovedMost)
      return Error{Code::Invalid, "this user has more than " + std::to_string(kMovedMost) +
                                      " certificates, which is more than one package takes"};
    auto row = readCertificate(reader, keys, sequence);
    if (!row) return std::move(row).error();
    if (!*row || (*row)->user != user.user.id)
      return corruptRow("a user's certificate is missing or another's");
    sequence = (*row)->previous;
    if ((*row)->archived == 0 && now >= (*row)->notAfter && !isImported(**row))
      continue;  // of no use to anybody
    auto one = moved(reader, keys, **row, now);
    if (!one) return std::move(one).error();
    out.push_back(*std::move(one));
  }
  std::ranges::reverse(out);
  return out;
}

// As administrators agree to it.
ApprovalSubject askedFor(const UserRow& user, const Thumbprint& recipient) {
  return {ApprovalKind::UserExport, user.user.id, "to " + base::toHex(recipient)};
}

unsigned keysIn(const MoveDocument& document) {
  return static_cast<unsigned>(
      std::ranges::count_if(document.certificates, [](const auto& one) { return !one.key.empty(); }));
}

Result<void> checkRecipient(base::BytesView der, base::Time now) {
  auto certificate = parseCertificate(der);
  if (!certificate) return std::move(certificate).error();
  auto key = keyOf(*certificate);
  if (!key) return std::move(key).error();
  if (!key->canEncrypt())
    return Error{Code::Invalid, "the key of the recipient's certificate cannot encrypt"};
  if (now >= certificate->notAfter || certificate->authority)
    return Error{Code::Invalid,
                 "the recipient's certificate has ended, or is an authority's; take the one that kmsctl user "
                 "import --recipient gives at the other server"};
  return {};
}

}  // namespace

MoveClaim claimOf(OpenKeys& keys, const MoveId& id, const Thumbprint& recipient, const UserRow& user) {
  base::ByteWriter what;
  what.raw(base::asBytes(kClaimLabel));
  what.raw(id);
  what.raw(recipient);
  putNumber(what, user.user.id);
  putNumber(what, user.newest);
  return keys.indexMac(Index::UserName, what.bytes());
}

UserMove::UserMove(Vault& vault, Store& store, Authority& authority, CertificateService& certificates,
                   TokenService& tokens, const base::Clock& clock, base::Rng& rng, const Policy& policy,
                   std::string organisation)
    : vault_(vault),
      store_(store),
      authority_(authority),
      certificates_(certificates),
      tokens_(tokens),
      rng_(rng),
      policy_(policy),
      organisation_(std::move(organisation)),
      clock_(clock, policy) {}

Result<UserRow> UserMove::userOf(const std::string& name) {
  return guarded([&]() -> Result<UserRow> {
    auto keys = vault_.hold();
    if (!keys) return std::move(keys).error();
    std::optional<UserRow> found;
    auto read = store_.read([&](StoreReader& reader) -> Result<void> {
      auto row = findUser(reader, **keys, name);
      if (!row) return std::move(row).error();
      found = *std::move(row);
      return {};
    });
    if (!read) return std::move(read).error();
    if (!found) return noSuchUser(name);
    return *std::move(found);
  });
}

Result<MoveDocument> UserMove::gather(const Actor& by, const std::string& name, const Thumbprint& recipient,
                                      const Thumbprint& source) {
  MoveDocument out;
  rng_.fill(out.id);
  out.recipient = recipient;
  out.source = source;
  auto done = store_.writeAndWait([&](Txn& txn) -> Result<void> {
    return guarded([&]() -> Result<void> {
      auto keys = vault_.hold();
      if (!keys) return std::move(keys).error();
      auto now = clock_.advanceToGrant(txn);
      if (!now) return std::move(now).error();
      auto row = findUser(txn, **keys, name);
      if (!row) return std::move(row).error();
      if (!*row) return noSuchUser(name);
      out.user = (*row)->user;
      out.claim = claimOf(**keys, out.id, recipient, **row);
      auto all = allOf(txn, **keys, **row, *now);
      if (!all) return std::move(all).error();
      out.certificates = *std::move(all);
      auto spent = tokens_.approvals().spend(txn, **keys, by, askedFor(**row, recipient), *now);
      if (!spent) return spent;
      return record(
          txn, *now,
          {Event::UserExported, by.name, name,
           std::to_string(out.certificates.size()) + " certificates, " + std::to_string(keysIn(out)) +
               " keys, to " + base::toHex(recipient) + ", package " + base::toHex(out.id)});
    });
  });
  if (!done) return std::move(done).error();
  return out;
}

Result<ExportedUser> UserMove::exportUser(const Actor& by, const std::string& name,
                                          base::BytesView recipient) {
  if (by.role < Role::Admin) return forbidden("exporting a user needs the role admin");
  auto now = clock_.now(store_);
  if (!now) return std::move(now).error();
  if (auto good = checkRecipient(recipient, *now); !good) return std::move(good).error();
  auto user = userOf(name);
  if (!user) return std::move(user).error();
  UserPackage package;
  package.recipient = sha256(recipient);
  std::int64_t number = 0;
  {
    auto signers = authority_.current();
    if (!signers) return std::move(signers).error();
    number = (*signers)->number;
    package.source = (*signers)->authority.certificate.der;
  }
  auto agreed = tokens_.approvals().ask(by, askedFor(*user, package.recipient));
  if (!agreed) return std::move(agreed).error();
  ExportedUser out;
  out.source = sha256(package.source);
  auto document = gather(by, name, package.recipient, out.source);
  if (!document) return std::move(document).error();
  out.certificates = static_cast<unsigned>(document->certificates.size());
  out.keys = keysIn(*document);
  package.id = document->id;
  auto sealed = guarded([&]() -> Result<base::Bytes> {
    auto plain = encodeDocument(*document);
    if (!plain) return std::move(plain).error();
    return sealFor(recipient, *plain);
  });
  if (!sealed) return std::move(sealed).error();
  package.envelope = *std::move(sealed);
  auto signers = authority_.number(number);
  if (!signers) return std::move(signers).error();
  if (auto done = signPackage(package, (*signers)->authority.key); !done) return std::move(done).error();
  out.package = encodePackage(package);
  if (out.package.size() > kPackageMost)
    return Error{Code::Invalid, "this user has more certificates and keys than one package takes"};
  return out;
}

Result<MovedUser> UserMove::confirm(const Actor& by, base::BytesView bytes) {
  if (by.role < Role::Admin) return forbidden("ending a user who has moved needs the role admin");
  auto receipt = decodeReceipt(bytes);
  if (!receipt) return std::move(receipt).error();
  auto user = userOf(receipt->name);
  if (!user) return std::move(user).error();
  {
    auto keys = vault_.hold();
    if (!keys) return std::move(keys).error();
    auto mac = receiptMac(*receipt, claimOf(**keys, receipt->id, receipt->recipient, *user));
    if (!mac) return std::move(mac).error();
    if (!base::equalConstantTime(*mac, receipt->mac))
      return forbidden("this receipt is altered, or not for what this server has exported of " +
                       receipt->name + ", or he has got certificates since; export and import him again");
  }
  std::promise<Result<Outcomes<RevokedUser>>> ended;
  certificates_.revokeUsers(by, {receipt->name}, RevocationReason::CessationOfOperation,
                            [&](Result<Outcomes<RevokedUser>> one) { ended.set_value(std::move(one)); });
  auto outcomes = ended.get_future().get();
  if (!outcomes) return std::move(outcomes).error();
  if (!outcomes->front()) return std::move(outcomes->front()).error();
  std::promise<Result<void>> revoked;
  tokens_.revokeUser(by, receipt->name, [&](Result<void> one) { revoked.set_value(std::move(one)); });
  if (auto done = revoked.get_future().get(); !done) return std::move(done).error();
  auto recorded = store_.writeAndWait([&](Txn& txn) -> Result<void> {
    auto now = clock_.advance(txn);
    if (!now) return std::move(now).error();
    return record(txn, *now,
                  {Event::UserMovedAway, by.name, receipt->name,
                   "to " + base::toHex(receipt->recipient) + ", package " + base::toHex(receipt->id)});
  });
  if (!recorded) return std::move(recorded).error();
  return MovedUser{receipt->name, *outcomes->front()};
}

}  // namespace kms::pki
