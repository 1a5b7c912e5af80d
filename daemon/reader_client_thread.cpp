// The reader client's thread: it starts the child, carries frames, keeps deadlines and starts again.
#include <poll.h>
#include <unistd.h>

#include <algorithm>

#include "daemon/reader_children.h"
#include "daemon/reader_client_impl.h"

namespace kmsd {

using base::Code;
using base::Deadline;
using base::Error;
using base::Result;
namespace reader = hal::reader;

namespace {

constexpr std::chrono::milliseconds kHello{10'000};      // from start to Ready
constexpr std::chrono::milliseconds kPartial{5'000};     // for the rest of a frame
constexpr std::chrono::milliseconds kQuestion{302'000};  // for a person's answer
constexpr int kMostQuestions = 4;                        // in one call: each takes its time anew
constexpr std::chrono::milliseconds kSend{1'000};        // a child that waits for a request reads it at once
constexpr std::chrono::milliseconds kClosing{3'000};     // a medium that is in use when the child is stopped
constexpr std::chrono::milliseconds kMostDelay{30'000};
constexpr std::chrono::seconds kSteady{30};  // a child that lived so long is no longer a dying one
constexpr int kMostUnasked = 40;             // lists in a second: of two drivers that pause 50 ms a look

Error rubbish() { return {Code::Corrupt, "it does not speak the protocol"}; }

}  // namespace

void ReaderClientImpl::run() {
  auto delay = options_.restartDelay;
  for (;;) {
    const auto born = Deadline::Steady::now();
    const Error why = session();
    const bool first = [this] {
      const std::lock_guard lock(mutex_);
      return !started_;
    }();
    if (first) {
      // A refusal and a missing program speak for themselves.
      const bool plain = why.code == Code::Invalid || why.code == Code::NotFound || why.code == Code::Denied;
      started(plain ? why : Error{why.code, "kmsd-media did not start: " + why.what, why.reason});
    }
    lose(why);
    {
      const std::lock_guard lock(mutex_);
      if (stopping_ || first) break;
    }
    if (Deadline::Steady::now() - born > kSteady) delay = options_.restartDelay;
    if (events_.restarted) events_.restarted("kmsd-media was lost and is started again: " + why.what);
    rest(delay);
    delay = std::min(delay * 2, std::max(kMostDelay, options_.restartDelay));
  }
  const std::lock_guard lock(mutex_);
  stopping_ = true;  // also where it never started
  if (call_ != nullptr && !call_->done) {
    call_->failure = Error{Code::Unavailable, "kmsd-media has been stopped"};
    call_->done = true;
  }
  changed_.notify_all();
}

Error ReaderClientImpl::session() {
  auto rights = ReaderChild::Rights::forMedia(options_.uris);
  rights.writable = options_.writable;
  rights.epoch = options_.mediumEpoch;
  rights.driverDir = options_.driverDir;
  auto child = options_.children->start(program_, rights);
  if (!child) return std::move(child).error();
  std::optional<hal::ReaderChannel> channel(std::in_place, child->takeSocket());
  auto going = greet(*channel);
  if (going) started({});
  pongOwed_ = false;
  heard();
  bool underWay = false;
  while (going) {
    {
      const std::lock_guard lock(mutex_);
      underWay = call_ != nullptr && !call_->done;
      if (stopping_) break;
    }
    going = pump(*channel);
  }
  // At the end of its socket it closes the medium that it uses, and ends by itself.
  channel.reset();
  const std::string how = child->end(going && underWay ? kClosing : std::chrono::milliseconds(0));
  if (going) return {Code::Unavailable, "stopped"};
  Error why = std::move(going).error();
  if (why.code == Code::NotFound) why = {Code::Io, "it ended by itself (" + how + ")"};
  return why;
}

Result<void> ReaderClientImpl::greet(hal::ReaderChannel& channel) {
  const auto hello = reader::encode(0, reader::Open{reader::kVersion, options_.writable, options_.uris,
                                                    options_.mediumEpoch && !options_.writable});
  if (!hello) return hello.error();
  const auto by = Deadline::in(kHello);
  if (auto sent = channel.send(hello->bytes(), by); !sent) return sent;
  for (;;) {
    auto frame = channel.poll();
    if (!frame) return std::move(frame).error();
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return Error{Code::Unavailable, "stopped"};
    }
    if (!*frame) {
      if (by.expired()) return Error{Code::Timeout, "it does not get ready"};
      wait(channel.fd(), by);
      continue;
    }
    const auto body = (*frame)->body.bytes();
    if ((*frame)->type == reader::Type::Refused) return reader::parseFailure(body);
    if ((*frame)->type != reader::Type::Ready) return rubbish();
    auto ready = reader::parseReady(body);
    if (!ready || ready->version != reader::kVersion) return rubbish();
    const std::lock_guard lock(mutex_);
    drivers_ = std::move(ready->drivers);
    return {};
  }
}

Result<void> ReaderClientImpl::pump(hal::ReaderChannel& channel) {
  if (auto sent = sendPending(channel); !sent) return sent;
  auto by = pulseBy_;
  {
    const std::lock_guard lock(mutex_);
    if (call_ != nullptr && !call_->done) by = by.sooner(call_->due);
  }
  if (channel.partialSince()) by = by.sooner(Deadline::in(kPartial));
  wait(channel.fd(), by);
  // One frame a turn, so that a child that never stops talking does not hold up deadlines.
  auto frame = channel.poll();
  if (!frame) return std::move(frame).error();
  if (*frame) {
    if (auto handled = handle(std::move(**frame)); !handled) return handled;
    heard();
  }
  if (auto inTime = checkDues(channel); !inTime) return inTime;
  return keepPulse(channel);
}

Result<void> ReaderClientImpl::sendPending(hal::ReaderChannel& channel) {
  base::SecretBuffer frame;
  {
    const std::lock_guard lock(mutex_);
    if (call_ == nullptr || call_->done) return {};
    if (!call_->sent) {
      frame = std::move(call_->frame);
      call_->sent = true;
      call_->due = Deadline::in(call_->budget);
    } else if (call_->answer) {
      frame = *std::exchange(call_->answer, std::nullopt);
    }
  }
  if (frame.empty()) return {};
  return channel.send(frame.bytes(), Deadline::in(kSend));
}

Result<void> ReaderClientImpl::handle(reader::Frame frame) {
  if (frame.type == reader::Type::Slots && frame.request == 0) {
    auto slots = reader::parseSlots(frame.body.bytes());
    if (!slots) return std::move(slots).error();
    if (auto counted = countUnasked(); !counted) return counted;
    if (events_.slotsChanged) events_.slotsChanged(*std::move(slots));
    return {};
  }
  if (frame.type == reader::Type::Pong) return takePong(frame);
  const std::lock_guard lock(mutex_);
  if (call_ == nullptr || !call_->sent || call_->done || call_->question || frame.request != call_->request)
    return rubbish();
  if (frame.type == reader::Type::Question) {
    auto question = reader::parseQuestion(frame.body.bytes());
    if (!question) return std::move(question).error();
    if (++call_->questions > kMostQuestions) return rubbish();
    call_->question = *std::move(question);
    call_->due = Deadline::in(kQuestion);
  } else if (frame.type == call_->expected || frame.type == reader::Type::Failed) {
    call_->reply = std::move(frame);
    call_->done = true;
  } else {
    return rubbish();
  }
  changed_.notify_all();
  return {};
}

Result<void> ReaderClientImpl::countUnasked() {
  if (unaskedUntil_.expired()) {
    unaskedUntil_ = Deadline::in(std::chrono::seconds(1));
    unasked_ = 0;
  }
  if (++unasked_ > kMostUnasked) return Error{Code::Corrupt, "it never stops telling of changes"};
  return {};
}

Result<void> ReaderClientImpl::checkDues(const hal::ReaderChannel& channel) {
  const auto since = channel.partialSince();
  if (since && Deadline::Steady::now() - *since > kPartial)
    return Error{Code::Timeout, "it stopped in the middle of a message"};
  const std::lock_guard lock(mutex_);
  if (call_ == nullptr || call_->done || !call_->due.expired()) return {};
  return Error{Code::Timeout, call_->what + " took too long"};
}

Result<void> ReaderClientImpl::takePong(const reader::Frame& frame) {
  if (!std::exchange(pongOwed_, false)) return rubbish();
  return reader::parsePulse(frame);
}

Result<void> ReaderClientImpl::keepPulse(hal::ReaderChannel& channel) {
  {
    const std::lock_guard lock(mutex_);
    if (call_ != nullptr && !call_->done) {
      heard();  // a request has its own deadline
      return {};
    }
  }
  if (!pulseBy_.expired()) return {};
  if (pinged_) return Error{Code::Timeout, "it does not answer any more"};
  pinged_ = true;
  pulseBy_ = Deadline::in(options_.pongTimeout);
  if (std::exchange(pongOwed_, true)) return {};  // it talks, but has yet to answer: any frame will do
  const auto ping = reader::encodePing();
  if (!ping) return ping.error();
  return channel.send(ping->bytes(), Deadline::in(kSend));
}

void ReaderClientImpl::heard() {
  pinged_ = false;
  pulseBy_ = Deadline::in(options_.quiet);
}

void ReaderClientImpl::wait(int fd, Deadline by) {
  pollfd fds[] = {{wake_.get(), POLLIN, 0}, {fd, POLLIN, 0}};
  ::poll(fds, fd < 0 ? 1 : 2, static_cast<int>(by.remaining().count()) + 1);
  std::uint64_t count = 0;
  if ((fds[0].revents & POLLIN) != 0 && ::read(wake_.get(), &count, sizeof count) < 0) return;
}

void ReaderClientImpl::rest(std::chrono::milliseconds span) {
  const auto by = Deadline::in(span);
  while (!by.expired()) {
    auto next = by;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      if (call_ != nullptr && !call_->done) {
        if (call_->due.expired()) {
          call_->failure = Error{Code::Timeout, "kmsd-media is not running; it is being started again"};
          call_->done = true;
          changed_.notify_all();
        } else {
          next = next.sooner(call_->due);
        }
      }
    }
    wait(-1, next);
  }
}

void ReaderClientImpl::started(Result<void> how) {
  const std::lock_guard lock(mutex_);
  if (!started_) started_ = std::move(how);
  changed_.notify_all();
}

// A call that had reached the child is lost with it; one that had not waits for the next child.
void ReaderClientImpl::lose(const Error& why) {
  const std::lock_guard lock(mutex_);
  if (call_ == nullptr || call_->done || !call_->sent) return;
  if (stopping_) {
    call_->failure = Error{Code::Unavailable, "kmsd-media has been stopped"};
    call_->done = true;
    changed_.notify_all();
    return;
  }
  const Code code = why.code == Code::Timeout ? Code::Timeout : Code::Io;
  call_->failure = Error{code, call_->what + " failed, as kmsd-media was lost: " + why.what};
  call_->done = true;
  changed_.notify_all();
}

}  // namespace kmsd
