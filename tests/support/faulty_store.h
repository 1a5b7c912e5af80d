// FaultyStore: a Store whose n-th call fails, to be looped over every n until nothing fails any more. It
// counts each call of read() and write(), each call that their jobs make, and each commit. Safe to use from
// several threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "kms/store/store.h"

namespace tests {

class FaultyStore final : public kms::Store {
 public:
  // `inner` must outlive this.
  explicit FaultyStore(kms::Store& inner) : inner_(inner) {}

  // The n-th call from now on fails, the first being 1; the others reach the inner store. 0: none.
  void failAt(std::uint64_t n, base::Error error = {base::Code::Io, "injected"});
  // Calls since then.
  std::uint64_t calls() const noexcept { return calls_->load(); }

  base::Result<void> read(const ReadJob& job) override;
  void write(WriteJob job, Done done) override;

 private:
  kms::Store& inner_;
  std::uint64_t failAt_ = 0;
  base::Error error_;
  std::shared_ptr<std::atomic<std::uint64_t>> calls_ = std::make_shared<std::atomic<std::uint64_t>>(0);
};

}  // namespace tests
