#include <algorithm>

#include "drivers/smartcard/smartcard_driver.h"
#include "hal/key_file_pack.h"
#include "tests/contract/drivers/fixture.h"
#include "tests/unit/smartcard/scripted_pcsc.h"
#include "tests/virtual/cards/iso_card.h"

namespace tests {
namespace {

constexpr const char* kReader = "Acme Reader 00 00";
constexpr const char* kOptions = "?file=4B4D/4B01";
constexpr std::size_t kSize = 1024;

// A reader with cards that have a file and no PIN.
class CardFixture final : public DriveFixture {
 public:
  CardFixture() { world_->plug(kReader); }
  std::unique_ptr<hal::Driver> driver() override {
    auto target = drivers::smartcard::parseTarget(kOptions);
    if (!target) return nullptr;
    return std::make_unique<drivers::smartcard::SmartcardDriver>(*std::move(target), world_->ports());
  }
  hal::MediumId slot() override { return {"card", std::string(kReader) + kOptions}; }

  void insert(Disk disk, const std::string& text) override {
    card_ = std::make_shared<IsoCard>(CardManner{}, kSize);
    card_->key() = Bytes(kSize, disk == Disk::Unformatted ? std::byte{0xFF} : std::byte{0});
    Bytes content;
    if (disk == Disk::Key) content = bytesOf(text);
    if (disk == Disk::NotFat) content = Bytes(kSize, std::byte{'x'});
    if (disk == Disk::Files) content = bytesOf("Dear reader");
    std::ranges::copy(content, card_->key().begin());
    world_->insert(kReader, card_);
  }
  void pull() override { world_->pull(kReader); }
  void writeProtect() override {}
  void yank() override { card_->faults().pulledAt = card_->apdus() + 4; }
  std::string content() override { return std::string(base::asText(card_->key())); }
  bool isDisk() override { return false; }
  std::string kept(const std::string& text) override {
    const auto packed = hal::packKeyFile(base::asBytes(text));
    return packed ? std::string(packed->text()) : packed.error().what;
  }

 private:
  std::shared_ptr<ScriptedPcsc> world_ = ScriptedPcsc::make();
  std::shared_ptr<IsoCard> card_;
};

}  // namespace

std::unique_ptr<DriveFixture> cardFixture() { return std::make_unique<CardFixture>(); }

}  // namespace tests
