#include "kms/store/store.h"

#include <future>
#include <utility>

namespace kms {

base::Result<void> Store::writeAndWait(WriteJob job) {
  // Shared, because the waiting side may be gone while the other still leaves set_value().
  auto promise = std::make_shared<std::promise<base::Result<void>>>();
  auto outcome = promise->get_future();
  write(std::move(job), [promise](base::Result<void> result) { promise->set_value(std::move(result)); });
  return outcome.get();
}

}  // namespace kms
