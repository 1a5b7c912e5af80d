#include "tests/virtual/pcsc_bench.h"

#include <algorithm>

#include "drivers/smartcard/driver.h"

namespace tests {

void PcscBench::use(const std::string& target) {
  auto made = drivers::smartcard::make(target);
  ASSERT_TRUE(made) << made.error().what;
  driver = *std::move(made);
  const auto mark = target.find('?');
  options_ = mark == std::string::npos ? "" : target.substr(mark);
}

hal::MediumId PcscBench::idOf(unsigned slot) const { return {"card", Pcscd::reader(slot) + options_}; }

void PcscBench::insert(std::shared_ptr<VirtualCard> card, unsigned slot) {
  links.at(slot) = std::make_unique<VpcdLink>(pcscd.port(slot), std::move(card));
  expectPresent(true, slot);
}

void PcscBench::pull(unsigned slot) {
  links.at(slot).reset();
  expectPresent(false, slot);
}

std::vector<hal::Slot> PcscBench::slots() {
  auto all = driver->scan(soon());
  EXPECT_TRUE(all) << all.error().what;
  return all ? *std::move(all) : std::vector<hal::Slot>();
}

hal::Slot PcscBench::look(unsigned slot) {
  const auto all = slots();
  const auto at = std::ranges::find(all, idOf(slot), &hal::Slot::id);
  return at == all.end() ? hal::Slot() : *at;
}

void PcscBench::expectPresent(bool present, unsigned slot) {
  const auto by = soon();
  const auto asWanted = [&] {
    const hal::Slot seen = look(slot);
    return !seen.error && !seen.id.slot.empty() && seen.present == present;
  };
  while (!asWanted()) {
    const auto changed = driver->waitForChange(by, {});
    ASSERT_TRUE(changed) << changed.error().what;
    ASSERT_TRUE(*changed) << Pcscd::reader(slot) << " does not change\n" << pcscd.log();
  }
}

base::Result<std::string> PcscBench::read(hal::Ask& ask, unsigned slot) {
  auto medium = driver->open(idOf(slot), hal::Access::Read, ask, soon());
  if (!medium) return std::move(medium).error();
  auto text = (*medium)->readKeyFile(soon());
  if (!text) return std::move(text).error();
  return std::string(text->text());
}

std::string PcscBench::text(hal::Ask& ask, unsigned slot) {
  const auto got = read(ask, slot);
  return got ? *got : got.error().what;
}

base::Result<void> PcscBench::write(hal::Ask& ask, const std::string& text, hal::Overwrite consent) {
  auto medium = driver->open(idOf(0), hal::Access::Write, ask, soon());
  if (!medium) return std::move(medium).error();
  return (*medium)->writeKeyFile(base::asBytes(text), consent, soon());
}

}  // namespace tests
