#include "tests/integration/durability/certificate_ledger.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace tests {

using base::Result;
using kms::pki::RevocationReason;
using kms::pki::serialText;
using Status = CertificateDesk::Status;

Result<void> CertificateLedger::step(CertificateDesk& desk) {
  const std::size_t dice = below(100);
  if (users_.empty() || dice < 5) return addUser(desk);
  if (dice < 35 || entries_.empty()) return issue(desk);
  if (dice < 55) return enrol(desk);
  if (dice < 65) return renew(desk);
  if (dice < 85) return revoke(desk);
  if (dice < 92) return hold(desk);
  if (dice < 97) return release(desk);
  const Entry& entry = entries_[below(entries_.size())];
  auto seen = desk.show(entry.issued.serial);
  if (!seen) return std::move(seen).error();
  if (entry.state == State::Revoked) {
    EXPECT_EQ(seen->status, Status::Revoked);
  }
  return {};
}

void CertificateLedger::add(CertificateDesk::Issued issued, bool confirmed, bool usable) {
  entries_.push_back({std::move(issued), State::Good, confirmed, usable});
}

const std::string& CertificateLedger::someUser() {
  // Most for the newest users, so that all are looked after.
  return users_[users_.size() - 1 - below(std::min<std::size_t>(users_.size(), 8))];
}

CertificateLedger::Entry* CertificateLedger::some(State state) {
  for (int tries = 0; tries < 30; ++tries) {
    Entry& entry = entries_[below(entries_.size())];
    if (entry.state == state && entry.usable) return &entry;
  }
  return nullptr;
}

Result<void> CertificateLedger::addUser(CertificateDesk& desk) {
  const std::string name = name_ + "-" + std::to_string(++tried_);
  auto added = desk.addUser(name);
  if (!added) return added;
  users_.push_back(name);
  return {};
}

Result<void> CertificateLedger::issue(CertificateDesk& desk) {
  auto issued = desk.issue(someUser());
  if (!issued) return std::move(issued).error();
  add(*std::move(issued), true, true);
  ++counts_.issued;
  return {};
}

Result<void> CertificateLedger::enrol(CertificateDesk& desk) {
  const bool implicit = below(2) == 0;
  auto issued = desk.enrol(someUser(), implicit);
  if (!issued) return std::move(issued).error();
  add(*std::move(issued), false, implicit);
  ++counts_.enrolled;
  if (implicit) return {};
  auto confirmed = desk.confirm(entries_.back().issued);
  if (confirmed) entries_.back().confirmed = entries_.back().usable = true;
  return confirmed;
}

Result<void> CertificateLedger::renew(CertificateDesk& desk) {
  Entry* entry = some(State::Good);
  if (entry == nullptr) return issue(desk);
  auto issued = desk.renew(entry->issued);
  if (!issued) return std::move(issued).error();
  entry->confirmed = true;  // by its use
  add(*std::move(issued), false, true);
  ++counts_.renewed;
  return {};
}

Result<void> CertificateLedger::change(CertificateDesk& desk, Entry& entry, State to, RevocationReason why) {
  const State before = std::exchange(entry.state, State::Open);
  auto done = desk.revoke(entry.issued.serial, why);
  if (!done) return done;
  entry.state = to;
  if (before == State::Held && to == State::Good) ++counts_.released;
  return {};
}

Result<void> CertificateLedger::revoke(CertificateDesk& desk) {
  Entry* entry = some(below(5) == 0 ? State::Held : State::Good);
  if (entry == nullptr) return issue(desk);
  return change(desk, *entry, State::Revoked,
                below(2) == 0 ? RevocationReason::KeyCompromise : RevocationReason::Superseded);
}

Result<void> CertificateLedger::hold(CertificateDesk& desk) {
  Entry* entry = some(State::Good);
  if (entry == nullptr) return issue(desk);
  return change(desk, *entry, State::Held, RevocationReason::Hold);
}

Result<void> CertificateLedger::release(CertificateDesk& desk) {
  Entry* entry = some(State::Held);
  if (entry == nullptr) return issue(desk);
  return change(desk, *entry, State::Good, RevocationReason::RemoveFromCrl);
}

void CertificateLedger::checkOne(CertificateDesk& desk, Entry& entry) {
  const std::string serial = serialText(entry.issued.serial);
  auto seen = desk.show(entry.issued.serial);
  ASSERT_TRUE(seen) << "a certificate was acknowledged and is lost: " << serial << ": " << seen.error().what;
  EXPECT_TRUE(seen->der == entry.issued.der) << "another certificate has the serial number " << serial;
  const State found = seen->status == Status::Revoked ? State::Revoked
                      : seen->status == Status::Held  ? State::Held
                                                      : State::Good;
  if (entry.state == State::Open) entry.state = found;
  ASSERT_EQ(found, entry.state) << "an acknowledged change of the state is lost: " << serial;
  if (entry.confirmed) {
    EXPECT_NE(seen->status, Status::Unconfirmed) << "a confirmation was acknowledged and is lost: " << serial;
  }
  if (entry.usable || found != State::Good) return;
  auto ended = change(desk, entry, State::Revoked, RevocationReason::CessationOfOperation);
  EXPECT_TRUE(ended) << ended.error().what;
}

void CertificateLedger::check(CertificateDesk& desk, std::size_t recent) {
  const std::size_t last = std::min(recent, entries_.size());
  const std::size_t older = entries_.size() - last;
  for (std::size_t i = 0; i < entries_.size() && !::testing::Test::HasFailure(); ++i)
    if (i >= older || entries_[i].state == State::Open) checkOne(desk, entries_[i]);
  for (std::size_t i = 0; i < std::min(last, older) && !::testing::Test::HasFailure(); ++i)
    checkOne(desk, entries_[below(older)]);
}

CertificateLedger::Counts CertificateLedger::counts() const {
  Counts counts = counts_;
  counts.revoked = static_cast<std::size_t>(std::ranges::count(entries_, State::Revoked, &Entry::state));
  return counts;
}

void CertificateLedger::collectSerials(std::set<kms::pki::Serial>& into) const {
  for (const Entry& entry : entries_)
    EXPECT_TRUE(into.insert(entry.issued.serial).second)
        << "given twice: " << serialText(entry.issued.serial);
}

void CertificateLedger::collectStates(std::map<kms::pki::Serial, bool>& into, std::size_t recent) const {
  const std::size_t last = std::min(recent, entries_.size());
  for (std::size_t i = entries_.size() - last; i < entries_.size(); ++i)
    if (entries_[i].state != State::Open) into[entries_[i].issued.serial] = entries_[i].state != State::Good;
}

void CertificateLedger::collectRevoked(std::set<kms::pki::Serial>& into) const {
  for (const Entry& entry : entries_)
    if (entry.state == State::Revoked) into.insert(entry.issued.serial);
}

}  // namespace tests
