#include "tests/support/ledger.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace tests {

using base::Result;

Result<void> Ledger::step(Desk& desk) {
  const std::size_t dice = below(100);
  if (users_.empty() || dice < 4) return addUser(desk);
  if (dice < 60 || entries_.empty()) return issue(desk);
  if (dice < 75) return revoke(desk);
  if (dice < 78) return revokeUser(desk);
  if (dice < 88) return renew(desk);
  Entry& entry = entries_[below(entries_.size())];
  auto seen = desk.verify(entry.token.text);
  if (!seen) return std::move(seen).error();
  if (entry.state != State::Open) {
    EXPECT_EQ(seen->active, entry.state == State::Active) << entry.token.accessor;
  }
  return {};
}

Result<void> Ledger::addUser(Desk& desk) {
  const std::string name = name_ + "-" + std::to_string(++tried_);
  auto added = desk.addUser(name);
  if (!added) return added;
  users_.push_back(name);
  return {};
}

Result<void> Ledger::issue(Desk& desk) {
  // Most for the newest users, so that all are looked after.
  const std::size_t user = users_.size() - 1 - below(std::min<std::size_t>(users_.size(), 8));
  auto issued = desk.issue(users_[user]);
  if (!issued) return std::move(issued).error();
  entries_.push_back({*std::move(issued), user, State::Active});
  return {};
}

Ledger::Entry* Ledger::someActive() {
  for (int tries = 0; tries < 20; ++tries) {
    Entry& entry = entries_[below(entries_.size())];
    if (entry.state == State::Active) return &entry;
  }
  return nullptr;
}

Result<void> Ledger::renew(Desk& desk) {
  Entry* entry = someActive();
  if (entry == nullptr) return issue(desk);
  auto until = desk.renew(entry->token.text);
  if (!until) return std::move(until).error();
  EXPECT_GE(*until, entry->token.expires);
  entry->token.expires = *until;
  ++renewed_;
  return {};
}

Result<void> Ledger::revoke(Desk& desk) {
  Entry* entry = someActive();
  if (entry == nullptr) return issue(desk);
  entry->state = State::Open;
  auto done = desk.revoke(entry->token.text);
  if (done) entry->state = State::Revoked;
  return done;
}

Result<void> Ledger::revokeUser(Desk& desk) {
  const std::size_t user = below(users_.size());
  const auto mark = [&](State from, State to) {
    for (Entry& entry : entries_)
      if (entry.user == user && entry.state == from) entry.state = to;
  };
  mark(State::Active, State::Open);
  auto done = desk.revokeUser(users_[user]);
  if (done) mark(State::Open, State::Revoked);
  return done;
}

void Ledger::checkOne(Desk& desk, Entry& entry) {
  auto seen = desk.verify(entry.token.text);
  ASSERT_TRUE(seen) << seen.error().what;
  if (entry.state == State::Open) entry.state = seen->active ? State::Active : State::Revoked;
  ASSERT_EQ(seen->active, entry.state == State::Active)
      << (seen->active ? "a revocation was acknowledged and is lost: "
                       : "an issue was acknowledged and is lost: ")
      << entry.token.accessor;
  if (seen->active) {
    EXPECT_GE(seen->expires, entry.token.expires) << "a renewal was acknowledged and is lost";
  }
}

void Ledger::check(Desk& desk, std::size_t recent) {
  const std::size_t last = std::min(recent, entries_.size());
  const std::size_t older = entries_.size() - last;
  for (std::size_t i = older; i < entries_.size() && !::testing::Test::HasFailure(); ++i)
    checkOne(desk, entries_[i]);
  for (std::size_t i = 0; i < std::min(last, older) && !::testing::Test::HasFailure(); ++i)
    checkOne(desk, entries_[below(older)]);
  const std::size_t users = std::min(recent, users_.size());
  for (std::size_t i = users_.size() - users; i < users_.size(); ++i) {
    auto known = desk.hasUser(users_[i]);
    ASSERT_TRUE(known) << known.error().what;
    ASSERT_TRUE(*known) << "a user was acknowledged and is lost: " << users_[i];
  }
}

Ledger::Counts Ledger::counts() const {
  Counts counts{users_.size(), entries_.size(), renewed_, 0, 0};
  for (const Entry& entry : entries_) {
    counts.revoked += entry.state == State::Revoked ? 1 : 0;
    counts.open += entry.state == State::Open ? 1 : 0;
  }
  return counts;
}

void Ledger::collectAccessors(std::set<std::string>& into) const {
  for (const Entry& entry : entries_)
    EXPECT_TRUE(into.insert(entry.token.accessor).second) << "given twice: " << entry.token.accessor;
}

}  // namespace tests
