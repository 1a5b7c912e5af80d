// Fuzzes the parser of uevents, as the kernel and udevd send them.
#include <cstdint>
#include <cstring>
#include <string>

#include "hal/uevent.h"

namespace {

constexpr std::size_t kMaxValue = 1024;

void property(std::string& text, const char* key, const std::string& value) {
  if (value.empty()) return;
  text += key + ("=" + value);
  text += '\0';
}

std::string number(const std::optional<unsigned>& value) { return value ? std::to_string(*value) : ""; }

// The event in the kernel's form.
std::string kernelText(const hal::Uevent& event) {
  std::string text = "x@y";
  text += '\0';
  property(text, "ACTION", event.action);
  property(text, "DEVPATH", event.devpath);
  property(text, "SUBSYSTEM", event.subsystem);
  property(text, "DEVNAME", event.devname);
  property(text, "MAJOR", number(event.major));
  property(text, "MINOR", number(event.minor));
  return text;
}

bool same(const hal::Uevent& one, const hal::Uevent& other) {
  return one.action == other.action && one.devpath == other.devpath && one.subsystem == other.subsystem &&
         one.devname == other.devname && one.major == other.major && one.minor == other.minor;
}

}  // namespace

// What is accepted stood in the datagram, value by value, and is the same when it is sent again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto datagram = std::as_bytes(std::span(data, size));
  const auto event = hal::parseUevent(datagram);
  if (!event) return 0;
  if (size > hal::kMaxUevent || event->action.empty() || event->devpath.empty()) __builtin_trap();
  for (const std::string* value : {&event->action, &event->devpath, &event->subsystem, &event->devname}) {
    if (value->size() > kMaxValue || value->find('\0') != std::string::npos) __builtin_trap();
    if (base::asText(datagram).find(*value) == std::string_view::npos) __builtin_trap();
  }
  const auto again = hal::parseUevent(base::asBytes(kernelText(*event)));
  if (!again || !same(*event, *again)) __builtin_trap();
  return 0;
}
