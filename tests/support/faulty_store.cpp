#include "tests/support/faulty_store.h"

#include <functional>
#include <utility>

namespace tests {
namespace {

using base::BytesView;
using base::Result;
using kms::Index;
using kms::SealedRow;
using kms::StoreReader;
using kms::Table;
using kms::Txn;

// Counts a call; gives the error if it is the one.
using Gate = std::function<Result<void>()>;

// Stands before a Txn, or before a StoreReader, whose users see none of the changing calls.
class FaultyTxn final : public Txn {
 public:
  FaultyTxn(StoreReader& reader, Txn* txn, const Gate& gate) : reader_(reader), txn_(txn), gate_(gate) {}

  Result<std::optional<SealedRow>> get(Table table, std::int64_t key) override {
    return pass([&] { return reader_.get(table, key); });
  }
  Result<std::vector<SealedRow>> list(Table table, std::int64_t after, std::size_t limit) override {
    return pass([&] { return reader_.list(table, after, limit); });
  }
  Result<std::optional<std::int64_t>> find(Index index, BytesView mac) override {
    return pass([&] { return reader_.find(index, mac); });
  }
  Result<std::vector<std::int64_t>> tokensOf(std::int64_t user, std::int64_t after,
                                             std::size_t limit) override {
    return pass([&] { return reader_.tokensOf(user, after, limit); });
  }
  Result<std::vector<kms::SlotRow>> slots() override {
    return pass([&] { return reader_.slots(); });
  }
  Result<std::optional<kms::EpochRow>> epoch(std::int64_t id) override {
    return pass([&] { return reader_.epoch(id); });
  }
  Result<std::optional<std::int64_t>> number(std::string_view name) override {
    return pass([&] { return reader_.number(name); });
  }
  Result<std::vector<kms::AuditRow>> outbox(std::size_t limit) override {
    return pass([&] { return reader_.outbox(limit); });
  }
  Result<kms::AuditHead> auditHead() override {
    return pass([&] { return reader_.auditHead(); });
  }
  Result<std::optional<kms::AuditNote>> auditNote() override {
    return pass([&] { return reader_.auditNote(); });
  }
  Result<void> put(Table table, const SealedRow& row) override {
    return pass([&] { return txn_->put(table, row); });
  }
  Result<void> erase(Table table, std::int64_t key) override {
    return pass([&] { return txn_->erase(table, key); });
  }
  Result<void> bind(Index index, BytesView mac, std::int64_t key) override {
    return pass([&] { return txn_->bind(index, mac, key); });
  }
  Result<void> unbind(Index index, BytesView mac) override {
    return pass([&] { return txn_->unbind(index, mac); });
  }
  Result<void> fileTokens(std::vector<std::pair<std::int64_t, std::int64_t>> pairs) override {
    return pass([&] { return txn_->fileTokens(std::move(pairs)); });
  }
  Result<void> unfileToken(std::int64_t user, std::int64_t token) override {
    return pass([&] { return txn_->unfileToken(user, token); });
  }
  Result<void> addSlot(const kms::SlotRow& slot) override {
    return pass([&] { return txn_->addSlot(slot); });
  }
  Result<void> removeSlot(std::int64_t id) override {
    return pass([&] { return txn_->removeSlot(id); });
  }
  Result<std::int64_t> addEpoch(BytesView salt) override {
    return pass([&] { return txn_->addEpoch(salt); });
  }
  Result<void> setNumber(std::string_view name, std::int64_t value) override {
    return pass([&] { return txn_->setNumber(name, value); });
  }
  Result<void> appendAudit(BytesView entry) override {
    return pass([&] { return txn_->appendAudit(entry); });
  }
  Result<void> dropAudit(std::int64_t through) override {
    return pass([&] { return txn_->dropAudit(through); });
  }

  Result<void> setAuditHead(const kms::AuditHead& head) override {
    return pass([&] { return txn_->setAuditHead(head); });
  }
  Result<void> setAuditNote(const kms::AuditNote& note) override {
    return pass([&] { return txn_->setAuditNote(note); });
  }

 private:
  template <class Call>
  std::invoke_result_t<Call> pass(Call call) {
    auto open = gate_();
    if (!open) return std::move(open).error();
    return call();
  }
  StoreReader& reader_;
  Txn* txn_;
  const Gate& gate_;
};

}  // namespace

void FaultyStore::failAt(std::uint64_t n, base::Error error) {
  failAt_ = n;
  error_ = std::move(error);
  calls_ = std::make_shared<std::atomic<std::uint64_t>>(0);
}

base::Result<void> FaultyStore::read(const ReadJob& job) {
  const Gate gate = [calls = calls_, at = failAt_, error = error_]() -> Result<void> {
    if (++*calls == at) return error;
    return {};
  };
  auto open = gate();
  if (!open) return open;
  return inner_.read([&](StoreReader& reader) {
    FaultyTxn faulty(reader, nullptr, gate);
    return job(faulty);
  });
}

void FaultyStore::write(WriteJob job, Done done) {
  Gate gate = [calls = calls_, at = failAt_, error = error_]() -> Result<void> {
    if (++*calls == at) return error;
    return {};
  };
  auto open = gate();
  if (!open) return done(std::move(open));
  inner_.write(
      [job = std::move(job), gate = std::move(gate)](Txn& txn) -> Result<void> {
        FaultyTxn faulty(txn, &txn, gate);
        auto outcome = job(faulty);
        if (!outcome) return outcome;
        return gate();  // the commit
      },
      std::move(done));
}

}  // namespace tests
