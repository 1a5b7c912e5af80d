// Splitting a secret and putting it together again: by worked values, for each threshold, and both ways with
// gfsplit and gfcombine of libgfshare-bin.
#include "hal/base/shamir.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <fstream>

#include "tests/support/run.h"
#include "tests/support/scratch.h"

namespace tests {
namespace {

using base::BytesView;
using base::SecretBuffer;
using base::SharePoint;

base::Bytes bytesOf(std::initializer_list<unsigned> values) {
  base::Bytes out;
  for (const unsigned value : values) out.push_back(static_cast<std::byte>(value));
  return out;
}

// Gives the bytes it was made with, one after another.
class ScriptedRng final : public base::Rng {
 public:
  explicit ScriptedRng(base::Bytes bytes) : bytes_(bytes.begin(), bytes.end()) {}
  void fill(std::span<std::byte> out) override {
    for (std::byte& b : out) {
      ASSERT_FALSE(bytes_.empty());
      b = bytes_.front();
      bytes_.pop_front();
    }
  }

 private:
  std::deque<std::byte> bytes_;
};

std::vector<SharePoint> pointsOf(const std::vector<SecretBuffer>& shares,
                                 const std::vector<unsigned>& which) {
  std::vector<SharePoint> points;
  for (const unsigned number : which)
    points.push_back({static_cast<std::uint8_t>(number), shares[number - 1].bytes()});
  return points;
}

std::string hex(const SecretBuffer& secret) { return base::toHex(secret.bytes()); }

// Calls `use` with each set of `size` numbers of 1..total.
template <class Use>
void eachSubset(unsigned total, unsigned size, Use use) {
  for (unsigned bits = 1; bits < (1U << total); ++bits) {
    std::vector<unsigned> which;
    for (unsigned i = 0; i < total; ++i)
      if ((bits >> i & 1U) != 0) which.push_back(i + 1);
    if (which.size() == size) use(which);
  }
}

TEST(Shamir, ALineThroughTwoPointsAsWorkedByHand) {
  // f(x) = 0x42 + 0x80 x. 2 * 0x80 = 0x100, which is 0x1D modulo 0x11D; 3 * 0x80 = 0x1D + 0x80 = 0x9D.
  ScriptedRng rng(bytesOf({0x80}));
  const base::Bytes secret = bytesOf({0x42});
  const auto shares = base::splitSecret(secret, 2, 3, rng);
  ASSERT_TRUE(shares);
  EXPECT_EQ(hex((*shares)[0]), "c2");
  EXPECT_EQ(hex((*shares)[1]), "5f");
  EXPECT_EQ(hex((*shares)[2]), "df");
}

TEST(Shamir, AParabolaAndEachByteForItself) {
  // Bytes 0 and 1: f(x) = s + a x + b x^2, with the a of all bytes first. 2^2 = 4, 4 * 0x80 = 0x3A.
  ScriptedRng rng(bytesOf({0x01, 0x80, 0x10, 0x80}));
  const base::Bytes secret = bytesOf({0xFF, 0x00});
  const auto shares = base::splitSecret(secret, 3, 4, rng);
  ASSERT_TRUE(shares);
  EXPECT_EQ(hex((*shares)[0]), "ee00");  // FF+01+10, 00+80+80
  EXPECT_EQ(hex((*shares)[1]), "bd27");  // FF+02+40, 00+1D+3A
}

TEST(Shamir, EveryThresholdOfUpToSevenSharesAndEverySubsetOfThem) {
  const base::Bytes secret = bytesOf({0, 1, 0x80, 0xFF, 0x1D, 0x55, 0xAA, 0x7F});
  for (unsigned total = 2; total <= 7; ++total) {
    for (unsigned threshold = 2; threshold <= total; ++threshold) {
      const auto shares = base::splitSecret(secret, threshold, total, base::systemRng());
      ASSERT_TRUE(shares);
      ASSERT_EQ(shares->size(), total);
      for (unsigned size = 1; size <= total; ++size) {
        eachSubset(total, size, [&](const std::vector<unsigned>& which) {
          const auto joined = base::joinShares(pointsOf(*shares, which));
          ASSERT_TRUE(joined);
          EXPECT_EQ(base::equalConstantTime(joined->bytes(), secret), size >= threshold)
              << threshold << " of " << total << " by " << size;
        });
      }
    }
  }
}

TEST(Shamir, TheLargestSplitAndAnyOrder) {
  const base::Bytes secret = bytesOf({1, 2, 3, 4, 5, 6, 7, 8});
  const auto shares = base::splitSecret(secret, 255, 255, base::systemRng());
  ASSERT_TRUE(shares);
  std::vector<unsigned> all;
  for (unsigned i = 255; i > 0; --i) all.push_back(i);
  auto joined = base::joinShares(pointsOf(*shares, all));
  ASSERT_TRUE(joined);
  EXPECT_TRUE(base::equalConstantTime(joined->bytes(), secret));
  all.pop_back();
  joined = base::joinShares(pointsOf(*shares, all));
  ASSERT_TRUE(joined);
  EXPECT_FALSE(base::equalConstantTime(joined->bytes(), secret));
}

TEST(Shamir, EnoughSharesGiveEveryOtherOne) {
  const base::Bytes secret = bytesOf({9, 8, 7});
  const auto shares = base::splitSecret(secret, 3, 6, base::systemRng());
  ASSERT_TRUE(shares);
  for (unsigned number = 1; number <= 6; ++number) {
    const auto again = base::joinShares(pointsOf(*shares, {2, 4, 5}), static_cast<std::uint8_t>(number));
    ASSERT_TRUE(again);
    EXPECT_EQ(hex(*again), hex((*shares)[number - 1]));
  }
}

// Whatever the secret is, a share alone takes each value equally often: it tells nothing.
TEST(Shamir, OneShareOfTwoTellsNothing) {
  for (const unsigned secret : {0U, 0xA7U}) {
    std::array<bool, 256> seen{};
    for (unsigned coefficient = 0; coefficient < 256; ++coefficient) {
      ScriptedRng rng(bytesOf({coefficient}));
      const auto shares = base::splitSecret(bytesOf({secret}), 2, 2, rng);
      ASSERT_TRUE(shares);
      seen[std::to_integer<unsigned>((*shares)[1].bytes()[0])] = true;
    }
    EXPECT_EQ(std::count(seen.begin(), seen.end(), true), 256);
  }
}

TEST(Shamir, RefusesWhatIsNoSplit) {
  const base::Bytes secret = bytesOf({1});
  for (const auto& [threshold, total] :
       {std::pair(0U, 2U), std::pair(1U, 3U), std::pair(3U, 2U), std::pair(2U, 256U), std::pair(2U, 0U)})
    EXPECT_FALSE(base::splitSecret(secret, threshold, total, base::systemRng())) << threshold << "/" << total;
  EXPECT_FALSE(base::splitSecret({}, 2, 3, base::systemRng()));

  const base::Bytes longer = bytesOf({1, 2});
  const SharePoint one{1, secret};
  const SharePoint zero{0, secret};
  const SharePoint two{2, longer};
  EXPECT_FALSE(base::joinShares({}));
  EXPECT_FALSE(base::joinShares(std::array{one, one}));
  EXPECT_FALSE(base::joinShares(std::array{zero, one}));
  EXPECT_FALSE(base::joinShares(std::array{one, two}));
}

// --- libgfshare
// ----------------------------------------------------------------------------------------------

void write(const std::filesystem::path& path, BytesView bytes) {
  std::ofstream(path, std::ios::binary) << base::asText(bytes);
}

base::Bytes read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const BytesView bytes = base::asBytes(text);
  return {bytes.begin(), bytes.end()};
}

std::string suffix(unsigned number) {
  const std::string digits = std::to_string(number);
  return "." + std::string(3 - digits.size(), '0') + digits;
}

struct Split {
  unsigned threshold;
  unsigned total;
};

class Gfshare : public ::testing::TestWithParam<Split> {};

TEST_P(Gfshare, GfcombineTakesOurShares) {
  const Scratch scratch;
  auto secret = SecretBuffer::create(8);
  ASSERT_TRUE(secret);
  base::systemRng().fill(secret->bytes());
  const auto shares =
      base::splitSecret(secret->bytes(), GetParam().threshold, GetParam().total, base::systemRng());
  ASSERT_TRUE(shares);
  const std::filesystem::path out = scratch / "joined";
  std::vector<std::string> command = {"gfcombine", "-o", out.string()};
  for (unsigned number = GetParam().total; number > GetParam().total - GetParam().threshold; --number) {
    command.push_back((scratch / ("key" + suffix(number))).string());
    write(command.back(), (*shares)[number - 1].bytes());
  }
  const Ran ran = run(command);
  ASSERT_EQ(ran.exit, 0) << ran.err;
  EXPECT_EQ(base::toHex(read(out)), hex(*secret));
}

TEST_P(Gfshare, WeTakeGfsplitsShares) {
  const Scratch scratch;
  auto secret = SecretBuffer::create(8);
  ASSERT_TRUE(secret);
  base::systemRng().fill(secret->bytes());
  write(scratch / "key", secret->bytes());
  // It holds the threshold against the count that it knows by then, so -m comes first.
  const Ran ran = run({"gfsplit", "-m", std::to_string(GetParam().total), "-n",
                       std::to_string(GetParam().threshold), (scratch / "key").string()});
  ASSERT_EQ(ran.exit, 0) << ran.err;
  std::vector<base::Bytes> values;  // gfsplit takes random numbers of 1 to 255
  std::vector<std::uint8_t> numbers;
  for (unsigned number = 1; number <= 255 && values.size() < GetParam().threshold; ++number) {
    const std::filesystem::path file = scratch / ("key" + suffix(number));
    if (!std::filesystem::exists(file)) continue;
    values.push_back(read(file));
    numbers.push_back(static_cast<std::uint8_t>(number));
  }
  ASSERT_EQ(values.size(), GetParam().threshold);
  std::vector<SharePoint> points;
  for (std::size_t i = 0; i < values.size(); ++i) points.push_back({numbers[i], values[i]});
  const auto joined = base::joinShares(points);
  ASSERT_TRUE(joined);
  EXPECT_EQ(hex(*joined), hex(*secret));
}

INSTANTIATE_TEST_SUITE_P(Splits, Gfshare,
                         ::testing::Values(Split{2, 2}, Split{2, 3}, Split{3, 3}, Split{3, 5}, Split{5, 9},
                                           Split{2, 16}, Split{9, 16}, Split{16, 16}, Split{9, 200}),
                         [](const auto& split) {
                           return std::to_string(split.param.threshold) + "of" +
                                  std::to_string(split.param.total);
                         });

}  // namespace
}  // namespace tests
