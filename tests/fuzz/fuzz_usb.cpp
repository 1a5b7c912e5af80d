// Fuzzes all that a USB device can answer: the parsers alone, and the whole way from the transport to the key
// file and back. The input is what the device says; it is plugged in once, and what it says ends with the
// input.
//
//   input  := mode:u8 answer*
//   answer := kind:u8 length:u16 bytes    ; little-endian; kind as below; bytes only where the device gives
//   some mode   : bit 0: write instead of reading
#include <array>

#include "drivers/usb/usb_disk.h"
#include "hal/key_disk.h"
#include "hal/key_file.h"

namespace {

using namespace drivers::usb;

// A device that knows the protocol as far as it likes.
class FuzzLink final : public Link {
 public:
  explicit FuzzLink(base::BytesView script) : script_(script) {}

  bool kernelHas(std::uint8_t) override { return false; }
  Fault detachKernel(std::uint8_t) override { return Fault::None; }
  Fault attachKernel(std::uint8_t) override { return Fault::None; }
  Fault claim(std::uint8_t) override { return Fault::None; }
  Fault release(std::uint8_t) override { return Fault::None; }
  Fault setAlternate(std::uint8_t, std::uint8_t) override { return Fault::None; }
  Fault clearHalt(std::uint8_t) override { return Fault::None; }
  Fault reset() override { return count() ? Fault::None : Fault::Gone; }

  Transfer bulkIn(std::uint8_t, std::span<std::byte> data, Milliseconds) override {
    if (!count()) return {Fault::Gone, 0};
    const auto kind = script_.u8();
    const std::size_t length = std::min<std::size_t>(script_.u16(), data.size());
    switch (kind & 7U) {
      case 0:  // stall
        return {Fault::Stall, 0};
      case 1:  // anything
      case 2:
        return give(script_.raw(std::min(length, script_.rest().size())), data);
      case 3:  // another failure
        return {Fault(1 + length % 7), 0};
      case 4: {  // zeros
        std::fill_n(data.begin(), length, std::byte{0});
        return {Fault::None, length};
      }
      default: {  // the status of this command, sound or nearly
        Csw csw{tag_, script_.u8(), CswStatus((kind & 7U) - 5)};
        return give(encodeCsw(csw), data);
      }
    }
  }
  Transfer bulkOut(std::uint8_t, base::BytesView data, Milliseconds) override {
    if (!count()) return {Fault::Gone, 0};
    if (const auto cbw = parseCbw(data)) tag_ = cbw->tag;
    return {Fault::None, data.size()};
  }
  Transfer control(const Setup& setup, std::span<std::byte> data, Milliseconds) override {
    if (!count()) return {Fault::Gone, 0};
    if (setup.request == kGetMaxLun) data[0] = std::byte{script_.u8()};
    return {Fault::None, data.size()};
  }

 private:
  static Transfer give(base::BytesView bytes, std::span<std::byte> to) {
    const std::size_t size = std::min(bytes.size(), to.size());
    std::copy_n(bytes.begin(), size, to.begin());
    return {Fault::None, size};
  }
  // The input's end is the device's; and nothing may go on for ever before it.
  bool count() {
    if (++transfers_ > 20000) __builtin_trap();
    return !script_.rest().empty();
  }

  base::ByteReader script_;
  std::uint32_t tag_ = 0;
  unsigned transfers_ = 0;
};

class FuzzPort final : public UsbPort {
 public:
  explicit FuzzPort(base::BytesView script) : script_(script) {}
  base::Result<std::vector<Device>> list() override { return std::vector<Device>(); }
  Opened open(const Device&) override { return {Fault::None, std::make_unique<FuzzLink>(script_)}; }
  base::Result<bool> wait(base::Deadline, const std::stop_token&) override { return false; }

 private:
  base::BytesView script_;
};

void parsers(base::BytesView data) {
  static_cast<void>(parseCbw(data));
  static_cast<void>(parseCsw(data, 1, 512));
  static_cast<void>(scsi::parseInquiry(data));
  static_cast<void>(scsi::parseSense(data));
  static_cast<void>(scsi::parseModeProtect6(data));
  static_cast<void>(scsi::parseModeProtect10(data));
  static_cast<void>(scsi::parseCapacity10(data));
  static_cast<void>(scsi::parseCapacity16(data));
}

void check(const base::Error& error) {
  if (error.what.empty()) __builtin_trap();  // every refusal says why
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const auto input = std::as_bytes(std::span(data, size));
  if (input.empty()) return 0;
  parsers(input.subspan(1));
  FuzzPort port(input.subspan(1));
  const auto by = base::Deadline::in(std::chrono::seconds(10));
  auto session = Session::open(port, {}, {0, 0, 0x81, 0x02}, "usb:fuzz");
  if (!session) __builtin_trap();
  auto disk = startDisk(*std::move(session), 0, "usb:fuzz", by, {Milliseconds(0)});
  if (!disk) return check(disk.error()), 0;
  const std::uint64_t bytes = disk->device->size();
  if (bytes == 0 || bytes > (std::uint64_t{1} << 44U) || bytes % 512 != 0) __builtin_trap();
  if ((data[0] & 1U) == 0) {
    const auto text = hal::readKeyDisk(*disk->device, by);
    if (!text) check(text.error());
    return 0;
  }
  const std::string text(hal::kKeyFileSize, 'k');
  const auto written = hal::writeKeyDisk(*disk->device, base::asBytes(text), hal::Overwrite::Key, by);
  if (!written) check(written.error());
  return 0;
}
