#include "hal/reader_station.h"

#include <gtest/gtest.h>

#include <functional>

namespace {

using base::Code;
using base::Deadline;
using base::Error;

// Answers each scan as it is told.
class ScriptedDriver final : public hal::Driver {
 public:
  using Answer = base::Result<std::vector<hal::Slot>>;
  explicit ScriptedDriver(std::vector<std::function<Answer()>> answers) : answers_(std::move(answers)) {}

  const hal::DriverInfo& info() const noexcept override {
    static const hal::DriverInfo kInfo{};
    return kInfo;
  }
  Answer scan(Deadline) override { return answers_.at(next_++)(); }
  base::Result<std::unique_ptr<hal::Medium>> open(const hal::MediumId&, hal::Access, hal::Ask&,
                                                  Deadline) override {
    return Error{Code::NotFound, "no medium"};
  }
  base::Result<bool> waitForChange(Deadline, std::stop_token) override { return false; }

 private:
  std::vector<std::function<Answer()>> answers_;
  std::size_t next_ = 0;
};

Deadline soon() { return Deadline::in(std::chrono::seconds(20)); }

TEST(ReaderStation, ADriverThatCannotScanKeepsItsSlotsListed) {
  const auto fails = [] { return ScriptedDriver::Answer(Error{Code::Io, "cannot be read"}); };
  const auto shows = [] {
    return ScriptedDriver::Answer(std::vector<hal::Slot>{{{"image", "/keys/a"}, true, false, "1", {}}});
  };
  hal::ReaderStation station(
      "image:/keys", std::make_unique<ScriptedDriver>(
                         std::vector<std::function<ScriptedDriver::Answer()>>{fails, shows, fails, shows}));
  const auto look = [&] {
    station.look(soon());
    return station.slots()->at(0);
  };
  EXPECT_EQ(look().id.uri(), "image:/keys");  // nothing was seen before
  EXPECT_TRUE(station.slots()->at(0).error);
  EXPECT_EQ(look().id.uri(), "image:/keys/a");
  const hal::Slot failed = look();
  EXPECT_EQ(failed.id.uri(), "image:/keys/a");
  ASSERT_TRUE(failed.error);
  EXPECT_EQ(failed.error->code, Code::Io);
  EXPECT_FALSE(failed.present);
  EXPECT_FALSE(look().error);
  EXPECT_EQ(station.slots()->size(), 1U);
}

}  // namespace
