#include "tests/support/injection.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "tests/support/server.h"

extern char** environ;  // NOLINT

namespace tests {
namespace {

bool traced(const std::filesystem::path& task) {
  std::ifstream status(task / "status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("TracerPid:")) return line.find_first_of("123456789") != std::string::npos;
  return false;
}

bool allTraced(pid_t process) {
  std::error_code gone;
  bool all = true;
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/task", gone))
    all = all && traced(task.path());
  return all && !gone;
}

}  // namespace

std::vector<std::string> straced(const std::vector<std::string>& options,
                                 const std::vector<std::string>& command) {
  std::vector<std::string> all = {"strace", "-qqq", "-E", "ASAN_OPTIONS=detect_leaks=0"};
  all.insert(all.end(), options.begin(), options.end());
  all.insert(all.end(), command.begin(), command.end());
  return all;
}

Injection::Injection(pid_t process, const std::string& what) {
  std::string pid = std::to_string(process);
  std::string trace = "trace=" + what.substr(0, what.find(':'));
  std::string inject = "inject=" + what;
  std::string words[] = {"strace", "-f", "-qqq", "-o", "/dev/null", "-e", trace, "-e", inject, "-p", pid};
  std::array<char*, std::size(words) + 1> argv{};
  for (std::size_t i = 0; i < std::size(words); ++i) argv[i] = words[i].data();
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  if (::posix_spawnp(&strace_, argv[0], &actions, nullptr, argv.data(), environ) != 0) strace_ = -1;
  ::posix_spawn_file_actions_destroy(&actions);
  if (strace_ < 0) return;
  bool ended = false;
  works_ = waitUntil([&] {
    ended = ::waitpid(strace_, nullptr, WNOHANG) == strace_;
    return ended || allTraced(process);
  });
  if (!ended) return;
  strace_ = -1;
  works_ = false;
}

Injection::~Injection() {
  if (strace_ < 0) return;
  ::kill(strace_, SIGTERM);
  ::waitpid(strace_, nullptr, 0);
}

}  // namespace tests
