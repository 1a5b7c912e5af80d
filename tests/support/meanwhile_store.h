// A store to which something happens just before its next job: after a caller has looked, and before it
// writes.
#pragma once

#include <functional>
#include <utility>

#include "kms/store/store.h"

namespace tests {

class MeanwhileStore final : public kms::Store {
 public:
  explicit MeanwhileStore(kms::Store& inner) : inner_(inner) {}
  base::Result<void> read(const ReadJob& job) override { return inner_.read(job); }
  void write(WriteJob job, Done done) override {
    if (auto now = std::exchange(meanwhile, nullptr)) now();
    inner_.write(std::move(job), std::move(done));
  }
  std::function<void()> meanwhile;

 private:
  kms::Store& inner_;
};

}  // namespace tests
