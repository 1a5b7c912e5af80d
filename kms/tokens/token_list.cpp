#include <algorithm>
#include <map>

#include "kms/tokens/guarded.h"
#include "kms/tokens/paging.h"
#include "kms/tokens/token_core.h"
#include "kms/tokens/token_filing.h"

namespace kms {
namespace {

// Rows that one page looks at among the unfiled; a page that ends there is short, and its `next` goes on.
constexpr std::size_t kUnfiledMost = 4096;

// Collects one page in one view of the store.
class Lister {
 public:
  Lister(TokenCore& core, StoreReader& reader, OpenKeys& keys, std::size_t limit)
      : core_(core), reader_(reader), keys_(keys), limit_(limit) {}

  base::Result<void> everybody(std::int64_t after) {
    auto rows = reader_.list(Table::Tokens, after, limit_ + 1);
    if (!rows) return std::move(rows).error();
    for (const auto& sealed : *rows) {
      if (full()) return goOnAfter(last_);
      auto row = openToken(keys_, sealed);
      if (!row) return std::move(row).error();
      if (auto added = add(*std::move(row)); !added) return std::move(added).error();
    }
    return {};
  }

  base::Result<void> ofUser(const std::string& name, std::int64_t after) {
    auto user = findUser(reader_, keys_, name);
    if (!user) return std::move(user).error();
    if (!*user) return noSuchUser(name);
    const std::int64_t id = (*user)->user.id;
    auto mark = reader_.number(kTokensFiled);
    if (!mark) return std::move(mark).error();
    const std::int64_t filed = mark->value_or(0);
    if (after < filed)
      if (auto done = filedOf(id, after); !done) return std::move(done).error();
    if (page_.next) return {};
    return unfiledOf(id, std::max(after, filed));
  }

  Page<TokenView> take() { return std::move(page_); }

 private:
  bool full() const { return page_.items.size() == limit_; }

  base::Result<void> goOnAfter(std::int64_t sequence) {
    page_.next = keys_.accessor(sequence);
    return {};
  }

  base::Result<void> filedOf(std::int64_t user, std::int64_t after) {
    auto sequences = reader_.tokensOf(user, after, limit_ + 1);
    if (!sequences) return std::move(sequences).error();
    for (const std::int64_t sequence : *sequences) {
      if (full()) return goOnAfter(last_);
      auto row = readToken(reader_, keys_, sequence);
      if (!row) return std::move(row).error();
      if (!*row || (*row)->user != user) return corruptRow("a token is filed under a user that it is not of");
      if (auto added = add(**std::move(row)); !added) return std::move(added).error();
    }
    return {};
  }

  base::Result<void> unfiledOf(std::int64_t user, std::int64_t after) {
    auto rows = reader_.list(Table::Tokens, after, kUnfiledMost);
    if (!rows) return std::move(rows).error();
    for (const auto& sealed : *rows) {
      auto row = openToken(keys_, sealed);
      if (!row) return std::move(row).error();
      if (row->user != user) continue;
      if (full()) return goOnAfter(last_);
      if (auto added = add(*std::move(row)); !added) return std::move(added).error();
    }
    if (rows->size() == kUnfiledMost) return goOnAfter(rows->back().key);
    return {};
  }

  base::Result<void> add(TokenRow row) {
    auto now = core_.clock.now(reader_);
    if (!now) return std::move(now).error();
    auto user = users_.find(row.user);
    if (user == users_.end()) {
      auto read = readUser(reader_, keys_, row.user);
      if (!read) return std::move(read).error();
      user = users_.emplace(row.user, *std::move(read)).first;
    }
    last_ = row.sequence;
    page_.items.push_back(viewOf(keys_, FoundToken{std::move(row), user->second}, *now));
    return {};
  }

  TokenCore& core_;
  StoreReader& reader_;
  OpenKeys& keys_;
  const std::size_t limit_;
  std::int64_t last_ = 0;  // the sequence number of the page's last item
  std::map<std::int64_t, UserRow> users_;
  Page<TokenView> page_;
};

}  // namespace

base::Result<Page<TokenView>> TokenService::list(const std::string& user, const std::string& after,
                                                 std::size_t limit) {
  auto most = pageLimit(limit, core_->policy);
  if (!most) return std::move(most).error();
  return guarded([&] {
    return withKeys(*core_, [&](OpenKeys& keys) -> base::Result<Page<TokenView>> {
      std::int64_t from = 0;
      if (!after.empty()) {
        const auto sequence = keys.sequenceOf(after);
        if (!sequence) return badAfter();
        from = *sequence;
      }
      Page<TokenView> page;
      auto done = core_->store.read([&](StoreReader& reader) -> base::Result<void> {
        Lister lister(*core_, reader, keys, *most);
        auto listed = user.empty() ? lister.everybody(from) : lister.ofUser(user, from);
        page = lister.take();
        return listed;
      });
      if (!done) return std::move(done).error();
      return page;
    });
  });
}

}  // namespace kms
