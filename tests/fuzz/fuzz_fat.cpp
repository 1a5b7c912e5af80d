// Fuzzes all that reads a medium: partition tables, FAT, the search for the key file. The input is the
// device.
#include <cstring>

#include "hal/key_disk.h"

namespace {

class SpanDevice final : public hal::BlockDevice {
 public:
  explicit SpanDevice(base::BytesView content) : content_(content) {}
  std::uint64_t size() const noexcept override { return content_.size(); }
  base::Result<void> read(std::uint64_t offset, std::span<std::byte> out, base::Deadline) override {
    if (offset > content_.size() || out.size() > content_.size() - offset)
      __builtin_trap();  // unchecked bound
    if (!out.empty()) std::memcpy(out.data(), content_.data() + offset, out.size());
    return {};
  }
  base::Result<void> write(std::uint64_t, base::BytesView, base::Deadline) override { __builtin_trap(); }
  base::Result<void> flush() override { __builtin_trap(); }

 private:
  base::BytesView content_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  SpanDevice device(std::as_bytes(std::span(data, size)));
  const auto text = hal::readKeyDisk(device, base::Deadline::in(std::chrono::seconds(10)));
  if (!text && text.error().what.empty()) __builtin_trap();  // every refusal says why
  return 0;
}
