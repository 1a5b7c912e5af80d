// DriveFixture: the hand that puts disks into a drive of one driver and pulls them, so that one suite can ask
// the same of every driver.
#pragma once

#include <memory>
#include <string>

#include "hal/driver.h"
#include "tests/contract/drivers/disks.h"

namespace tests {

class DriveFixture {
 public:
  virtual ~DriveFixture() = default;
  // Why this machine cannot run it; empty where it can.
  virtual std::string unable() { return {}; }
  virtual std::unique_ptr<hal::Driver> driver() = 0;
  virtual hal::MediumId slot() = 0;

  virtual void insert(Disk disk, const std::string& text) = 0;
  virtual void pull() = 0;
  virtual void writeProtect() = 0;
  // Damages or removes the medium so that a read that goes on must fail.
  virtual void yank() = 0;
  // All that is on the medium now, to see that nothing was changed.
  virtual std::string content() = 0;

  // A card has no volume, no content beside its key, and nothing that protects it from writing.
  virtual bool isDisk() { return true; }
  // A key file as this medium keeps it.
  virtual std::string kept(const std::string& text) { return text; }
};

std::unique_ptr<DriveFixture> imageFileFixture();
std::unique_ptr<DriveFixture> imageDirectoryFixture();
std::unique_ptr<DriveFixture> loopFixture();
std::unique_ptr<DriveFixture> scriptedFloppyFixture();
std::unique_ptr<DriveFixture> usbFixture();
std::unique_ptr<DriveFixture> cardFixture();
std::unique_ptr<DriveFixture> mockFixture();

}  // namespace tests
