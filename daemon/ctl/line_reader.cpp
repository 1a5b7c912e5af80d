#include "daemon/ctl/line_reader.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "hal/base/file.h"

namespace kmsd::ctl {
namespace {

constexpr std::size_t kBuffer = 64 * 1024;  // bytes
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace

base::Result<LineReader> LineReader::open(const std::string& path, const Interrupt* interrupt) try {
  LineReader reader;
  reader.name_ = path == "-" ? "standard input" : path;
  reader.interrupt_ = interrupt;
  reader.fd_ = STDIN_FILENO;
  if (path != "-") {
    reader.own_.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
    if (!reader.own_) {
      base::Error why = base::systemError("cannot open " + path, errno);
      if (why.code == base::Code::NotFound) why.reason = base::Reason::FileMissing;
      return why;
    }
    reader.fd_ = reader.own_.get();
  }
  reader.buffer_.resize(kBuffer);
  return reader;
} catch (const std::bad_alloc&) {
  return base::Error{base::Code::Unavailable, "no memory can be locked; raise the limit (ulimit -l)"};
}

bool LineReader::ready(std::chrono::milliseconds most) {
  const auto has = std::find(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
                             buffer_.begin() + static_cast<std::ptrdiff_t>(end_), '\n');
  if (ended_ || has != buffer_.begin() + static_cast<std::ptrdiff_t>(end_)) return true;
  pollfd waits[] = {{fd_, POLLIN, 0}, {interrupt_ != nullptr ? interrupt_->fd() : -1, POLLIN, 0}};
  return ::poll(waits, 2, static_cast<int>(most.count())) != 0;
}

base::Result<std::optional<Line>> LineReader::next() {
  for (;;) {
    if (interrupt_ != nullptr && interrupt_->came()) return std::optional<Line>();
    if (auto line = takeLine()) return line;
    if (ended_) return std::optional<Line>();
    if (auto filled = fill(); !filled) return std::move(filled).error();
  }
}

// The next item in the buffer, if a whole one is there.
std::optional<Line> LineReader::takeLine() {
  for (;;) {
    const std::string_view rest(buffer_.data() + begin_, end_ - begin_);
    const std::size_t length = rest.find('\n');
    const bool whole = length != rest.npos;
    if (!whole && !(ended_ && (!rest.empty() || skipping_))) {
      if (rest.size() > kLineMost) {  // only its end matters from here on
        skipping_ = true;
        begin_ = end_ = 0;
      }
      return std::nullopt;
    }
    std::string_view raw = rest.substr(0, length);
    begin_ += whole ? length + 1 : rest.size();
    ++lines_;
    if (lines_ == 1 && raw.starts_with(kByteOrderMark)) raw.remove_prefix(kByteOrderMark.size());
    const std::string_view text = trimmed(raw);
    const bool tooLong = std::exchange(skipping_, false) || text.size() > kLineMost;
    if (tooLong) return Line{lines_, {}, true};
    if (!text.empty() && text.front() != '#') return Line{lines_, base::secretText(text), false};
  }
}

base::Result<void> LineReader::fill() {
  std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
            buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
  end_ -= begin_;
  begin_ = 0;
  pollfd waits[] = {{fd_, POLLIN, 0}, {interrupt_ != nullptr ? interrupt_->fd() : -1, POLLIN, 0}};
  if (::poll(waits, 2, -1) < 0 && errno != EINTR) return base::systemError("cannot read " + name_, errno);
  if (waits[0].revents == 0) return {};
  const ssize_t got = ::read(fd_, buffer_.data() + end_, buffer_.size() - end_);
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return {};
  if (got < 0) return base::systemError("cannot read " + name_, errno);
  end_ += static_cast<std::size_t>(got);
  ended_ = got == 0;
  return {};
}

std::optional<std::uint64_t> countItems(const std::string& path) {
  struct stat about {};
  if (path == "-" || ::stat(path.c_str(), &about) != 0 || !S_ISREG(about.st_mode)) return std::nullopt;
  auto reader = LineReader::open(path, nullptr);
  if (!reader) return std::nullopt;
  for (std::uint64_t count = 0;; ++count) {
    const auto line = reader->next();
    if (!line) return std::nullopt;
    if (!*line) return count;
  }
}

}  // namespace kmsd::ctl
