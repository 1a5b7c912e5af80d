#include "drivers/mock/drive.h"

#include <map>
#include <utility>

namespace drivers::mock {
namespace {

struct Shelf {
  std::mutex mutex;
  std::map<std::string, std::weak_ptr<Drive>, std::less<>> drives;
};

Shelf& shelf() {
  static Shelf shelf;
  return shelf;
}

base::Error timeout() { return {base::Code::Timeout, "the drive did not answer in time"}; }

}  // namespace

std::shared_ptr<Drive> Drive::add(const std::string& name) {
  auto drive = std::make_shared<Drive>();
  const std::lock_guard lock(shelf().mutex);
  shelf().drives.insert_or_assign(name, drive);
  return drive;
}

std::shared_ptr<Drive> Drive::find(std::string_view name) {
  const std::lock_guard lock(shelf().mutex);
  const auto found = shelf().drives.find(name);
  return found == shelf().drives.end() ? nullptr : found->second.lock();
}

void Drive::change() {
  ++changes_;
  changed_.notify_all();
}

void Drive::insert(std::string_view keyFileText) {
  const std::lock_guard lock(mutex_);
  content_ = Content::Key;
  text_ = keyFileText;
  present_ = true;
  ++disk_;
  change();
}

void Drive::insert(Content content) {
  const std::lock_guard lock(mutex_);
  content_ = content;
  text_.clear();
  present_ = true;
  ++disk_;
  change();
}

void Drive::pull() {
  const std::lock_guard lock(mutex_);
  present_ = false;
  change();
}

void Drive::writeProtect(bool on) {
  const std::lock_guard lock(mutex_);
  writeProtected_ = on;
  change();
}

void Drive::refuse(std::optional<base::Error> why) {
  const std::lock_guard lock(mutex_);
  refusal_ = std::move(why);
  change();
}

std::optional<std::string> Drive::text() const {
  const std::lock_guard lock(mutex_);
  if (!present_ || content_ != Content::Key) return std::nullopt;
  return text_;
}

unsigned Drive::reads() const {
  const std::lock_guard lock(mutex_);
  return reads_;
}

void Drive::script(std::deque<Step> steps) {
  const std::lock_guard lock(mutex_);
  script_ = std::move(steps);
}

void Drive::release() {
  const std::lock_guard lock(mutex_);
  released_ = true;
  changed_.notify_all();
}

bool Drive::released(base::Deadline by) {
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, by.at(), [this] { return released_; });
}

std::uint64_t Drive::changes() const {
  const std::lock_guard lock(mutex_);
  return changes_;
}

bool Drive::waitForChange(std::uint64_t seen, base::Deadline by, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, stop, by.at(), [&] { return changes_ != seen; });
}

hal::Slot Drive::slot(const hal::MediumId& id) const {
  const std::lock_guard lock(mutex_);
  hal::Slot slot;
  slot.id = id;
  slot.present = present_ && !refusal_;
  slot.writeProtected = slot.present && writeProtected_;
  if (slot.present) slot.stamp = std::to_string(disk_);
  slot.error = refusal_;
  return slot;
}

std::optional<base::Error> Drive::nextStep(base::Deadline by) {
  Step step;
  {
    const std::lock_guard lock(mutex_);
    if (script_.empty()) return std::nullopt;
    step = std::move(script_.front());
    script_.pop_front();
  }
  return step(*this, by);  // without the mutex: it may pull the disk
}

std::optional<base::Error> Drive::pulled(std::uint64_t disk) const {
  if (present_ && disk == disk_) return std::nullopt;
  return base::Error{base::Code::NotFound, "the disk was pulled"};
}

base::Result<base::SecretBuffer> Drive::read(std::uint64_t disk, base::Deadline by) {
  if (auto answer = nextStep(by)) return std::move(*answer);
  const std::lock_guard lock(mutex_);
  ++reads_;
  if (auto gone = pulled(disk)) return std::move(*gone);
  using base::Code;
  using base::Reason;
  switch (content_) {
    case Content::Unformatted:
      return base::Error{Code::Corrupt, "the disk is not formatted", Reason::Unformatted};
    case Content::NotFat:
      return base::Error{Code::Corrupt, "the disk holds no FAT volume", Reason::NotFat};
    case Content::Blank:
    case Content::Files:
      return base::Error{Code::NotFound, "the disk holds no key file", Reason::Blank};
    case Content::Damaged:
      return base::Error{Code::Corrupt, "the disk is damaged", Reason::Damaged};
    case Content::Key:
      break;
  }
  return base::SecretBuffer::copyOf(base::asBytes(text_));
}

base::Result<void> Drive::write(std::uint64_t disk, base::BytesView text, hal::Overwrite consent,
                                base::Deadline by) {
  if (auto answer = nextStep(by)) return std::move(*answer);
  const std::lock_guard lock(mutex_);
  if (auto gone = pulled(disk)) return std::move(*gone);
  using base::Reason;
  if (writeProtected_)
    return base::Error{base::Code::Denied, "the disk is write-protected", Reason::MediumReadOnly};
  const bool empty = content_ == Content::Unformatted || content_ == Content::Blank;
  if (content_ == Content::Key && consent != hal::Overwrite::Key) {
    return base::Error{base::Code::Conflict, "the disk holds a key", Reason::MediumHoldsKey};
  }
  if (!empty && consent == hal::Overwrite::Empty) {
    return base::Error{base::Code::Conflict, "the disk holds files", Reason::MediumHoldsFiles};
  }
  content_ = Content::Key;
  text_ = base::asText(text);
  return {};
}

Drive::Step fail(base::Error error) {
  return [error = std::move(error)](Drive&, base::Deadline) { return std::optional(error); };
}

Drive::Step slow(std::chrono::milliseconds span) {
  return [span](Drive& drive, base::Deadline by) -> std::optional<base::Error> {
    const auto ready = base::Deadline::in(span);
    if (drive.released(ready.sooner(by)) || ready.expired()) return std::nullopt;
    return timeout();
  };
}

Drive::Step stall() {
  return [](Drive& drive, base::Deadline by) -> std::optional<base::Error> {
    if (drive.released(by)) return std::nullopt;
    return timeout();
  };
}

Drive::Step hang() {
  return [](Drive& drive, base::Deadline) -> std::optional<base::Error> {
    while (!drive.released(base::Deadline::in(std::chrono::hours(1)))) {
    }
    return std::nullopt;
  };
}

Drive::Step vanish() {
  return [](Drive& drive, base::Deadline) -> std::optional<base::Error> {
    drive.pull();
    return std::nullopt;
  };
}

Drive::Step swapFor(std::string keyFileText) {
  return [text = std::move(keyFileText)](Drive& drive, base::Deadline) -> std::optional<base::Error> {
    drive.insert(text);
    return std::nullopt;
  };
}

}  // namespace drivers::mock
