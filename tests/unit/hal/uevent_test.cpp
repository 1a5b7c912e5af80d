// Uevents: the parser on what the kernel and udevd send and on hostile bytes; the socket's senders, deadline
// and stop.
#include "hal/uevent.h"

#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>
#include <thread>

#include "hal/base/fd.h"
#include "hal/stop_wait.h"

namespace tests {
namespace {

using namespace std::string_literals;
using std::chrono::milliseconds;
using std::chrono::seconds;

const std::string kKernel =
    "change@/devices/virtual/block/loop0\0ACTION=change\0DEVPATH=/devices/virtual/block/loop0\0"
    "SUBSYSTEM=block\0MAJOR=7\0MINOR=0\0DEVNAME=loop0\0DEVTYPE=disk\0DISKSEQ=12\0SEQNUM=3456\0"s;

std::string bigEndianMagic() { return "\xFE\xED\xCA\xFE"; }
std::string host32(std::uint32_t value) {
  std::string text(4, '\0');
  std::memcpy(text.data(), &value, 4);
  return text;
}

// As systemd's device-monitor.c lays it out: prefix, magic, header size, offset, length, four hashes.
std::string udev(const std::string& properties, std::uint32_t offset, std::uint32_t length) {
  return "libudev\0"s + bigEndianMagic() + host32(40) + host32(offset) + host32(length) +
         std::string(16, '\0') + properties;
}
const std::string kUdevProperties =
    "ACTION=add\0DEVPATH=/devices/usb/sdb\0SUBSYSTEM=block\0DEVNAME=/dev/sdb\0"s;

std::optional<hal::Uevent> parse(const std::string& text) { return hal::parseUevent(base::asBytes(text)); }

TEST(Uevent, ReadsWhatTheKernelSends) {
  const auto event = parse(kKernel);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->action, "change");
  EXPECT_EQ(event->devpath, "/devices/virtual/block/loop0");
  EXPECT_EQ(event->subsystem, "block");
  EXPECT_EQ(event->devname, "loop0");
  EXPECT_EQ(event->major, 7U);
  EXPECT_EQ(event->minor, 0U);
}

TEST(Uevent, ReadsWhatUdevdSends) {
  const auto size = static_cast<std::uint32_t>(kUdevProperties.size());
  const auto event = parse(udev(kUdevProperties, 40, size));
  ASSERT_TRUE(event);
  EXPECT_EQ(event->action, "add");
  EXPECT_EQ(event->devname, "/dev/sdb");
  EXPECT_FALSE(event->major);
}

TEST(Uevent, RefusesUdevHeadersThatLie) {
  const auto size = static_cast<std::uint32_t>(kUdevProperties.size());
  EXPECT_FALSE(parse(udev(kUdevProperties, 40, size + 1)));
  EXPECT_FALSE(parse(udev(kUdevProperties, 41, size)));
  EXPECT_FALSE(parse(udev(kUdevProperties, 8, size)));  // the header read as properties
  EXPECT_FALSE(parse(udev(kUdevProperties, UINT32_MAX, UINT32_MAX)));
  EXPECT_FALSE(parse(udev(kUdevProperties, 40, UINT32_MAX)));
  std::string wrongMagic = udev(kUdevProperties, 40, size);
  wrongMagic[8] = 'x';
  EXPECT_FALSE(parse(wrongMagic));
}

TEST(Uevent, RefusesWhatIsNoEvent) {
  const std::string start = "add@/d\0"s;
  const std::string both = start + "ACTION=add\0DEVPATH=/d\0"s;
  ASSERT_TRUE(parse(both));
  for (const std::string& text :
       {""s, "\0"s, "add"s, "add@/d"s, "add@/d\0"s, "@/d\0ACTION=add\0DEVPATH=/d\0"s, start + "ACTION=add\0"s,
        start + "DEVPATH=/d\0"s, both + "ACTION=remove\0"s, both + "MAJOR=7\0MAJOR=8\0"s, both + "MAJOR=\0"s,
        both + "MAJOR=-1\0"s, both + "MAJOR=7x\0"s, both + "MAJOR=99999999999\0"s, both + "noequals\0"s,
        both + "SUBSYSTEM="s + std::string(1025, 'x') + "\0"s, both + "UNENDED=1"s, both + "\0"s,
        both + "X="s + std::string(hal::kMaxUevent, 'x') + "\0"s}) {
    EXPECT_FALSE(parse(text)) << text.substr(0, 60);
  }
}

// Every cut and every changed byte of a real datagram: no crash, and never more than was in it.
TEST(Uevent, SurvivesEveryCutAndFlip) {
  for (std::size_t i = 0; i < kKernel.size(); ++i) {
    const auto cut = parse(kKernel.substr(0, i));
    EXPECT_TRUE(!cut || cut->devpath.size() < kKernel.size());
    for (const char byte : {'\0', '=', '@', '\xFF'}) {
      std::string flipped = kKernel;
      flipped[i] = byte;
      const auto event = parse(flipped);
      EXPECT_TRUE(!event || event->devpath.size() < kKernel.size());
    }
  }
}

// Sends to a uevent group from this process; false where that is not allowed here.
bool forge(unsigned group, const std::string& text) {
  const base::Fd fd(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT));
  sockaddr_nl to{};
  to.nl_family = AF_NETLINK;
  to.nl_groups = group;
  return fd && ::sendto(fd.get(), text.data(), text.size(), 0, reinterpret_cast<const sockaddr*>(&to),
                        sizeof to) > 0;
}

// Other events of this machine may come between: only ours, by its path, counts.
bool hears(hal::UeventSocket& socket, const std::string& devpath, milliseconds within) {
  const auto by = base::Deadline::in(within);
  while (!by.expired()) {
    auto event = socket.next(by, {});
    if (!event) return false;
    if (*event && (*event)->devpath == devpath) return true;
  }
  return false;
}

TEST(UeventSocket, BelievesRootOnUdevdsGroupAndOnlyTheKernelOnItsOwn) {
  auto socket = hal::UeventSocket::open();
  if (!socket) GTEST_SKIP() << socket.error().what;
  const std::string properties = "ACTION=add\0DEVPATH=/keydisk/forged\0"s;
  const auto size = static_cast<std::uint32_t>(properties.size());
  if (!forge(2, udev(properties, 40, size))) GTEST_SKIP() << "needs the right to send events";
  EXPECT_TRUE(hears(*socket, "/keydisk/forged", seconds(5)));
  ASSERT_TRUE(forge(1, "add@/keydisk/forged\0"s + properties));
  const std::string last = "ACTION=add\0DEVPATH=/keydisk/last\0"s;
  ASSERT_TRUE(forge(2, udev(last, 40, static_cast<std::uint32_t>(last.size()))));
  // The forged one was sent before the last one, so it would have come by now.
  const auto by = base::Deadline::in(seconds(5));
  for (;;) {
    auto event = socket->next(by, {});
    ASSERT_TRUE(event && *event);
    ASSERT_NE((*event)->devpath, "/keydisk/forged");
    if ((*event)->devpath == "/keydisk/last") break;
  }
}

TEST(UeventSocket, EndsAtTheDeadlineAndAtStop) {
  auto socket = hal::UeventSocket::open();
  if (!socket) GTEST_SKIP() << socket.error().what;
  EXPECT_FALSE(hears(*socket, "/none", milliseconds(50)));
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  const auto by = base::Deadline::in(seconds(30));
  for (;;) {
    auto event = socket->next(by, stop.get_token());
    ASSERT_TRUE(event) << event.error().what;
    if (!*event) break;
  }
  EXPECT_GT(by.remaining(), seconds(20));
}

TEST(StopWait, TellsWhyItEnded) {
  auto woke = hal::waitReadable(-1, base::Deadline::in(milliseconds(30)), {});
  ASSERT_TRUE(woke);
  EXPECT_EQ(*woke, hal::Woke::Expired);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const base::Fd read(ends[0]);
  base::Fd write(ends[1]);
  write.reset();  // an end is readable, too
  woke = hal::waitReadable(read.get(), base::Deadline::in(seconds(30)), {});
  ASSERT_TRUE(woke);
  EXPECT_EQ(*woke, hal::Woke::Ready);
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  woke = hal::waitReadable(-1, base::Deadline::in(seconds(30)), stop.get_token());
  ASSERT_TRUE(woke);
  EXPECT_EQ(*woke, hal::Woke::Stopped);
  woke = hal::waitReadable(read.get(), base::Deadline::in(seconds(30)), stop.get_token());
  ASSERT_TRUE(woke);
  EXPECT_EQ(*woke, hal::Woke::Stopped);  // a stop wins
}

}  // namespace
}  // namespace tests
