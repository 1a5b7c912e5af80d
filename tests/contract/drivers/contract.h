// DriverContract: the suite that every driver passes, over a DriveFixture.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "tests/contract/drivers/fixture.h"

namespace tests {

struct Named {
  const char* name;
  std::unique_ptr<DriveFixture> (*make)();
};

inline constexpr Named kDrives[] = {{"ImageFile", imageFileFixture},
                                    {"ImageDirectory", imageDirectoryFixture},
                                    {"FloppyOverLoop", loopFixture},
                                    {"FloppyScripted", scriptedFloppyFixture},
                                    {"UsbScripted", usbFixture},
                                    {"CardScripted", cardFixture},
                                    {"Mock", mockFixture}};

class DriverContract : public ::testing::TestWithParam<Named> {
 protected:
  void SetUp() override {
    drive_ = GetParam().make();
    if (const std::string why = drive_->unable(); !why.empty()) GTEST_SKIP() << why;
    driver_ = drive_->driver();
    ASSERT_NE(driver_, nullptr);
  }
  static base::Deadline soon() { return base::Deadline::in(std::chrono::seconds(10)); }

  // The fixture's slot, as a scan tells it; an absent one where the scan does not list it.
  hal::Slot look() {
    auto slots = driver_->scan(soon());
    EXPECT_TRUE(slots) << slots.error().what;
    if (slots) {
      for (hal::Slot& slot : *slots) {
        if (slot.id == drive_->slot()) return std::move(slot);
      }
    }
    return {};
  }
  base::Result<std::unique_ptr<hal::Medium>> open(hal::Access access) {
    return driver_->open(drive_->slot(), access, ask_, soon());
  }
  // Opened and read.
  base::Result<base::SecretBuffer> read() {
    auto medium = open(hal::Access::Read);
    if (!medium) return std::move(medium).error();
    return (*medium)->readKeyFile(soon());
  }
  // Opened and written.
  base::Result<void> write(const std::string& text, hal::Overwrite consent) {
    auto medium = open(hal::Access::Write);
    if (!medium) return std::move(medium).error();
    return (*medium)->writeKeyFile(base::asBytes(text), consent, soon());
  }
  void expectKey(const std::string& text) {
    auto got = read();
    ASSERT_TRUE(got) << got.error().what;
    EXPECT_EQ(drive_->kept(std::string(got->text())), drive_->kept(text));
  }

  std::unique_ptr<DriveFixture> drive_;
  std::unique_ptr<hal::Driver> driver_;

 private:
  // No medium here asks: the card has no PIN.
  class Silent final : public hal::Ask {
   public:
    base::Result<base::SecretBuffer> pin(const hal::PinQuestion& question) override {
      ADD_FAILURE() << "asked for a PIN: " << question.card;
      return base::Error{base::Code::Unavailable, "nobody is here"};
    }
    base::Result<bool> confirm(const std::string& question) override {
      ADD_FAILURE() << "asked: " << question;
      return base::Error{base::Code::Unavailable, "nobody is here"};
    }
  } ask_;
};

}  // namespace tests
