// UserMove at the source: sealing a user for another server. How he is ended here: user_confirm.cpp
#include <algorithm>

#include "kms/audit/audit.h"
#include "kms/pki/archive_row.h"
#include "kms/pki/certificate_core.h"
#include "kms/pki/digest.h"
#include "kms/pki/grant.h"
#include "kms/pki/imported_row.h"
#include "kms/pki/row_fields.h"
#include "kms/pki/user_envelope.h"
#include "kms/pki/user_move.h"
#include "kms/tokens/paging.h"

namespace kms::pki {
namespace {

using base::Code;
using base::Error;
using base::Result;

// No user's name begins so, and so no row of the index has such a MAC.
constexpr std::string_view kClaimLabel("\0keydisk/1/user-move", 20);
constexpr std::string_view kOriginLabel("\0keydisk/1/user-origin", 22);

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

// Of no use to anybody: it has ended, and its key was never here.
bool isSpent(const CertificateRow& row, base::Time now) {
  return row.archived == 0 && now >= row.notAfter && !isImported(row);
}

// The row's number of the certificate that a package ended with; 0 where there was none before.
Result<std::int64_t> numberOf(StoreReader& reader, OpenKeys& keys, const UserRow& user,
                              const std::string& after, Thumbprint& thumbprint) {
  if (after.empty()) return 0;
  const auto serial = parseSerial(after);
  if (!serial) return badAfter();
  auto row = findCertificate(reader, keys, *serial);
  if (!row) return std::move(row).error();
  if (!*row || (*row)->user != user.user.id) return badAfter();
  thumbprint = sha256((*row)->der);
  return (*row)->sequence;
}

// Numbers of those that are newer than `after`, the newest first.
Result<std::vector<std::int64_t>> newerThan(StoreReader& reader, OpenKeys& keys, const UserRow& user,
                                            std::int64_t after, base::Time now) {
  std::vector<std::int64_t> out;
  for (std::int64_t sequence = user.newest; sequence != after;) {
    auto row = readCertificate(reader, keys, sequence);
    if (!row) return std::move(row).error();
    if (!*row || (*row)->user != user.user.id)
      return corruptRow("a user's certificate is missing or another's");
    if (!isSpent(**row, now)) out.push_back(sequence);
    sequence = (*row)->previous;
  }
  return out;
}

// As many as fit; gives the serial of the last one where there are more.
Result<std::optional<std::string>> fill(StoreReader& reader, OpenKeys& keys,
                                        const std::vector<std::int64_t>& newest, base::Time now,
                                        MoveDocument& document) {
  std::size_t size = documentSize(document);
  std::string last;
  for (auto at = newest.rbegin(); at != newest.rend(); ++at) {
    auto row = readCertificate(reader, keys, *at);
    if (!row) return std::move(row).error();
    if (!*row) return corruptRow("a user's certificate is missing");
    auto one = moved(reader, keys, **row, now);
    if (!one) return std::move(one).error();
    size += itemSize(*one);
    const std::size_t count = document.certificates.size();
    if (count == kMovedMost || (count != 0 && size > kDocumentMost)) return std::optional(last);
    document.certificates.push_back(*std::move(one));
    last = serialText((*row)->serial);
  }
  return std::optional<std::string>();
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
  const auto refused = [](const char* why) {
    return Error{Code::Invalid, std::string("the recipient's certificate ") + why +
                                    "; take the one that kmsctl user import --recipient gives at the other "
                                    "server"};
  };
  if (certificate->authority) return refused("is an authority's");
  if (now >= certificate->notAfter) return refused("has ended");
  if (now < certificate->notBefore) return refused("has not begun; is a clock wrong?");
  return {};
}

}  // namespace

UserOrigin originOf(OpenKeys& keys, const UserRow& user) {
  base::ByteWriter what;
  what.raw(base::asBytes(kOriginLabel));
  putNumber(what, user.user.id);
  return keys.indexMac(Index::UserName, what.bytes());
}

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

// The last look at what was sealed, and what stays of it here.
Result<void> UserMove::finishExport(const Actor& by, const MoveDocument& document, const UserRow& was) {
  return grantAndWait(vault_, store_, clock_, [&](Txn& txn, OpenKeys& keys, base::Time now) -> Result<void> {
    auto row = findUser(txn, keys, was.user.name);
    if (!row) return std::move(row).error();
    if (!*row) return noSuchUser(was.user.name);
    if (document.last) {
      if ((*row)->newest != was.newest)
        return Error{Code::Conflict, was.user.name + " got a certificate while being exported; try again"};
      auto spent = tokens_.approvals().spend(txn, keys, by, askedFor(was, document.recipient), now);
      if (!spent) return spent;
    }
    return record(
        txn, now,
        {Event::UserExported, by.name, was.user.name,
         std::to_string(document.certificates.size()) + " certificates, " + std::to_string(keysIn(document)) +
             " keys, to " + base::toHex(document.recipient) + ", package " + base::toHex(document.id) +
             (document.last ? "" : ", and more to come")});
  });
}

// Reads the user anew, and puts what comes behind `after` into the document; gives `next`.
Result<std::optional<std::string>> UserMove::gather(MoveDocument& document, UserRow& user,
                                                    const std::string& after) {
  using Next = std::optional<std::string>;
  return guarded([&]() -> Result<Next> {
    auto keys = vault_.hold();
    if (!keys) return std::move(keys).error();
    Next next;
    auto read = store_.read([&](StoreReader& reader) -> Result<void> {
      auto now = clock_.now(reader);
      if (!now) return std::move(now).error();
      auto row = readUser(reader, **keys, user.user.id);
      if (!row) return std::move(row).error();
      user = *std::move(row);
      document.user = user.user;
      document.origin = originOf(**keys, user);
      auto number = numberOf(reader, **keys, user, after, document.after);
      if (!number) return std::move(number).error();
      auto newer = newerThan(reader, **keys, user, *number, *now);
      if (!newer) return std::move(newer).error();
      auto filled = fill(reader, **keys, *newer, *now, document);
      if (!filled) return std::move(filled).error();
      next = *std::move(filled);
      document.last = !next;
      if (document.last) document.claim = claimOf(**keys, document.id, document.recipient, user);
      return {};
    });
    if (!read) return std::move(read).error();
    return next;
  });
}

Result<base::Bytes> UserMove::seal(const MoveDocument& document, base::BytesView recipient,
                                   std::int64_t authority) {
  UserPackage package;
  package.id = document.id;
  package.recipient = document.recipient;
  auto sealed = guarded([&]() -> Result<base::Bytes> {
    auto plain = encodeDocument(document);
    if (!plain) return std::move(plain).error();
    return sealFor(recipient, *plain);
  });
  if (!sealed) return sealed;
  package.envelope = *std::move(sealed);
  auto signers = authority_.number(authority);
  if (!signers) return std::move(signers).error();
  package.source = (*signers)->authority.certificate.der;
  if (auto done = signPackage(package, (*signers)->authority.key); !done) return std::move(done).error();
  base::Bytes out = encodePackage(package);
  if (out.size() > kPackageMost)
    return Error{Code::Invalid, "a certificate and the names of this user are more than one package takes"};
  return out;
}

Result<ExportedUser> UserMove::exportUser(const Actor& by, const std::string& name, base::BytesView recipient,
                                          const std::string& after) {
  if (by.role < Role::Admin) return forbidden("exporting a user needs the role admin");
  auto now = clock_.now(store_);
  if (!now) return std::move(now).error();
  if (auto good = checkRecipient(recipient, *now); !good) return std::move(good).error();
  auto user = userOf(name);
  if (!user) return std::move(user).error();
  MoveDocument document;
  rng_.fill(document.id);
  document.recipient = sha256(recipient);
  std::int64_t authority = 0;
  {
    auto signers = authority_.current();
    if (!signers) return std::move(signers).error();
    authority = (*signers)->number;
    document.source = sha256((*signers)->authority.certificate.der);
  }
  auto agreed = tokens_.approvals().ask(by, askedFor(*user, document.recipient));
  if (!agreed) return std::move(agreed).error();
  auto next = gather(document, *user, after);
  if (!next) return std::move(next).error();
  auto package = seal(document, recipient, authority);
  if (!package) return std::move(package).error();
  if (auto done = finishExport(by, document, *user); !done) return std::move(done).error();
  return ExportedUser{*std::move(package), document.source,
                      static_cast<unsigned>(document.certificates.size()), keysIn(document),
                      *std::move(next)};
}

}  // namespace kms::pki
