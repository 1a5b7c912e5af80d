// kmsd-media: reads media for kmsd and is trusted with nothing else. It sees devices, reaches no other
// process but through the socket that kmsd starts it with as descriptor 3, and writes only for the commands
// that make media. daemon/media/shield.h says what it gives up before it begins.
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "daemon/media/plugins.h"
#include "daemon/media/shield.h"
#include "daemon/media/words.h"
#include "drivers/builtin.h"
#include "hal/reader_service.h"

namespace {

constexpr int kSocket = 3;

// What kmsd said on the command line.
struct Words {
  kmsd::media::Rights rights;
  bool nobody = false;
  bool epoch = false;
  std::string_view driverDir{};
};

std::optional<Words> wordsOf(std::span<char* const> arguments) {
  struct stat what {};
  if (arguments.size() < 2 || std::string_view(arguments[1]) != kmsd::media::kMarker ||
      ::fstat(kSocket, &what) != 0 || !S_ISSOCK(what.st_mode))
    return std::nullopt;
  Words words;
  std::vector<std::string> media;
  for (std::size_t i = 2; i < arguments.size(); ++i) {
    const std::string_view word = arguments[i];
    if (word == kmsd::media::kWritable) {
      words.rights.writable = true;
    } else if (word == kmsd::media::kEpoch) {
      words.epoch = true;
    } else if (word == kmsd::media::kCards) {
      words.rights.cards = true;
    } else if (word == kmsd::media::kNobody) {
      words.nobody = true;
    } else if (word == kmsd::media::kDriverDir && i + 1 < arguments.size()) {
      words.driverDir = arguments[++i];
      words.rights.readable.emplace_back(words.driverDir);
    } else if (word == kmsd::media::kRead && i + 1 < arguments.size()) {
      words.rights.readable.emplace_back(arguments[++i]);
      media.push_back(words.rights.readable.back());
    } else {
      return std::nullopt;
    }
  }
  if (words.epoch) words.rights.changeable = std::move(media);
  return words;
}

}  // namespace

int main(int argc, char** argv) {
  const auto words = wordsOf({argv, static_cast<std::size_t>(argc)});
  if (!words) {
    std::fputs("kmsd-media: kmsd starts this program; it is of no use by hand\n", stderr);
    return 2;
  }
  if (words->nobody && !kmsd::media::becomeNobody()) {
    std::fprintf(stderr, "kmsd-media: cannot give up root's rights: %s\n", std::strerror(errno));
    return 1;
  }
  hal::ReaderServiceOptions options;
  options.writable = words->rights.writable;
  options.epoch = words->epoch;
  // Before the shield, behind which no program is loaded.
  auto drivers = kmsd::media::loadDrivers(drivers::builtin().drivers(), words->driverDir, kSocket);
  if (!drivers) options.refusal = drivers.error();
  if (!kmsd::media::shield(kSocket, words->rights)) {
    std::fprintf(stderr, "kmsd-media: cannot shield itself: %s\n", std::strerror(errno));
    return 1;
  }
  const hal::Registry registry = drivers ? hal::Registry(*drivers) : drivers::builtin();
  hal::ReaderService service(base::Fd(kSocket), registry, std::move(options));
  const auto ended = service.run();
  // Without waiting for threads: a driver may hang in the kernel for good. kmsd is told first.
  ::shutdown(kSocket, SHUT_RDWR);
  // A refusal was told to kmsd, which says it.
  if (!ended && ended.error().code != base::Code::Invalid && ended.error().code != base::Code::Denied)
    std::fprintf(stderr, "kmsd-media: %s\n", ended.error().what.c_str());
  ::_exit(ended ? 0 : 1);
}
