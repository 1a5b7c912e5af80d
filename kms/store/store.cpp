#include "kms/store/store.h"

#include <future>
#include <utility>

namespace kms {

base::Result<void> Txn::insert(Table table, const SealedRow& row) {
  auto there = get(table, row.key);
  if (!there) return std::move(there).error();
  if (*there) return base::Error{base::Code::Conflict, "there is a row with this number already"};
  return put(table, row);
}

base::Result<RowView> Store::get(Table table, std::int64_t key) {
  RowView view;
  auto done = read([&](StoreReader& reader) -> base::Result<void> {
    auto row = reader.get(table, key);
    if (!row) return std::move(row).error();
    view = {*std::move(row), reader.asOf()};
    return {};
  });
  if (!done) return std::move(done).error();
  return view;
}

bool Store::watch(std::weak_ptr<RowWatcher>) { return false; }

base::Result<CopyFacts> Store::copyTo(const std::filesystem::path&, const std::atomic<bool>&) {
  return base::Error{base::Code::Unsupported, "this store cannot be copied"};
}

base::Result<void> Store::writeAndWait(WriteJob job) {
  // Shared, because the waiting side may be gone while the other still leaves set_value().
  auto promise = std::make_shared<std::promise<base::Result<void>>>();
  auto outcome = promise->get_future();
  write(std::move(job), [promise](base::Result<void> result) { promise->set_value(std::move(result)); });
  return outcome.get();
}

}  // namespace kms
