// SequencePlaces: a dense place for each sequence number that is told of. Numbers rise in long runs, and a
// restore from a backup steps over very many of them, so that a table by number would be mostly holes.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

namespace kms {

class SequencePlaces {
 public:
  static constexpr std::int64_t kPage = 4096;  // numbers in a row that have places in a row

  // The place of this number; new ones are behind all before. REQUIRES: sequence >= 0.
  std::size_t make(std::int64_t sequence) {
    const auto [at, fresh] = pages_.emplace(sequence / kPage, begins_.size());
    if (fresh) begins_.push_back(sequence / kPage * kPage);
    return place(at->second, sequence);
  }
  // Nothing where neither it nor one near it was told of.
  std::optional<std::size_t> find(std::int64_t sequence) const {
    const auto at = pages_.find(sequence / kPage);
    if (sequence < 0 || at == pages_.end()) return std::nullopt;
    return place(at->second, sequence);
  }
  // REQUIRES: place < size().
  std::int64_t sequenceAt(std::size_t place) const {
    constexpr auto page = static_cast<std::size_t>(kPage);
    return begins_[place / page] + static_cast<std::int64_t>(place % page);
  }
  std::size_t size() const noexcept { return begins_.size() * static_cast<std::size_t>(kPage); }

 private:
  static std::size_t place(std::size_t page, std::int64_t sequence) {
    return page * static_cast<std::size_t>(kPage) + static_cast<std::size_t>(sequence % kPage);
  }

  std::unordered_map<std::int64_t, std::size_t> pages_;
  std::vector<std::int64_t> begins_;  // the first number of each page
};

}  // namespace kms
