#include "kms/pki/authority.h"

#include <algorithm>

#include "kms/tokens/guarded.h"
#include "kms/tokens/user_row.h"

namespace kms::pki {
namespace {

base::Error sealedError() {
  return {base::Code::Unavailable, "the server is sealed; insert its key medium", base::Reason::Sealed};
}

base::Result<Issuer> issuerOf(base::BytesView certificate, const base::SecretBuffer& key) {
  auto parsed = parseCertificate(certificate);
  if (!parsed) return corruptRow("an authority's certificate cannot be read");
  auto opened = PrivateKey::parse(key.bytes());
  if (!opened && opened.error().code == base::Code::Unavailable) return std::move(opened).error();
  if (!opened) return corruptRow("an authority's key cannot be read");
  if (opened->publicKey().hash() != parsed->key)
    return corruptRow("an authority's key is not that of its certificate");
  return Issuer{*std::move(parsed), *std::move(opened)};
}

base::Result<Signers> signersOf(const std::vector<AuthorityRow>& rows, std::size_t at) {
  const AuthorityRow& row = rows[at];
  auto authority = issuerOf(row.certificate, row.key);
  if (!authority) return std::move(authority).error();
  auto ocsp = issuerOf(row.ocspCertificate, row.ocspKey);
  if (!ocsp) return std::move(ocsp).error();
  auto cmp = issuerOf(row.cmpCertificate, row.cmpKey);
  if (!cmp) return std::move(cmp).error();
  std::vector<base::Bytes> chain{row.certificate};
  chain.insert(chain.end(), row.chain.begin(), row.chain.end());
  auto links = linksBack(rows, at);
  if (!links) return std::move(links).error();
  return Signers{row.number,       *std::move(authority), *std::move(ocsp), *std::move(cmp),
                 std::move(chain), row.newWithOld,        row.oldWithNew,   *std::move(links)};
}

}  // namespace

base::Error noAuthority() {
  return {base::Code::NotFound,
          "this server has no certificate authority yet; make one with `kmsctl ca init`, or let another "
          "authority sign one with `kmsctl ca request`",
          base::Reason::NoAuthority};
}

std::vector<base::Bytes> newWithOld(const Signers& signers, base::Time now) {
  std::vector<base::Bytes> all;
  for (std::size_t i = 0; i < holding(signers.links, now); ++i) all.push_back(signers.links[i].newWithOld);
  return all;
}

std::vector<base::Bytes> alongWith(const Signers& signers, base::Time now) {
  std::vector<base::Bytes> all = newWithOld(signers, now);
  all.insert(all.end(), signers.chain.begin(), signers.chain.end());
  return all;
}

Authority::~Authority() { closing(); }

base::Result<void> Authority::opened(StoreReader& reader, OpenKeys& keys) {
  return guarded([&]() -> base::Result<void> {
    auto rows = readAuthorities(reader, keys);
    if (!rows) return std::move(rows).error();
    auto set = std::make_shared<Set>();
    std::int64_t current = 0;
    for (std::size_t i = 0; i < rows->size(); ++i) {
      const AuthorityRow& row = (*rows)[i];
      if (row.state == AuthorityState::Waiting) continue;
      auto signers = signersOf(*rows, i);
      if (!signers) return std::move(signers).error();
      set->all.push_back(*std::move(signers));
      if (row.state == AuthorityState::Current) current = row.number;
    }
    for (const Signers& signers : set->all)
      if (signers.number == current) set->current = &signers;
    const std::lock_guard lock(mutex_);
    set_ = std::move(set);
    return {};
  });
}

void Authority::closing() noexcept {
  std::unique_lock lock(mutex_);
  set_.reset();
  released_.wait(lock, [&] { return holds_ == 0; });
}

base::Result<void> Authority::refresh(const Vault& vault, Store& store) {
  auto keys = vault.hold();
  if (!keys) return std::move(keys).error();
  return store.read([&](StoreReader& reader) { return opened(reader, **keys); });
}

Authority::Hold::Hold(Hold&& other) noexcept
    : home_(std::exchange(other.home_, nullptr)), set_(std::move(other.set_)), signers_(other.signers_) {}

Authority::Hold::~Hold() {
  if (home_ == nullptr) return;
  set_.reset();  // the keys first, where nobody else has them any more
  const std::lock_guard lock(home_->mutex_);
  if (--home_->holds_ == 0) home_->released_.notify_all();
}

base::Result<Authority::Hold> Authority::current() const {
  const std::lock_guard lock(mutex_);
  if (!set_) return sealedError();
  if (set_->current == nullptr) return noAuthority();
  ++holds_;
  return Hold(*this, set_, set_->current);
}

base::Result<Authority::Hold> Authority::number(std::int64_t number) const {
  const std::lock_guard lock(mutex_);
  if (!set_) return sealedError();
  const auto found = std::find_if(set_->all.begin(), set_->all.end(),
                                  [&](const Signers& signers) { return signers.number == number; });
  if (found == set_->all.end())
    return base::Error{base::Code::NotFound,
                       "there is no certificate authority with the number " + std::to_string(number)};
  ++holds_;
  return Hold(*this, set_, &*found);
}

std::vector<std::int64_t> Authority::numbers() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::int64_t> out;
  if (set_)
    for (const Signers& signers : set_->all) out.push_back(signers.number);
  return out;
}

}  // namespace kms::pki
