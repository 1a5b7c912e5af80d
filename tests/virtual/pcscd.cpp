#include "tests/virtual/pcscd.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "hal/base/fd.h"
#include "tests/support/scratch.h"
#include "tests/support/server.h"

extern char** environ;  // NOLINT

namespace tests {
namespace {

// Below the ports that the kernel gives to connections.
constexpr unsigned kFirstPort = 20'000;
constexpr unsigned kPorts = 12'000;
constexpr const char* kReaderDriver = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so";

// The directory of all that a process's pcscd has. kmsd-media, as nobody, reaches the socket in it.
class Place {
 public:
  Place() {
    std::filesystem::permissions(scratch_.path(), std::filesystem::perms(0755));
    std::filesystem::create_directory(run());
    std::filesystem::permissions(run(), std::filesystem::perms(0755));
    ::setenv("PCSCLITE_CSOCK_NAME", socket().c_str(), 1);
  }
  std::filesystem::path run() const { return scratch_ / "run"; }
  std::filesystem::path socket() const { return run() / "pcscd.comm"; }
  std::filesystem::path conf() const { return scratch_ / "conf"; }
  std::filesystem::path readerDriver(const std::string& name) const { return scratch_ / (name + ".so"); }
  std::filesystem::path log() const { return scratch_ / "log"; }

 private:
  Scratch scratch_;
};

const Place& place() {
  static const Place the;
  return the;
}

bool isFree(unsigned port) {
  const base::Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int yes = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(static_cast<std::uint16_t>(port));
  return ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&at), sizeof(at)) == 0;
}

// Ports in a row that nobody has; processes beside each other begin to look in different places.
std::uint16_t freePorts() {
  const unsigned begin = static_cast<unsigned>(::getpid()) * Pcscd::kSlots % kPorts;
  for (unsigned step = 0; step < kPorts; step += Pcscd::kSlots) {
    const unsigned first = kFirstPort + (begin + step) % kPorts;
    bool all = true;
    for (unsigned i = 0; i < Pcscd::kSlots; ++i) all = all && isFree(first + i);
    if (all) return static_cast<std::uint16_t>(first);
  }
  std::abort();
}

// Each reader has a copy of the reader driver for itself: one copy keeps the sockets of one reader only.
void writeConf(std::uint16_t port) {
  std::ofstream conf(place().conf());
  for (const std::string name : {"one", "two"}) {
    std::filesystem::copy_file(kReaderDriver, place().readerDriver(name),
                               std::filesystem::copy_options::overwrite_existing);
    conf << "FRIENDLYNAME \"Keydisk " << name << "\"\nDEVICENAME /dev/null:0x" << std::hex << port
         << "\nLIBPATH " << place().readerDriver(name).string() << "\nCHANNELID 0x" << port << "\n\n";
    port = static_cast<std::uint16_t>(port + 2);
  }
}

bool answers() {
  const base::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  const std::string path = place().socket();
  if (path.size() >= sizeof(at.sun_path)) return false;
  path.copy(at.sun_path, path.size());
  return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&at), sizeof(at)) == 0;
}

}  // namespace

Pcscd::Pcscd() : port_(freePorts()) { writeConf(port_); }

Pcscd::~Pcscd() {
  if (pid_ != 0) end(SIGKILL);
}

std::string Pcscd::reader(unsigned slot) {
  constexpr std::array kNames = {"Keydisk one 00 00", "Keydisk one 00 01", "Keydisk two 00 00",
                                 "Keydisk two 00 01"};
  return kNames.at(slot);
}

// pcscd's socket is where it was compiled to be, /run/pcscd: there lies our directory, for it alone. It dies
// with this program.
void Pcscd::start() {
  ASSERT_EQ(pid_, 0);
  std::vector<std::string> command = {"unshare", "-m", "--propagation", "private"};
  if (::geteuid() != 0) command.emplace_back("-r");
  const std::string inside =
      "mkdir -p /run/pcscd && mount --bind \"$1\" /run/pcscd && "
      "exec setpriv --pdeathsig KILL /usr/sbin/pcscd --foreground --config \"$2\"";
  command.insert(command.end(), {"sh", "-c", inside, "sh", place().run(), place().conf()});
  std::vector<char*> argv;
  for (std::string& word : command) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, 1, place().log().c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::posix_spawn_file_actions_adddup2(&actions, 1, 2);
  const int failed = ::posix_spawnp(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ASSERT_EQ(failed, 0);
  bool ended = false;
  const bool done = waitUntil([&] {
    ended = ::waitpid(pid_, nullptr, WNOHANG) != 0;
    return ended || answers();
  });
  if (ended) pid_ = 0;
  ASSERT_TRUE(done && !ended) << log();
}

void Pcscd::end(int signal) {
  ::kill(pid_, signal);
  if (!waitUntil([&] { return ::waitpid(pid_, nullptr, WNOHANG) == pid_; })) {
    ADD_FAILURE() << "pcscd does not end:\n" << log();
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  pid_ = 0;
}

void Pcscd::stop() { end(SIGTERM); }
void Pcscd::kill() { end(SIGKILL); }

std::string Pcscd::log() const {
  std::ifstream in(place().log());
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

}  // namespace tests
