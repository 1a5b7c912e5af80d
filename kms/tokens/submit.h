// submit: a write job that yields a value, with its reply.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "kms/store/store.h"
#include "kms/tokens/guarded.h"
#include "kms/tokens/user_service.h"

namespace kms {

// Calls `reply` exactly once, after the disk has what the job did. The caller must hold no Vault::Hold: the
// job takes its own, perhaps on this thread.
template <class T>
void submit(Store& store, std::function<base::Result<T>(Txn&)> job, Reply<T> reply) {
  auto made = std::make_shared<std::optional<T>>();
  store.write(
      [made, job = std::move(job)](Txn& txn) -> base::Result<void> {
        made->reset();
        auto value = guarded([&] { return job(txn); });
        if (!value) return std::move(value).error();
        made->emplace(*std::move(value));
        return {};
      },
      [made, reply = std::move(reply)](base::Result<void> done) {
        if (!done) return reply(std::move(done).error());
        reply(std::move(**made));
      });
}

template <>
inline void submit<void>(Store& store, std::function<base::Result<void>(Txn&)> job, Reply<void> reply) {
  store.write([job = std::move(job)](Txn& txn) { return guarded([&] { return job(txn); }); },
              std::move(reply));
}

}  // namespace kms
