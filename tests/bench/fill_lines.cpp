#include "tests/bench/fill_lines.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "hal/base/file.h"

namespace tests::bench {

void Lines::shuffle(std::mt19937_64& numbers) {
  for (std::size_t i = count(); i > 1; --i) {
    char* one = all_.data() + (numbers() % i) * width_;
    std::swap_ranges(one, one + width_, all_.data() + (i - 1) * width_);
  }
}

base::Result<void> Lines::write(const std::string& path) const {
  std::FILE* file = nullptr;
  if (const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600); fd >= 0)
    file = ::fdopen(fd, "w");
  if (file == nullptr) return base::systemError("cannot create " + path, errno);
  for (std::size_t i = 0; i < count(); ++i) {
    std::fwrite(all_.data() + i * width_, 1, width_, file);
    std::fputc('\n', file);
  }
  if (std::fclose(file) != 0) return base::systemError("cannot write " + path, errno);
  return {};
}

}  // namespace tests::bench
