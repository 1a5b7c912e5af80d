// A store to which something happens just after its next job: when that is on the disk, and before anybody is
// told.
#pragma once

#include <functional>
#include <utility>

#include "kms/store/store.h"

namespace tests {

class AfterwardsStore final : public kms::Store {
 public:
  explicit AfterwardsStore(kms::Store& inner) : inner_(inner) {}
  base::Result<void> read(const ReadJob& job) override { return inner_.read(job); }
  void write(WriteJob job, Done done) override {
    inner_.write(std::move(job), [this, done = std::move(done)](base::Result<void> written) {
      if (auto now = std::exchange(afterwards, nullptr)) now();
      done(std::move(written));
    });
  }
  std::function<void()> afterwards;

 private:
  kms::Store& inner_;
};

}  // namespace tests
