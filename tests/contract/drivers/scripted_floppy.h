// ScriptedFloppy: a FloppyIo that behaves as Linux does with a diskette drive: the first blocking open after
// each change fails, an empty drive always does, and a protected disk refuses to be opened for writing.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "drivers/floppy/floppy_io.h"

namespace tests {

// The drive; shared by the test and by every FloppyIo over it. Safe to use from several threads.
struct FakeDrive {
  std::mutex mutex;
  std::string disk;  // bytes; empty where there is no disk
  bool writable = true;
  bool failNextOpen = false;
  std::uint64_t generation = 0;
  int refusal = 0;               // errno of every open
  int nodeError = 0;             // errno of looking at the node
  bool pulledAfterOpen = false;  // FD_DISK_CHANGED is set right after the open
  drivers::floppy::NodeKind kind = drivers::floppy::NodeKind::Floppy;
  std::optional<int> readsLeft;  // device reads until the disk is pulled
  unsigned opens = 0;

  void insert(std::string bytes);
  void pull();
};

std::unique_ptr<drivers::floppy::FloppyIo> scriptedFloppyIo(std::shared_ptr<FakeDrive> drive);

}  // namespace tests
