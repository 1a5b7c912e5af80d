#include "daemon/reader_client_child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <optional>
#include <vector>

#include "daemon/media/words.h"
#include "hal/base/clock.h"
#include "hal/base/file.h"

extern char** environ;  // NOLINT

namespace kmsd {

using base::Code;
using base::Error;
using base::Result;

namespace {

constexpr const char* kName = "kmsd-media";
constexpr int kSocket = 3;  // in the child
constexpr std::chrono::milliseconds kReap{2'000};

// What systemd says to kmsd is not for its child.
std::vector<char*> childEnvironment() {
  constexpr std::array<std::string_view, 6> kNot = {"NOTIFY_SOCKET=", "WATCHDOG_", "LISTEN_",
                                                    "CREDENTIALS_",   "MAINPID=",  "FDSTORE="};
  std::vector<char*> out;
  for (char** at = environ; at != nullptr && *at != nullptr; ++at) {
    bool keep = true;
    for (const std::string_view prefix : kNot) keep = keep && !std::string_view(*at).starts_with(prefix);
    if (keep) out.push_back(*at);
  }
  out.push_back(nullptr);
  return out;
}

// posix_spawn's parameters, freed at the end.
struct SpawnPlan {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;

  explicit SpawnPlan(int socket) {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_adddup2(&actions, socket, kSocket);  // onto itself: only loses CLOEXEC
    ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
    ::posix_spawn_file_actions_adddup2(&actions, 0, 1);
    ::posix_spawn_file_actions_addclosefrom_np(&actions, kSocket + 1);
    sigset_t none;
    sigset_t all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &all);
    // A group of its own: Ctrl-C at the terminal is for kmsd, which ends it when its medium is closed.
    ::posix_spawnattr_setpgroup(&attributes, 0);
    ::posix_spawnattr_setflags(&attributes,
                               POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  ~SpawnPlan() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;
};

std::vector<std::string> wordsFor(const std::string& program, const ReaderChild::Rights& rights) {
  std::vector<std::string> words = {program, media::kMarker};
  if (rights.writable) words.emplace_back(media::kWritable);
  if (rights.epoch && !rights.writable) words.emplace_back(media::kEpoch);
  if (rights.cards) words.emplace_back(media::kCards);
  if (rights.nobody) words.emplace_back(media::kNobody);
  if (!rights.driverDir.empty()) words.insert(words.end(), {media::kDriverDir, rights.driverDir.string()});
  for (const std::string& path : rights.readable) words.insert(words.end(), {media::kRead, path});
  return words;
}

// The full path that a URI names: an image's as it stands, and another driver's where it begins with '/' and
// leaves /dev, without the options behind a '?'.
std::optional<std::string> fileOf(const std::string& uri) {
  constexpr std::string_view kImage = "image:";
  const std::size_t colon = uri.find(':');
  if (colon == std::string::npos || uri.starts_with("card:")) return std::nullopt;
  std::string target = uri.substr(colon + 1);
  if (!uri.starts_with(kImage)) {
    target.resize(std::min(target.size(), target.find('?')));
    if (!target.starts_with('/') || target.starts_with("/dev/")) return std::nullopt;
  }
  std::error_code failed;
  const auto path = std::filesystem::absolute(target, failed);
  if (target.empty() || failed) return std::nullopt;
  return path.string();
}

}  // namespace

Result<std::string> ReaderChild::find(const std::string& program) {
  std::vector<std::filesystem::path> places;
  if (!program.empty()) {
    places.emplace_back(program);
  } else {
    std::error_code failed;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", failed);
    if (!failed) {
      places.push_back(self.parent_path() / kName);
      places.push_back(self.parent_path().parent_path() / "libexec/kms" / kName);
    }
    places.push_back(std::filesystem::path("/usr/libexec/kms") / kName);
  }
  std::string tried;
  for (const auto& place : places) {
    if (::access(place.c_str(), X_OK) == 0) return place.string();
    tried += (tried.empty() ? "" : ", ") + place.string();
  }
  return Error{Code::NotFound, "the reader program kmsd-media is not here: " + tried};
}

ReaderChild::Rights ReaderChild::Rights::forMedia(const std::vector<std::string>& uris) {
  const auto isCard = [](const std::string& uri) { return uri.starts_with("card:"); };
  Rights rights;
  rights.cards = std::ranges::any_of(uris, isCard);
  rights.nobody = rights.cards && std::ranges::all_of(uris, isCard);
  for (const std::string& uri : uris) {
    if (auto path = fileOf(uri)) rights.readable.push_back(*std::move(path));
  }
  return rights;
}

Result<ReaderChild> ReaderChild::start(const std::string& program, const Rights& rights) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return base::systemError("cannot start kmsd-media", errno);
  base::Fd ours(ends[0]);
  const base::Fd theirs(ends[1]);
  const SpawnPlan plan(theirs.get());
  std::vector<std::string> words = wordsFor(program, rights);
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t pid = -1;
  const int failed = ::posix_spawn(&pid, program.c_str(), &plan.actions, &plan.attributes, argv.data(),
                                   childEnvironment().data());
  if (failed != 0) return base::systemError("cannot start " + program, failed);
  return ReaderChild(pid, std::move(ours));
}

std::string ReaderChild::end(std::chrono::milliseconds patience) {
  socket_.reset();
  if (pid_ <= 0) return "ended";
  const pid_t pid = std::exchange(pid_, -1);
  int status = 0;
  // One that ended by itself is asked how before it is killed.
  pid_t reaped = ::waitpid(pid, &status, WNOHANG);
  for (const auto end = base::Deadline::in(patience); reaped == 0 && !end.expired();) {
    ::poll(nullptr, 0, 5);
    reaped = ::waitpid(pid, &status, WNOHANG);
  }
  if (reaped == 0) ::kill(pid, SIGKILL);
  const auto by = base::Deadline::in(kReap);
  while (reaped == 0 && !by.expired()) {
    ::poll(nullptr, 0, 5);
    reaped = ::waitpid(pid, &status, WNOHANG);
  }
  if (reaped == 0) return "it cannot be ended";
  if (reaped < 0) return "ended";
  if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status));
  return "exit code " + std::to_string(WEXITSTATUS(status));
}

}  // namespace kmsd
