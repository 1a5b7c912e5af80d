#include "daemon/reader_client.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "daemon/reader_children.h"
#include "daemon/reader_client_impl.h"
#include "hal/base/file.h"

namespace kmsd {

using base::Code;
using base::Deadline;
using base::Error;
using base::Reason;
using base::Result;
using base::SecretBuffer;
namespace reader = hal::reader;

namespace {
constexpr std::chrono::milliseconds kGrace{2'000};  // beyond its timeout, for a child that says so itself
}

Result<std::unique_ptr<ReaderClient>> ReaderClient::start(ReaderOptions options, Events events) {
  auto program = ReaderChild::find(options.program);
  if (!program) return std::move(program).error();
  base::Fd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) return base::systemError("cannot start kmsd-media", errno);
  if (!options.children) options.children = std::make_shared<ReaderChildren>();
  auto client = std::make_unique<ReaderClientImpl>(std::move(options), std::move(events), *std::move(program),
                                                   std::move(wake));
  auto begun = client->begin();
  if (!begun) return std::move(begun).error();
  return std::unique_ptr<ReaderClient>(std::move(client));
}

ReaderClientImpl::ReaderClientImpl(ReaderOptions options, Events events, std::string program, base::Fd wake)
    : options_(std::move(options)),
      events_(std::move(events)),
      program_(std::move(program)),
      wake_(std::move(wake)) {}

Result<void> ReaderClientImpl::begin() {
  // The child dies with the thread that starts it, so that is the client's own, whoever calls this.
  thread_ = std::jthread([this] { run(); });
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return started_.has_value(); });
  return *started_;
}

void ReaderClientImpl::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wakeThread();
  const std::lock_guard lock(callers_);  // the thread has let the last caller go
  if (thread_.joinable()) thread_.join();
}

void ReaderClientImpl::wakeThread() {
  const std::uint64_t one = 1;
  // Fails only when the counter is full, and then the thread is woken already.
  if (::write(wake_.get(), &one, sizeof one) < 0) return;
}

Result<reader::Frame> ReaderClientImpl::call(reader::Type expected, std::string what,
                                             std::chrono::milliseconds timeout, const MakeFrame& make) {
  const std::lock_guard serial(callers_);
  std::unique_lock lock(mutex_);
  if (stopping_) return Error{Code::Unavailable, "kmsd-media has been stopped"};
  const std::uint32_t request = ++lastRequest_ == 0 ? ++lastRequest_ : lastRequest_;
  auto frame = make(request);
  if (!frame) return std::move(frame).error();
  Call call;
  call.frame = *std::move(frame);
  call.request = request;
  call.expected = expected;
  call.what = std::move(what);
  call.budget = timeout + kGrace;
  call.due = Deadline::in(call.budget);
  call_ = &call;
  wakeThread();
  for (;;) {
    changed_.wait(lock, [&] { return call.done || call.question; });
    if (call.done) break;
    const reader::Question question = *std::exchange(call.question, std::nullopt);
    lock.unlock();
    auto answer = answerTo(question, request);
    lock.lock();
    if (call.done) break;
    if (!answer) {
      call.failure = std::move(answer).error();
      break;
    }
    call.answer = *std::move(answer);
    call.due = Deadline::in(call.budget);
    wakeThread();
  }
  call_ = nullptr;
  if (call.failure) return *std::move(call.failure);
  if (call.reply->type == reader::Type::Failed) return reader::parseFailure(call.reply->body.bytes());
  return *std::move(call.reply);
}

Result<SecretBuffer> ReaderClientImpl::answerTo(const reader::Question& question, std::uint32_t request) {
  reader::Answer answer;
  answer.question = question.question;
  if (events_.ask != nullptr && question.kind == reader::QuestionKind::Pin) {
    auto pin = events_.ask->pin(question.pin);
    answer.granted = bool(pin);
    if (pin) answer.secret = *std::move(pin);
  } else if (events_.ask != nullptr) {
    const auto yes = events_.ask->confirm(question.text);
    answer.granted = yes && *yes;
  }
  return reader::encode(request, answer);
}

Result<SecretBuffer> ReaderClientImpl::read(const hal::MediumId& id) {
  const auto timeout = options_.readTimeout;
  auto reply = call(reader::Type::KeyText, "reading " + id.uri(), timeout, [&](std::uint32_t request) {
    return reader::encode(request, reader::Read{id, timeout});
  });
  if (!reply) return std::move(reply).error();
  return reader::parseKeyText(reply->body.bytes());
}

Result<std::vector<hal::Slot>> ReaderClientImpl::scan() {
  const auto timeout = options_.readTimeout;
  auto reply = call(reader::Type::Slots, "looking for media", timeout,
                    [&](std::uint32_t request) { return reader::encode(request, reader::Scan{timeout}); });
  if (!reply) return std::move(reply).error();
  return reader::parseSlots(reply->body.bytes());
}

Result<void> ReaderClientImpl::write(const hal::MediumId& id, base::BytesView text, hal::Overwrite consent) {
  if (!options_.writable) return Error{Code::Denied, "media are not written here"};
  auto copy = SecretBuffer::copyOf(text);
  if (!copy) return std::move(copy).error();
  const reader::Write message{id, consent, options_.writeTimeout, *std::move(copy)};
  auto reply = call(reader::Type::Written, "writing " + id.uri(), options_.writeTimeout,
                    [&](std::uint32_t request) { return reader::encode(request, message); });
  if (!reply) return std::move(reply).error();
  return {};
}

Result<base::Bytes> ReaderClient::readEpoch(const hal::MediumId& id) {
  return Error{Code::Unsupported, id.uri() + " has no place for the state that was seen last"};
}

Result<void> ReaderClient::writeEpoch(const hal::MediumId& id, unsigned, base::BytesView) {
  return Error{Code::Unsupported, id.uri() + " has no place for the state that was seen last"};
}

Result<base::Bytes> ReaderClientImpl::readEpoch(const hal::MediumId& id) {
  const auto timeout = options_.readTimeout;
  auto reply = call(reader::Type::Epoch, "reading " + id.uri(), timeout, [&](std::uint32_t request) {
    return reader::encode(request, reader::ReadEpoch{id, timeout});
  });
  if (!reply) return std::move(reply).error();
  return reader::parseEpoch(reply->body.bytes());
}

Result<void> ReaderClientImpl::writeEpoch(const hal::MediumId& id, unsigned which, base::BytesView sector) {
  if (!options_.mediumEpoch) return Error{Code::Denied, "media are not written here"};
  const reader::WriteEpoch message{id, options_.readTimeout, which, {sector.begin(), sector.end()}};
  auto reply = call(reader::Type::Written, "writing " + id.uri(), options_.readTimeout,
                    [&](std::uint32_t request) { return reader::encode(request, message); });
  if (!reply) return std::move(reply).error();
  return {};
}

std::vector<DriverDescription> ReaderClientImpl::drivers() const {
  const std::lock_guard lock(mutex_);
  return drivers_;
}

}  // namespace kmsd
