// kmsd-media: reads media for kmsd and is trusted with nothing else. It sees devices, reaches no other
// process but through the socket that kmsd starts it with as descriptor 3, and writes only for the commands
// that make media. daemon/media/shield.h says what it gives up before it begins.
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "daemon/media/shield.h"
#include "drivers/builtin.h"
#include "hal/reader_service.h"

namespace {

constexpr int kSocket = 3;
constexpr const char* kMarker = "--started-by-kmsd";
constexpr const char* kWritable = "--writable";  // for a command that makes media; else nothing is written

bool startedByKmsd(int argc, char** argv) {
  struct stat what {};
  return (argc == 2 || (argc == 3 && std::strcmp(argv[2], kWritable) == 0)) &&
         std::strcmp(argv[1], kMarker) == 0 && ::fstat(kSocket, &what) == 0 && S_ISSOCK(what.st_mode);
}

}  // namespace

int main(int argc, char** argv) {
  if (!startedByKmsd(argc, argv)) {
    std::fputs("kmsd-media: kmsd starts this program; it is of no use by hand\n", stderr);
    return 2;
  }
  hal::ReaderServiceOptions options;
  options.writable = argc == 3;
  if (!kmsd::media::shield(kSocket, options.writable)) {
    std::fprintf(stderr, "kmsd-media: cannot shield itself: %s\n", std::strerror(errno));
    return 1;
  }
  hal::ReaderService service(base::Fd(kSocket), drivers::builtin(), options);
  const auto ended = service.run();
  // Without waiting for threads: a driver may hang in the kernel for good. kmsd is told first.
  ::shutdown(kSocket, SHUT_RDWR);
  if (!ended && ended.error().code != base::Code::Invalid)
    std::fprintf(stderr, "kmsd-media: %s\n", ended.error().what.c_str());
  ::_exit(ended ? 0 : 1);
}
