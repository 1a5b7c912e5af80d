#include "kms/tokens/token_row.h"

#include <algorithm>

#include "kms/keys/row_cache.h"
#include "kms/tokens/user_row.h"

namespace kms {
namespace {

constexpr std::uint8_t kPlain = 1;
constexpr std::uint8_t kClaimed = 2;  // the version of a row that has a claim
constexpr std::size_t kClaim = 49;    // bytes of it
constexpr std::size_t kFixed = 70;    // bytes of a row without scopes

// Little-endian fields in memory that is wiped: the text of a one-time token goes through here.
class SecretWriter {
 public:
  explicit SecretWriter(std::size_t size) { out_.reserve(size); }
  void integer(std::uint64_t v, unsigned width) {
    for (unsigned i = 0; i < width; ++i) out_.push_back(static_cast<std::byte>(v >> (8 * i)));
  }
  void raw(base::BytesView bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
  void shortText(std::string_view text) {
    integer(text.size(), 1);
    raw(base::asBytes(text));
  }
  SecretBytes take() && { return std::move(out_); }

 private:
  SecretBytes out_;
};

std::uint64_t after(const TokenRow& row, base::Time t) {
  return static_cast<std::uint64_t>((t - row.issued).count());
}

TokenClaim readClaim(base::ByteReader& in) {
  TokenClaim claim;
  const auto key = in.raw(claim.key.size());
  std::copy(key.begin(), key.end(), claim.key.begin());
  claim.certificate = static_cast<std::int64_t>(in.u64());
  claim.until = base::Time(std::chrono::seconds(static_cast<std::int64_t>(in.u64() & 0xFFFFFFFFFFU)));
  claim.implicit = in.u8() == 1;
  return claim;
}

bool wellFormed(const TokenRow& row) {
  return row.kind >= TokenKind::Enrol && row.kind <= TokenKind::Access && row.state >= TokenState::Active &&
         row.state <= TokenState::Voided && row.issuer <= Role::Admin;
}

}  // namespace

SecretBytes encodeToken(const TokenRow& row) {
  std::size_t size = kFixed + row.oneTime.size() + (row.claim ? kClaim : 0);
  for (const auto& scope : row.scopes) size += 1 + scope.size();
  SecretWriter out(size);
  out.integer(row.claim ? kClaimed : kPlain, 1);
  out.integer(static_cast<std::uint8_t>(row.kind), 1);
  out.integer(static_cast<std::uint8_t>(row.state), 1);
  out.integer(static_cast<std::uint8_t>(row.issuer), 1);
  out.integer(static_cast<std::uint64_t>(row.user), 8);
  out.integer(static_cast<std::uint64_t>(row.issued.time_since_epoch().count()), 8);
  out.integer(static_cast<std::uint64_t>(row.ttl.count()), 4);
  out.integer(after(row, row.expires), 4);
  out.integer(after(row, row.lifeEnd), 4);
  out.integer(row.uses, 4);
  out.raw(row.mac);
  out.integer(row.scopes.size(), 1);
  for (const auto& scope : row.scopes) out.shortText(scope);
  out.shortText(base::view(row.oneTime));
  if (row.claim) {
    out.raw(row.claim->key);
    out.integer(static_cast<std::uint64_t>(row.claim->certificate), 8);
    out.integer(static_cast<std::uint64_t>(row.claim->until.time_since_epoch().count()), 8);
    out.integer(row.claim->implicit ? 1 : 0, 1);
  }
  return std::move(out).take();
}

base::Result<TokenRow> decodeToken(base::BytesView plain) {
  base::ByteReader in(plain);
  TokenRow row;
  const auto version = in.u8();
  row.kind = static_cast<TokenKind>(in.u8());
  row.state = static_cast<TokenState>(in.u8());
  row.issuer = static_cast<Role>(in.u8());
  row.user = static_cast<std::int64_t>(in.u64());
  row.issued = base::Time(std::chrono::seconds(static_cast<std::int64_t>(in.u64() & 0xFFFFFFFFFFU)));
  row.ttl = std::chrono::seconds(in.u32());
  row.expires = row.issued + std::chrono::seconds(in.u32());
  row.lifeEnd = row.issued + std::chrono::seconds(in.u32());
  row.uses = in.u32();
  const auto mac = in.raw(row.mac.size());
  std::copy(mac.begin(), mac.end(), row.mac.begin());
  const unsigned scopes = in.u8();
  for (unsigned i = 0; i < scopes && in.ok(); ++i) {
    const std::size_t length = in.u8();
    row.scopes.emplace_back(base::asText(in.raw(length)));
  }
  const std::size_t length = in.u8();
  const auto text = base::asText(in.raw(length));
  row.oneTime.assign(text.begin(), text.end());
  if (version == kClaimed) row.claim = readClaim(in);
  if (!in.atEnd() || (version != kPlain && version != kClaimed) || !wellFormed(row))
    return corruptRow("a token's row has not the form that this version writes");
  return row;
}

base::Result<TokenRow> openToken(OpenKeys& keys, const SealedRow& sealed) {
  auto plain = keys.open(Table::Tokens, sealed);
  if (!plain) return std::move(plain).error();
  auto row = decodeToken(*plain);
  if (!row) return std::move(row).error();
  row->sequence = sealed.key;
  row->revision = sealed.revision;
  return row;
}

namespace {

// `From` is a reader, or a store, whose rows are each a view of their own.
template <class From>
base::Result<std::optional<TokenRow>> readFrom(From& from, OpenKeys& keys, std::int64_t sequence) {
  RowCache* const cache = keys.cache();
  if (cache != nullptr) {
    if (const auto kept = cache->find(Table::Tokens, sequence)) {
      auto row = decodeToken(kept->plain());
      if (!row) return std::move(row).error();
      row->sequence = sequence;
      row->revision = kept->revision;
      return std::optional<TokenRow>(*std::move(row));
    }
  }
  auto seen = rowOf(from, Table::Tokens, sequence);
  if (!seen) return std::move(seen).error();
  const auto& sealed = seen->row;
  if (!sealed) return std::optional<TokenRow>();
  if (sealed->key != sequence) return corruptRow("a token's row is another's");
  auto plain = keys.open(Table::Tokens, *sealed);
  if (!plain) return std::move(plain).error();
  auto row = decodeToken(*plain);
  if (!row) return std::move(row).error();
  row->sequence = sequence;
  row->revision = sealed->revision;
  // No texts of tokens. And a write job may see rows that are not committed and that no watcher was told of.
  if (cache != nullptr && row->oneTime.empty() && seen->asOf != StoreReader::kLatest)
    cache->insert(Table::Tokens, sequence, row->revision, *plain, seen->asOf);
  return std::optional<TokenRow>(*std::move(row));
}

}  // namespace

base::Result<std::optional<TokenRow>> readToken(StoreReader& reader, OpenKeys& keys, std::int64_t sequence) {
  return readFrom(reader, keys, sequence);
}

base::Result<std::optional<TokenRow>> readToken(Store& store, OpenKeys& keys, std::int64_t sequence) {
  return readFrom(store, keys, sequence);
}

base::Result<void> writeToken(Txn& txn, OpenKeys& keys, TokenRow& row) {
  auto sealed = keys.seal(Table::Tokens, row.sequence, ++row.revision, encodeToken(row));
  if (!sealed) return std::move(sealed).error();
  return txn.put(Table::Tokens, *sealed);
}

base::Result<void> insertToken(Txn& txn, OpenKeys& keys, TokenRow& row) {
  auto sealed = keys.seal(Table::Tokens, row.sequence, ++row.revision, encodeToken(row));
  if (!sealed) return std::move(sealed).error();
  auto done = txn.insert(Table::Tokens, *sealed);
  // The counter is not sealed: whoever can write the file could wind it back, and hand a token's number to
  // another.
  if (!done && done.error().code == base::Code::Conflict)
    return corruptRow("the counter of tokens was set back");
  return done;
}

}  // namespace kms
