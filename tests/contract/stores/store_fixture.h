// What the contract suite needs of a store: one object a test, with data of its own that it removes at its
// end. A new store joins by a row in storeFixtures().
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kms/store/store.h"

namespace tests {

class StoreFixture {
 public:
  virtual ~StoreFixture() = default;
  // An empty store. Called once, before open().
  virtual base::Result<std::unique_ptr<kms::Store>> create() = 0;
  // The same data again. REQUIRES: the store made before is gone.
  virtual base::Result<std::unique_ptr<kms::Store>> open() = 0;
};

struct NamedFixture {
  std::string name;  // letters and digits
  std::function<std::unique_ptr<StoreFixture>()> make;
};

std::vector<NamedFixture> storeFixtures();

}  // namespace tests
