// Internal to kms/store: the rows of a Store on one connection, inside a transaction that others begin and
// end. WriteSession adds what the writer keeps over one transaction and the next.
#pragma once

#include <utility>

#include "kms/store/sqlite_connection.h"
#include "kms/store/store.h"

namespace kms::sqlite {

class Session : public Txn {
 public:
  // `asOf`: see StoreReader; taken before the transaction began.
  explicit Session(Connection& db, std::uint64_t asOf = 0) noexcept : db_(db), asOf_(asOf) {}

  std::uint64_t asOf() const noexcept override { return asOf_; }
  base::Result<std::optional<SealedRow>> get(Table table, std::int64_t key) override;
  base::Result<std::vector<SealedRow>> list(Table table, std::int64_t after, std::size_t limit) override;
  base::Result<std::optional<std::int64_t>> find(Index index, base::BytesView mac) override;
  base::Result<std::vector<std::int64_t>> tokensOf(std::int64_t user, std::int64_t after,
                                                   std::size_t limit) override;
  base::Result<std::vector<SlotRow>> slots() override;
  base::Result<std::optional<EpochRow>> epoch(std::int64_t id) override;
  base::Result<std::optional<std::int64_t>> number(std::string_view name) override;
  base::Result<std::vector<AuditRow>> outbox(std::size_t limit) override;
  base::Result<AuditHead> auditHead() override;
  base::Result<std::optional<AuditNote>> auditNote() override;

  base::Result<void> put(Table table, const SealedRow& row) override;
  base::Result<void> insert(Table table, const SealedRow& row) override;
  base::Result<void> erase(Table table, std::int64_t key) override;
  base::Result<void> bind(Index index, base::BytesView mac, std::int64_t key) override;
  base::Result<void> unbind(Index index, base::BytesView mac) override;
  base::Result<void> fileTokens(std::vector<std::pair<std::int64_t, std::int64_t>> userAndToken) override;
  base::Result<void> unfileToken(std::int64_t user, std::int64_t token) override;
  base::Result<void> addSlot(const SlotRow& slot) override;
  base::Result<void> removeSlot(std::int64_t id) override;
  base::Result<std::int64_t> addEpoch(base::BytesView salt) override;
  base::Result<void> setNumber(std::string_view name, std::int64_t value) override;
  base::Result<void> appendAudit(base::BytesView entry) override;
  base::Result<void> dropAudit(std::int64_t through) override;
  base::Result<void> setAuditHead(const AuditHead& head) override;
  base::Result<void> setAuditNote(const AuditNote& note) override;

 protected:
  Connection& db_;

 private:
  const std::uint64_t asOf_;
};

}  // namespace kms::sqlite
