#include "hal/key_disk_survey.h"

#include <algorithm>

#include "hal/fat_foreign.h"
#include "hal/key_file.h"

namespace hal {
namespace {

using base::Code;
using base::Error;
using base::Reason;
using base::Result;

// How telling a finding is where several volumes have one each.
int rank(const Error& error) {
  if (error.code == Code::Io) return 5;
  switch (error.reason) {
    case Reason::Damaged:
      return 4;
    case Reason::Blank:
      return 3;
    case Reason::NotFat:
      return 2;
    default:
      return 1;
  }
}

bool isFat(const Error& error) { return error.reason == Reason::Damaged || error.reason == Reason::Blank; }

Error unformatted() {
  return {Code::Corrupt, "the disk is not formatted; make a key disk of it or insert another",
          Reason::Unformatted};
}

Error blank() {
  return {Code::NotFound,
          "the disk has no key on it (no file " + std::string(kKeyFileName) +
              " in its root directory); insert the key disk",
          Reason::Blank};
}

Error notFat(std::string_view name) {
  const std::string what = name.empty() ? std::string() : "; it holds " + std::string(name);
  return {Code::Corrupt, "the disk is no key disk: it has no FAT volume" + what, Reason::NotFat};
}

// What ends a survey: later reads would tell the same.
bool final(const Error& error) {
  return (error.code == Code::NotFound && error.reason == Reason::None) || error.code == Code::Timeout ||
         error.code == Code::Unavailable;
}

class Surveyor {
 public:
  Surveyor(BlockDevice& device, base::Deadline by, base::SecretBuffer look)
      : device_(device), by_(by), look_(std::move(look)) {}
  Result<KeyDiskSurvey> run();

 private:
  Result<void> lookAt(Extent where);
  Result<void> lookAtPartitions();
  Result<void> note(Error error);
  Result<void> noteForeign(Extent where);

  BlockDevice& device_;
  base::Deadline by_;
  base::SecretBuffer look_;  // kLookBytes
  KeyDiskSurvey survey_;
  bool empty_ = false;  // the volume looked at last is FAT without a file
};

// Keeps the more telling finding, or ends the survey.
Result<void> Surveyor::note(Error error) {
  if (final(error)) return error;
  if (survey_.why.what.empty() || rank(error) > rank(survey_.why)) survey_.why = std::move(error);
  return {};
}

// Looks for the key file in the volume at `where`; what is not there is noted.
Result<void> Surveyor::lookAt(Extent where) {
  empty_ = false;
  auto volume = FatVolume::open(device_, where, by_);
  if (!volume) {
    if (volume.error().reason != Reason::NotFat) return note(std::move(volume).error());
    return noteForeign(where);
  }
  auto root = volume->searchRoot(kKeyFileName, by_);
  if (!root) return note(std::move(root).error());
  if (!root->file) {
    empty_ = !root->anything;
    return note(blank());
  }
  survey_.volume = *volume;
  survey_.file = root->file;
  return {};
}

// Notes what stands where no FAT volume is.
Result<void> Surveyor::noteForeign(Extent where) {
  const auto start =
      look_.bytes().first(static_cast<std::size_t>(std::min<std::uint64_t>(kLookBytes, where.size)));
  if (auto done = device_.read(where.offset, start, by_); !done) return note(std::move(done).error());
  if (const auto name = foreignName(start); !name.empty()) return note(notFat(name));
  const bool unused = looksUnformatted(start);
  constexpr std::size_t kDescriptor = 512;
  if (where.size >= kIsoAt + kDescriptor) {
    const auto descriptor = look_.bytes().first(kDescriptor);
    auto done = device_.read(where.offset + kIsoAt, descriptor, by_);
    if (!done && final(done.error())) return done;
    if (done && looksLikeIso(descriptor)) return note(notFat("ISO 9660"));
  }
  return note(unused ? unformatted() : notFat({}));
}

Result<void> Surveyor::lookAtPartitions() {
  bool damagedGpt = false;
  bool volumes = false;
  bool allEmpty = true;
  // Nothing on the device tells the size of its sectors, so the usual one is tried first.
  for (const std::size_t sectorSize : {std::size_t{512}, std::size_t{4096}}) {
    auto table = readPartitions(device_, sectorSize, by_);
    if (!table) return note(std::move(table).error());
    damagedGpt = damagedGpt || table->damagedGpt;
    for (const Extent& where : table->volumes) {
      if (!volumes) survey_.why = {};  // of the table's own sector
      volumes = true;
      if (auto done = lookAt(where); !done || survey_.file) return done;
      allEmpty = allEmpty && empty_;
    }
    if (isFat(survey_.why)) break;
  }
  survey_.nothing = volumes && allEmpty;
  if (!damagedGpt || volumes) return {};
  return note({Code::Corrupt, "the disk is damaged: neither its GPT partition table nor the copy is sound",
               Reason::Damaged});
}

Result<KeyDiskSurvey> Surveyor::run() {
  if (auto done = lookAt({0, device_.size()}); !done) return std::move(done).error();
  survey_.nothing = empty_;
  const bool known = isFat(survey_.why) || survey_.why.code == Code::Io;
  if (survey_.file || known || survey_.why.reason == Reason::Unformatted) return std::move(survey_);
  if (auto done = lookAtPartitions(); !done) return std::move(done).error();
  return std::move(survey_);
}

}  // namespace

Result<KeyDiskSurvey> surveyKeyDisk(BlockDevice& device, base::Deadline by) {
  auto look = base::SecretBuffer::create(kLookBytes);
  if (!look) return std::move(look).error();
  return Surveyor(device, by, *std::move(look)).run();
}

}  // namespace hal
