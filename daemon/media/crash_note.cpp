#include "daemon/media/crash_note.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <span>
#include <utility>

#include "hal/base/file.h"
#include "hal/reader_protocol.h"

namespace kmsd::media {
namespace {

// Read by the handler, which may use nothing that allocates or locks.
struct Note {
  int socket = -1;
  bool asked = false;
  std::array<std::byte, 2048> crashed{};
  std::size_t crashedSize = 0;
  std::array<std::byte, 2048> late{};
  std::size_t lateSize = 0;
};
Note note;
alignas(16) std::array<std::byte, 64 * 1024> stack;  // where the thread's own has run out
std::array<std::byte, hal::reader::kMaxFrame> scratch;

void handle(int signal) {
  if (!note.asked) {
    // kmsd would take the end of the socket for a child that died before it was greeted.
    pollfd ready{note.socket, POLLIN, 0};
    if (::poll(&ready, 1, 2'000) == 1 && ::read(note.socket, scratch.data(), scratch.size()) < 0) ::_exit(1);
  }
  const bool late = signal == SIGALRM;
  const auto& frame = late ? note.late : note.crashed;
  const std::size_t size = late ? note.lateSize : note.crashedSize;
  if (::write(note.socket, frame.data(), size) < 0) ::_exit(1);
  ::_exit(1);
}

base::Result<std::size_t> fill(std::span<std::byte> room, std::string sentence) {
  const base::Error error{base::Code::Denied, std::move(sentence)};
  const auto frame = hal::reader::encodeFailure(0, hal::reader::Type::Refused, error);
  if (!frame) return frame.error();
  const base::BytesView bytes = frame->bytes();
  if (bytes.size() > room.size()) return base::Error{base::Code::Internal, "a refusal is too long"};
  std::ranges::copy(bytes, room.begin());
  return bytes.size();
}

}  // namespace

base::Result<CrashNote> CrashNote::set(int socket, bool asked, const std::string& driver) {
  const auto crashed = fill(note.crashed, "the driver " + driver + " crashed; take it out of --driver-dir");
  if (!crashed) return crashed.error();
  const auto late = fill(note.late, "the driver " + driver + " hangs; take it out of --driver-dir");
  if (!late) return late.error();
  note.socket = socket;
  note.asked = asked;
  note.crashedSize = *crashed;
  note.lateSize = *late;
  stack_t other{};
  other.ss_sp = stack.data();
  other.ss_size = stack.size();
  if (::sigaltstack(&other, nullptr) != 0) return base::systemError("sigaltstack", errno);
  CrashNote set;
  struct sigaction act {};
  act.sa_handler = handle;
  act.sa_flags = SA_ONSTACK;
  ::sigfillset(&act.sa_mask);
  for (std::size_t i = 0; i < kSignals.size(); ++i)
    if (::sigaction(kSignals[i], &act, &set.before_[i]) != 0) return base::systemError("sigaction", errno);
  set.terminate_ = std::set_terminate(&std::abort);  // the library's own also writes to stderr
  set.set_ = true;
  ::alarm(static_cast<unsigned>(kPatience.count()));
  return set;
}

CrashNote::CrashNote(CrashNote&& other) noexcept
    : before_(other.before_), terminate_(other.terminate_), set_(std::exchange(other.set_, false)) {}

CrashNote::~CrashNote() {
  if (!set_) return;
  ::alarm(0);
  std::set_terminate(terminate_);
  for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &before_[i], nullptr);
}

}  // namespace kmsd::media
