// Encryption pairs: made by the server, archived, and handed out again.
#include "kms/audit/audit.h"
#include "kms/pki/archive_row.h"
#include "kms/pki/certificate_core.h"
#include "kms/tokens/paging.h"

namespace kms::pki {
namespace {

using base::Result;

// Walks the user's certificates from `sequence` on to older ones, until `visit(row)` gives false.
template <class Visit>
Result<void> walk(StoreReader& reader, OpenKeys& keys, std::int64_t user, std::int64_t sequence,
                  Visit visit) {
  while (sequence != 0) {
    auto row = readCertificate(reader, keys, sequence);
    if (!row) return std::move(row).error();
    if (!*row || (*row)->user != user) return corruptRow("a user's certificate is missing or another's");
    sequence = (*row)->previous;
    auto goOn = visit(std::move(**row));
    if (!goOn) return std::move(goOn).error();
    if (!*goOn) return {};
  }
  return {};
}

constexpr int kLookedAt = 256;  // newest certificates of a user: his holder can make as many as he likes

// Active, and with a third of its life left.
bool goodForLong(const CertificateRow& row, base::Time now) {
  return row.profile == Profile::Encryption && row.archived != 0 && counts(row, now) &&
         now < row.notAfter - (row.notAfter - row.notBefore) / 3;
}

// Of the holder's own line only: whoever can have a certificate made in a user's name, an issuer, or has one
// of his enrol tokens, reads nothing by it that was encrypted to the user before.
Result<std::optional<CertificateRow>> goodPair(StoreReader& reader, OpenKeys& keys, const UserRow& user,
                                               const CertificateRow& holder, base::Time now) {
  std::optional<CertificateRow> found;
  const auto look = [&, left = kLookedAt](CertificateRow row) mutable -> Result<bool> {
    if (--left == 0) return false;
    if (row.line != holder.line || !goodForLong(row, now)) return true;
    found = std::move(row);
    return false;
  };
  auto walked = walk(reader, keys, user.user.id, user.newest, look);
  if (!walked) return std::move(walked).error();
  return found;
}

Result<KeyPair> pairOf(const CertificateCore& core, StoreReader& reader, OpenKeys& keys,
                       const CertificateRow& row, const std::string& user) {
  auto archived = readArchived(reader, keys, row.archived, row.user);
  if (!archived) return std::move(archived).error();
  auto issued = issuedOf(core, row, user);
  if (!issued) return std::move(issued).error();
  return KeyPair{*std::move(issued), std::move(archived->key)};
}

Result<CertificateRow> requireSigning(StoreReader& reader, OpenKeys& keys, const Serial& serial,
                                      base::Time now) {
  auto row = requireCounting(reader, keys, serial, now);
  if (row && (row->profile != Profile::Signing || row->user == 0)) return certificateRefused();
  return row;
}

struct Wanted {
  User user;
  std::optional<KeyPair> pair;  // there already
};

Result<Wanted> firstLook(CertificateCore& core, const Serial& holder) {
  return lookNow<Wanted>(core, [&](StoreReader& reader, OpenKeys& keys, base::Time now) -> Result<Wanted> {
    auto row = requireSigning(reader, keys, holder, now);
    if (!row) return std::move(row).error();
    auto user = readUser(reader, keys, row->user);
    if (!user) return std::move(user).error();
    Wanted out{user->user, {}};
    // A first use must be written: the job looks again.
    if (row->state == CertificateState::Unconfirmed) return out;
    auto good = goodPair(reader, keys, *user, *row, now);
    if (!good) return std::move(good).error();
    if (!*good) return out;
    auto pair = pairOf(core, reader, keys, **good, user->user.name);
    if (!pair) return std::move(pair).error();
    out.pair = *std::move(pair);
    return out;
  });
}

// A pair that was made ahead of the job.
struct NewPair {
  Draft draft;
  base::SecretBuffer key;
};

Result<Made<KeyPair>> archive(CertificateCore& core, Txn& txn, OpenKeys& keys, const Serial& holder,
                              const NewPair& made) {
  auto now = core.tokens.clock.advanceToGrant(txn);
  if (!now) return std::move(now).error();
  auto row = requireSigning(txn, keys, holder, *now);
  if (!row) return std::move(row).error();
  if (auto used = useRow(txn, keys, *row, *now); !used) return std::move(used).error();
  auto user = readUser(txn, keys, row->user);
  if (!user) return std::move(user).error();
  auto good = goodPair(txn, keys, *user, *row, *now);
  if (!good) return std::move(good).error();
  const std::string actor = "user " + user->user.name;
  if (!*good) {
    ArchiveRow archived{user->user.id, made.draft.sequence, {}};
    auto copy = base::SecretBuffer::copyOf(made.key.bytes());
    if (!copy) return std::move(copy).error();
    archived.key = *std::move(copy);
    if (auto in = insertArchived(txn, keys, archived); !in) return std::move(in).error();
    const Filing how{.archived = made.draft.sequence,
                     .line = row->line,
                     .grant = row->grant,
                     .actor = actor,
                     .detail = " with its key"};
    auto filed = file(core, txn, keys, made.draft, *user, how, *now);
    if (!filed) return std::move(filed).error();
    auto recorded =
        record(txn, *now, {Event::KeyArchived, actor, serialText(filed->serial), "", user->user.name});
    if (!recorded) return std::move(recorded).error();
    *good = *std::move(filed);
  }
  auto pair = pairOf(core, txn, keys, **good, user->user.name);
  if (!pair) return std::move(pair).error();
  return Made<KeyPair>{*std::move(pair), {}};
}

Result<std::shared_ptr<NewPair>> makePair(CertificateCore& core, const User& user) {
  auto key = PrivateKey::generate(core.pki.encryptionKey);
  if (!key) return std::move(key).error();
  auto made = draft(core, Profile::Encryption, subjectOf(core, user), key->publicKey());
  if (!made) return std::move(made).error();
  auto encoded = key->encode();
  if (!encoded) return std::move(encoded).error();
  return std::make_shared<NewPair>(NewPair{*std::move(made), *std::move(encoded)});
}

using Pairs = Page<KeyPair>;

// As text for the wire, a page has to fit one block of locked memory; see SecretPool::kLargest.
constexpr std::size_t kPageBytes = 80 * 1024;
constexpr int kPageLookedAt = 1000;  // certificates: those without a key here may be many

std::size_t sizeOf(const KeyPair& pair) {
  std::size_t size = pair.certificate.certificate.size() + pair.key.size();
  for (const base::Bytes& above : pair.certificate.chain) size += above.size();
  return size;
}

// Where a page begins: behind the certificate that the one before ended with.
Result<std::int64_t> beginOf(StoreReader& reader, OpenKeys& keys, const UserRow& user,
                             const std::string& after) {
  if (after.empty()) return user.newest;
  const auto serial = parseSerial(after);
  if (!serial) return badAfter();
  auto last = findCertificate(reader, keys, *serial);
  if (!last) return std::move(last).error();
  if (!*last || (*last)->user != user.user.id) return badAfter();
  return (*last)->previous;
}

Result<Pairs> collect(const CertificateCore& core, StoreReader& reader, OpenKeys& keys, const UserRow& user,
                      std::int64_t begin, std::size_t most) {
  Pairs page;
  Serial last{};
  std::size_t size = 0;
  const auto end = [&]() -> Result<bool> {
    page.next = serialText(last);
    return false;
  };
  const auto visit = [&, left = kPageLookedAt](const CertificateRow& row) mutable -> Result<bool> {
    if (left-- == 0) return end();
    if (row.archived != 0) {
      if (page.items.size() == most) return end();
      auto pair = pairOf(core, reader, keys, row, user.user.name);
      if (!pair) return std::move(pair).error();
      size += sizeOf(*pair);
      if (size > kPageBytes && !page.items.empty()) return end();
      page.items.push_back(*std::move(pair));
    }
    last = row.serial;
    return true;
  };
  auto walked = walk(reader, keys, user.user.id, begin, visit);
  if (!walked) return std::move(walked).error();
  return page;
}

Result<void> requireRecovery(const CertificateCore& core, StoreReader& reader, OpenKeys& keys,
                             const CertificateRow& row, base::Time now) {
  if (row.token == 0 || now >= row.issued + core.pki.confirmWindow) return certificateRefused();
  auto token = readToken(reader, keys, row.token);
  if (!token) return std::move(token).error();
  if (!*token || (*token)->kind != TokenKind::Recover || (*token)->user != row.user)
    return certificateRefused();
  return {};
}

Result<Made<Pairs>> recoverPage(CertificateCore& core, Txn& txn, OpenKeys& keys, const Serial& holder,
                                const std::string& after, std::size_t most) {
  auto now = core.tokens.clock.advance(txn);
  if (!now) return std::move(now).error();
  auto row = requireSigning(txn, keys, holder, *now);
  if (!row) return std::move(row).error();
  if (auto may = requireRecovery(core, txn, keys, *row, *now); !may) return std::move(may).error();
  if (auto used = useRow(txn, keys, *row, *now); !used) return std::move(used).error();
  auto user = readUser(txn, keys, row->user);
  if (!user) return std::move(user).error();
  auto begin = beginOf(txn, keys, *user, after);
  if (!begin) return std::move(begin).error();
  auto page = collect(core, txn, keys, *user, *begin, most);
  if (!page) return std::move(page).error();
  auto recorded =
      record(txn, *now,
             {Event::KeysRecovered, "user " + user->user.name, serialText(holder),
              std::to_string(page->items.size()) + " keys by the recover token " + keys.accessor(row->token) +
                  (after.empty() ? "" : ", behind " + after) + (page->next ? ", and more to come" : ""),
              user->user.name});
  if (!recorded) return std::move(recorded).error();
  return Made<Pairs>{*std::move(page), {}};
}

}  // namespace

void CertificateService::encryptionPair(const Serial& holder, Reply<KeyPair> reply) {
  CertificateCore& core = *core_;
  auto wanted = firstLook(core, holder);
  if (!wanted) return reply(std::move(wanted).error());
  if (wanted->pair) return reply(*std::move(wanted->pair));
  auto made = makePair(core, wanted->user);
  if (!made) return reply(std::move(made).error());
  submitMade<KeyPair>(
      core,
      [&core, holder, made = *std::move(made)](Txn& txn, OpenKeys& keys) {
        return archive(core, txn, keys, holder, *made);
      },
      std::move(reply));
}

void CertificateService::recover(const Serial& holder, const std::string& after, std::size_t limit,
                                 Reply<Page<KeyPair>> reply) {
  CertificateCore& core = *core_;
  auto most = pageLimit(limit, core.tokens.policy);
  if (!most) return reply(std::move(most).error());
  submitMade<Pairs>(
      core,
      [&core, holder, after, most = *most](Txn& txn, OpenKeys& keys) {
        return recoverPage(core, txn, keys, holder, after, most);
      },
      std::move(reply));
}

}  // namespace kms::pki
