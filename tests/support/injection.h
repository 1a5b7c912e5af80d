// strace on a process, so that its calls fail, lie or kill it.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace tests {

// `command` under strace with these options of its. It looks for no leaks: what is traced cannot.
std::vector<std::string> straced(const std::vector<std::string>& options,
                                 const std::vector<std::string>& command);

// One that runs.

class Injection {
 public:
  // `what`: as strace's -e inject=, such as "pwrite64:error=EIO". Returns when the process is traced.
  Injection(pid_t process, const std::string& what);
  // The process goes on by itself.
  ~Injection();
  Injection(const Injection&) = delete;
  Injection& operator=(const Injection&) = delete;

  // False where strace is missing or may not trace here.
  bool works() const noexcept { return works_; }

 private:
  pid_t strace_ = -1;
  bool works_ = false;
};

}  // namespace tests
