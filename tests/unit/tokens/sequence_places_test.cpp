#include "kms/tokens/sequence_places.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace tests {
namespace {

using kms::SequencePlaces;

TEST(SequencePlaces, AreDenseOverAnyGap) {
  SequencePlaces places;
  constexpr std::int64_t kStep = std::int64_t{1} << 40U;
  std::vector<std::int64_t> numbers;
  for (const std::int64_t begin : {std::int64_t{1}, kStep + 4097, 2 * kStep + 8192})
    for (std::int64_t i = 0; i < 5000; ++i) numbers.push_back(begin + i);
  std::vector<bool> taken;
  for (const std::int64_t number : numbers) {
    const std::size_t at = places.make(number);
    EXPECT_EQ(places.make(number), at);
    EXPECT_EQ(places.sequenceAt(at), number);
    taken.resize(std::max(taken.size(), at + 1));
    ASSERT_FALSE(taken[at]) << "two numbers have one place";
    taken[at] = true;
  }
  EXPECT_LE(places.size(), numbers.size() + 6 * SequencePlaces::kPage);
  for (const std::int64_t number : numbers) EXPECT_EQ(places.find(number), places.make(number));
}

TEST(SequencePlaces, WhatWasNeverToldOfHasNone) {
  SequencePlaces places;
  EXPECT_EQ(places.find(0), std::nullopt);
  places.make(5);
  EXPECT_EQ(places.find(SequencePlaces::kPage), std::nullopt);
  EXPECT_EQ(places.find(-1), std::nullopt);
  EXPECT_NE(places.find(6), std::nullopt);
}

}  // namespace
}  // namespace tests
