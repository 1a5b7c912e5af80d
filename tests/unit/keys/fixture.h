// A founded database of the test's own: two media with a key each, scrypt at its cheapest.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "kms/keys/founding.h"
#include "kms/keys/open_keys.h"
#include "kms/keys/vault.h"
#include "kms/store/sqlite_store.h"
#include "tests/support/scratch.h"

namespace tests {

inline constexpr kms::ScryptCost kCheap{kms::ScryptCost::kLogNLeast, 8, 1};

class FixedClock final : public base::Clock {
 public:
  base::Time now() const override { return base::Time(std::chrono::seconds(1'800'000'000)); }
};

// Bytes in a known order: 0, 1, 2, ... for worked examples.
class CountingRng final : public base::Rng {
 public:
  void fill(std::span<std::byte> out) override {
    for (std::byte& b : out) b = static_cast<std::byte>(next_++);
  }

 private:
  unsigned next_ = 0;
};

base::MasterKey masterKey(unsigned seed);
base::Uuid uuid(unsigned seed);
base::SecretBuffer secret(std::string_view text);
base::Bytes fromHex(std::string_view hex);

struct Founded {
  Founded();
  kms::KeyOffer offer(unsigned medium, unsigned key) const;  // with the identity of `medium`
  kms::KeyOffer typed(unsigned key) const;
  std::vector<kms::SlotRow> slots() const;
  void write(const kms::Store::WriteJob& job) const;  // must succeed
  void reopen();                                      // closes the file and opens it again

  static constexpr unsigned kFirst = 1;  // medium and key
  static constexpr unsigned kSecond = 2;

  Scratch scratch;
  FixedClock clock;
  base::Uuid server = uuid(100);
  std::unique_ptr<kms::Store> store;
};

}  // namespace tests
