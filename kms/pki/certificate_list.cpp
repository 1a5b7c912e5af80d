// Looking at certificates.
#include <algorithm>
#include <map>

#include "kms/pki/certificate_core.h"
#include "kms/tokens/paging.h"

namespace kms::pki {
namespace {

using base::Result;

// Collects one page in one view of the store.
class Lister {
 public:
  Lister(StoreReader& reader, OpenKeys& keys, base::Time now, std::size_t limit)
      : reader_(reader), keys_(keys), now_(now), limit_(limit) {}

  Result<void> everybody(std::int64_t after) {
    auto rows = reader_.list(Table::Certificates, after, limit_ + 1);
    if (!rows) return std::move(rows).error();
    for (const SealedRow& sealed : *rows) {
      if (full()) return goOn();
      auto row = openCertificate(keys_, sealed);
      if (!row) return std::move(row).error();
      if (auto added = add(*row); !added) return added;
    }
    return {};
  }

  Result<void> chain(std::int64_t user, std::int64_t from) {
    for (std::int64_t sequence = from; sequence != 0;) {
      if (full()) return goOn();
      auto row = readCertificate(reader_, keys_, sequence);
      if (!row) return std::move(row).error();
      if (!*row || (*row)->user != user) return corruptRow("a user's certificate is missing or another's");
      if (auto added = add(**row); !added) return added;
      sequence = (*row)->previous;
    }
    return {};
  }

  Page<CertificateView> take() { return std::move(page_); }

 private:
  bool full() const { return page_.items.size() == limit_; }
  Result<void> goOn() {
    page_.next = serialText(page_.items.back().serial);
    return {};
  }
  Result<void> add(const CertificateRow& row) {
    auto name = names_.find(row.user);
    if (name == names_.end()) {
      auto read = userNameOf(reader_, keys_, row);
      if (!read) return std::move(read).error();
      name = names_.emplace(row.user, *std::move(read)).first;
    }
    page_.items.push_back(viewOf(row, name->second, now_));
    return {};
  }

  StoreReader& reader_;
  OpenKeys& keys_;
  const base::Time now_;
  const std::size_t limit_;
  std::map<std::int64_t, std::string> names_;
  Page<CertificateView> page_;
};

// The certificate that a page before ended with.
Result<std::optional<CertificateRow>> lastOf(StoreReader& reader, OpenKeys& keys, const std::string& after) {
  if (after.empty()) return std::optional<CertificateRow>();
  const auto serial = parseSerial(after);
  if (!serial) return badAfter();
  auto row = findCertificate(reader, keys, *serial);
  if (row && !*row) return badAfter();
  return row;
}

Result<UserRow> listedUser(StoreReader& reader, OpenKeys& keys, const Actor& by, const std::string& user) {
  if (user.empty()) {
    if (by.user) return readUser(reader, keys, *by.user);
    return forbidden("listing others' certificates needs the role issuer");
  }
  auto row = findUser(reader, keys, user);
  if (!row) return std::move(row).error();
  const bool own = *row && by.user == (*row)->user.id;
  if (by.role < Role::Issuer && !own) return forbidden("listing others' certificates needs the role issuer");
  if (!*row) return noSuchUser(user);
  return **std::move(row);
}

}  // namespace

base::Result<Page<CertificateView>> CertificateService::list(const Actor& by, const std::string& user,
                                                             const std::string& after, std::size_t limit) {
  auto most = pageLimit(limit, core_->tokens.policy);
  if (!most) return std::move(most).error();
  using Listed = Page<CertificateView>;
  return lookNow<Listed>(*core_, [&](StoreReader& reader, OpenKeys& keys, base::Time now) -> Result<Listed> {
    Lister lister(reader, keys, now, *most);
    auto last = lastOf(reader, keys, after);
    if (!last) return std::move(last).error();
    if (user.empty() && by.role >= Role::Issuer) {
      auto listed = lister.everybody(*last ? (*last)->sequence : 0);
      if (!listed) return std::move(listed).error();
      return lister.take();
    }
    auto row = listedUser(reader, keys, by, user);
    if (!row) return std::move(row).error();
    if (*last && (*last)->user != row->user.id) return badAfter();
    auto listed = lister.chain(row->user.id, *last ? (*last)->previous : row->newest);
    if (!listed) return std::move(listed).error();
    return lister.take();
  });
}

namespace {

// As findCertificate, in a view of its own: cheaper than one in which several rows are read.
Result<std::optional<CertificateRow>> findAlone(Store& store, OpenKeys& keys, const Serial& serial) {
  for (const std::int64_t sequence : keys.sequencesOf(serial)) {
    auto seen = store.get(Table::Certificates, sequence);
    if (!seen) return std::move(seen).error();
    if (!seen->row) continue;
    if (seen->row->key != sequence) return corruptRow("a certificate's row is another's");
    auto row = openCertificate(keys, *seen->row);
    if (!row) return std::move(row).error();
    if (row->serial == serial) return std::optional<CertificateRow>(*std::move(row));
  }
  return std::optional<CertificateRow>();
}

// Runs `look(row, keys, now)` on the certificate that has this serial.
template <class Look>
Result<CertificateView> lookAt(CertificateCore& core, const Serial& serial, Look look) {
  return guarded([&]() -> Result<CertificateView> {
    return withKeys(core.tokens, [&](OpenKeys& keys) -> Result<CertificateView> {
      auto now = core.tokens.clock.now(core.store);
      if (!now) return std::move(now).error();
      auto row = findAlone(core.store, keys, serial);
      if (!row) return std::move(row).error();
      if (!*row) return noSuchCertificate();
      return look(**row, keys, *now);
    });
  });
}

}  // namespace

// The two rows need not be of one moment, as a user's name stays.
base::Result<CertificateView> CertificateService::show(const Actor& by, const Serial& serial) {
  return lookAt(*core_, serial,
                [&](const CertificateRow& row, OpenKeys& keys, base::Time now) -> Result<CertificateView> {
                  const bool own = row.user != 0 && by.user == row.user;
                  if (by.role < Role::Issuer && !own)
                    return forbidden("looking at another's certificate needs the role issuer");
                  if (row.user == 0) return viewOf(row, {}, now);
                  auto user = readUser(core_->store, keys, row.user);
                  if (!user) return std::move(user).error();
                  return viewOf(row, user->user.name, now);
                });
}

// OCSP asks this of any certificate, so it is kept short.
base::Result<CertificateView> CertificateService::status(const Serial& serial) {
  return lookAt(*core_, serial, [](const CertificateRow& row, OpenKeys& /*keys*/, base::Time now) {
    return Result<CertificateView>(viewOf(row, {}, now));
  });
}

namespace {

struct Shown {
  CertificateView view;
  bool first = false;  // this use confirms it
};

Result<Shown> judgeShown(StoreReader& reader, OpenKeys& keys, base::BytesView certificate,
                         const Serial& serial, Profile wanted, base::Time now) {
  auto row = requireCounting(reader, keys, serial, now);
  if (!row) return std::move(row).error();
  if (!std::ranges::equal(row->der, certificate) || row->profile != wanted || row->user == 0)
    return certificateRefused();
  auto name = userNameOf(reader, keys, *row);
  if (!name) return std::move(name).error();
  return Shown{viewOf(*row, *name, now), row->state == CertificateState::Unconfirmed};
}

}  // namespace

base::Result<CertificateView> CertificateService::authenticate(base::BytesView certificate, Profile wanted) {
  CertificateCore& core = *core_;
  auto parsed = parseCertificate(certificate);
  if (!parsed) return certificateRefused();
  const auto serial = parsed->ourSerial();
  if (!serial) return certificateRefused();
  auto shown =
      lookNow<Shown>(core, [&](StoreReader& reader, OpenKeys& keys, base::Time now) -> Result<Shown> {
        return judgeShown(reader, keys, certificate, *serial, wanted, now);
      });
  if (!shown) return std::move(shown).error();
  if (shown->first)
    // Nobody waits: until it is written the certificate counts all the same.
    submit<void>(
        core.store,
        [&core, serial = *serial](Txn& txn) {
          return withKeys(core.tokens, [&](OpenKeys& keys) -> Result<void> {
            auto now = core.tokens.clock.advance(txn);
            if (!now) return std::move(now).error();
            auto row = findCertificate(txn, keys, serial);
            if (!row) return std::move(row).error();
            if (!*row) return {};
            return useRow(txn, keys, **row, *now);
          });
        },
        [](Result<void>) {});
  return std::move(shown->view);
}

}  // namespace kms::pki
