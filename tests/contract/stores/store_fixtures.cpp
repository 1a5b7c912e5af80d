#include <utility>

#include "kms/store/sqlite_store.h"
#include "tests/contract/stores/store_fixture.h"
#include "tests/support/faulty_store.h"
#include "tests/support/scratch.h"

namespace tests {
namespace {

class Sqlite final : public StoreFixture {
 public:
  base::Result<std::unique_ptr<kms::Store>> create() override {
    return kms::createSqliteStore(scratch_ / "kms.db");
  }
  base::Result<std::unique_ptr<kms::Store>> open() override {
    return kms::openSqliteStore(scratch_ / "kms.db");
  }

 private:
  Scratch scratch_;
};

// The decorator of the fault tests must change nothing as long as nothing fails.
class Decorated final : public StoreFixture {
 public:
  base::Result<std::unique_ptr<kms::Store>> create() override { return decorate(sqlite_.create()); }
  base::Result<std::unique_ptr<kms::Store>> open() override { return decorate(sqlite_.open()); }

 private:
  base::Result<std::unique_ptr<kms::Store>> decorate(base::Result<std::unique_ptr<kms::Store>> made) {
    if (!made) return made;
    inner_ = *std::move(made);
    return std::unique_ptr<kms::Store>(std::make_unique<Closing>(inner_));
  }
  // Ends the inner store with itself.
  class Closing final : public kms::Store {
   public:
    explicit Closing(std::unique_ptr<kms::Store>& inner) : inner_(inner), faulty_(*inner) {}
    ~Closing() override { inner_.reset(); }
    base::Result<void> read(const ReadJob& job) override { return faulty_.read(job); }
    void write(WriteJob job, Done done) override { faulty_.write(std::move(job), std::move(done)); }

   private:
    std::unique_ptr<kms::Store>& inner_;
    FaultyStore faulty_;
  };
  Sqlite sqlite_;
  std::unique_ptr<kms::Store> inner_;
};

}  // namespace

std::vector<NamedFixture> storeFixtures() {
  return {{"Sqlite", [] { return std::make_unique<Sqlite>(); }},
          {"SqliteDecorated", [] { return std::make_unique<Decorated>(); }}};
}

}  // namespace tests
