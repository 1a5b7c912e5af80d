#include "daemon/terminal.h"

#include <termios.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "daemon/cli.h"
#include "hal/base/file.h"

namespace kmsd {
namespace {

constexpr std::size_t kMaxWord = 16;  // bytes of a yes or no

void say(std::string_view text) {
  for (ssize_t wrote = 0; !text.empty(); text.remove_prefix(static_cast<std::size_t>(wrote))) {
    wrote = ::write(STDERR_FILENO, text.data(), text.size());
    if (wrote <= 0) return;
  }
}

// Character by character: no echo of ours to forget, no line in the kernel's buffer, and Ctrl-C comes as a
// character, so that the terminal is always set back.
std::atomic<const termios*> asking{nullptr};  // how the terminal was before

class RawInput {
 public:
  RawInput() {
    ok_ = ::tcgetattr(STDIN_FILENO, &before_) == 0;
    if (ok_) asking = &before_;
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    ok_ = ok_ && ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) == 0;
  }
  ~RawInput() {
    asking = nullptr;
    if (ok_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  RawInput(const RawInput&) = delete;
  RawInput& operator=(const RawInput&) = delete;
  bool ok() const noexcept { return ok_; }

 private:
  termios before_{};
  bool ok_ = false;
};

constexpr char kInterrupt = 0x03;
constexpr char kEnd = 0x04;
constexpr char kBackspace = 0x08;
constexpr char kDelete = 0x7F;

}  // namespace

bool canAsk() noexcept { return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1; }
bool outputIsTerminal() noexcept { return ::isatty(STDOUT_FILENO) == 1; }

void restoreTerminal() noexcept {
  if (const termios* before = asking.exchange(nullptr)) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, before);
}

base::Result<base::SecretBuffer> askLine(const std::string& question, std::size_t most, bool echo) {
  if (!canAsk())
    return base::Error{base::Code::Unavailable, "nobody can be asked: standard input is no terminal"};
  auto line = base::SecretBuffer::create(most + 1);
  if (!line) return line;
  std::size_t size = 0;
  {
    const RawInput input;  // before the question: what is typed at once is neither shown nor lost
    if (!input.ok()) return base::systemError("the terminal", errno);
    say(printable(question) + " ");
    for (;;) {
      char typed = 0;  // one character of what may be a secret
      const ssize_t got = ::read(STDIN_FILENO, &typed, 1);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0 || typed == kInterrupt || typed == kEnd) {
        say("\n");
        return base::Error{base::Code::Denied, "interrupted; nothing was done", base::Reason::Interrupted};
      }
      if (typed == '\n' || typed == '\r') break;
      if (typed == kBackspace || typed == kDelete) {
        if (size > 0 && echo) say("\b \b");
        size -= size > 0 ? 1U : 0U;
      } else if (size <= most) {
        line->bytes()[size++] = static_cast<std::byte>(typed);
        if (echo) say({&typed, 1});
      }
      base::wipe(std::as_writable_bytes(std::span(&typed, 1)));
    }
  }
  say("\n");
  if (size > most) return base::Error{base::Code::Invalid, "what was typed is too long"};
  line->shrink(size);
  return line;
}

base::Result<bool> askYes(const std::string& question) {
  auto answer = askLine(question + " [y/N]", kMaxWord, true);
  if (!answer) return std::move(answer).error();
  return answer->text() == "y" || answer->text() == "yes";
}

base::Result<void> showSecret(std::string_view text) {
  while (!text.empty()) {
    const ssize_t wrote = ::write(STDOUT_FILENO, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return base::systemError("standard output", errno);
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return {};
}

}  // namespace kmsd
