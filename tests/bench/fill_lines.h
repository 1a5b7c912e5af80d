// Lines of equal length, collected and written at the end.
#pragma once

#include <random>
#include <string>
#include <string_view>

#include "hal/base/result.h"

namespace tests::bench {

class Lines {
 public:
  void add(std::string_view line) {
    width_ = line.size();
    all_.append(line);
  }
  void shuffle(std::mt19937_64& numbers);
  // To a new file, mode 0600.
  base::Result<void> write(const std::string& path) const;

 private:
  std::size_t count() const { return width_ == 0 ? 0 : all_.size() / width_; }
  std::string all_;  // of a benchmark: no secrets
  std::size_t width_ = 0;
};

}  // namespace tests::bench
