// Tries what a shielded process can no longer do, in a child that is shielded in the same way.
#pragma once

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "daemon/media/shield.h"
#include "hal/base/fd.h"

namespace tests {

// A try gives the system's answer: less than 0 and errno where it is refused.
struct Try {
  const char* name;
  std::function<long()> make;
};

inline constexpr int kSocket = 3;

// Each try's error (0: done), by name. Empty where the child could not shield itself.
inline std::map<std::string, int> shielded(const kmsd::media::Rights& rights, const std::vector<Try>& tries) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  base::Fd reading(ends[0]);
  base::Fd writing(ends[1]);
  std::vector<int> errors(tries.size());
  const std::size_t size = errors.size() * sizeof(int);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::dup2(writing.get(), kSocket) < 0 || !kmsd::media::shield(kSocket, rights)) ::_exit(1);
    for (std::size_t i = 0; i < tries.size(); ++i) {
      errno = 0;
      errors[i] = tries[i].make() < 0 ? errno : 0;
    }
    ::_exit(::write(kSocket, errors.data(), size) == static_cast<ssize_t>(size) ? 0 : 1);
  }
  writing.reset();
  const ssize_t got = ::read(reading.get(), errors.data(), size);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (got != static_cast<ssize_t>(size)) return {};
  std::map<std::string, int> answers;
  for (std::size_t i = 0; i < tries.size(); ++i) answers[tries[i].name] = errors[i];
  return answers;
}

inline long opened(const std::filesystem::path& path, int flags) {
  return base::Fd(::open(path.c_str(), flags | O_CLOEXEC, 0600)).get();
}

inline bool hasLandlock() {
  return ::syscall(__NR_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 1;
}

}  // namespace tests
