// Drive: a key medium drive in memory, which a test holds in its hands: it puts disks in, pulls them, and
// writes a script of answers that come before what the disk would say. Safe to use from several threads.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "hal/driver.h"

namespace drivers::mock {

// What a disk holds, as far as Medium tells it apart.
enum class Content : std::uint8_t { Unformatted, NotFat, Blank, Files, Damaged, Key };

class Drive {
 public:
  // One answer of a read or a write. Nothing: the drive answers by itself, as the disk is by then.
  using Step = std::function<std::optional<base::Error>(Drive&, base::Deadline)>;

  // Makes the drive "mock:NAME", which lives as long as somebody holds it. A drive of that name which still
  // lives is replaced for drivers made from now on.
  static std::shared_ptr<Drive> add(const std::string& name);
  static std::shared_ptr<Drive> find(std::string_view name);

  // The disk. Each insert is another disk to whoever looks.
  void insert(std::string_view keyFileText);
  void insert(Content content);
  void pull();
  void writeProtect(bool on);
  // The slot itself cannot be looked at; nothing: it can again.
  void refuse(std::optional<base::Error> why);
  // The text on the disk, for assertions; nothing where it holds none.
  std::optional<std::string> text() const;
  unsigned reads() const;  // readKeyFile calls so far

  // The script: each step serves one read or write, in order.
  void script(std::deque<Step> steps);

  // Ends every stall and hang, now and later.
  void release();

 private:
  friend class MockDriver;
  friend class MockMedium;
  friend Step slow(std::chrono::milliseconds);
  friend Step stall();
  friend Step hang();

  hal::Slot slot(const hal::MediumId& id) const;
  bool waitForChange(std::uint64_t seen, base::Deadline by, const std::stop_token& stop);
  std::uint64_t changes() const;
  std::optional<base::Error> nextStep(base::Deadline by);
  base::Result<base::SecretBuffer> read(std::uint64_t disk, base::Deadline by);
  base::Result<void> write(std::uint64_t disk, base::BytesView text, hal::Overwrite consent,
                           base::Deadline by);
  std::optional<base::Error> pulled(std::uint64_t disk) const;  // REQUIRES: mutex_ held
  bool released(base::Deadline by);                             // waits; false at the deadline
  void change();                                                // REQUIRES: mutex_ held

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  bool present_ = false;
  bool writeProtected_ = false;
  bool released_ = false;
  Content content_ = Content::Unformatted;
  std::string text_;           // of tests' keys only, so no secret
  std::uint64_t disk_ = 0;     // the disk in the drive; rises with each insert
  std::uint64_t changes_ = 0;  // rises with whatever can be seen from outside
  unsigned reads_ = 0;
  std::optional<base::Error> refusal_;
  std::deque<Step> script_;
};

// Steps.
Drive::Step fail(base::Error error);
// The drive answers after this; Timeout where the deadline is sooner.
Drive::Step slow(std::chrono::milliseconds span);
// Never answers: Timeout at the deadline, or released.
Drive::Step stall();
// Does not even heed the deadline: until released.
Drive::Step hang();
// The disk is pulled in the middle of it.
Drive::Step vanish();
// Another disk is in the drive by now.
Drive::Step swapFor(std::string keyFileText);

}  // namespace drivers::mock
