#include <algorithm>
#include <optional>

#include "hal/epoch_file.h"
#include "hal/fat_foreign.h"
#include "hal/fat_format.h"
#include "hal/key_disk.h"
#include "hal/key_disk_survey.h"
#include "hal/key_file.h"

namespace hal {
namespace {

using base::Code;
using base::Error;
using base::Reason;
using base::Result;

constexpr std::uint64_t kStep = 64 * 1024;         // bytes of one write or read
constexpr std::uint64_t kWipeBehind = 64 * 1024;   // stale signatures stand right behind the volume ...
constexpr std::uint64_t kWipeEnd = 1024 * 1024;    // ... and at the device's end, as a GPT's copy does
constexpr std::uint64_t kUnusedHead = 128 * 1024;  // looked at before a medium is called unused
constexpr std::uint64_t kUnusedTail = 64 * 1024;
constexpr std::size_t kBootSector = 512;

// Whether all these bytes are the same 0x00, 0xF6 or 0xFF.
Result<bool> unused(BlockDevice& device, std::uint64_t offset, std::uint64_t size, base::Deadline by) {
  auto look = base::SecretBuffer::create(kStep);
  if (!look) return std::move(look).error();
  std::optional<std::byte> fill;
  while (size > 0) {
    const auto part = look->bytes().first(static_cast<std::size_t>(std::min(size, kStep)));
    if (auto done = device.read(offset, part, by); !done) return std::move(done).error();
    if (!looksUnformatted(part) || part.front() != fill.value_or(part.front())) return false;
    fill = part.front();
    offset += part.size();
    size -= part.size();
  }
  return true;
}

// Decides, before anything is written, whether the consent covers what is lost.
Result<void> checkConsent(BlockDevice& device, const KeyDiskSurvey& survey, Overwrite consent,
                          base::Deadline by) {
  if (survey.file) {
    if (consent == Overwrite::Key) return {};
    return Error{Code::Conflict,
                 "the disk holds a key, which would be lost; use another disk, or say "
                 "that the key is to be destroyed",
                 Reason::MediumHoldsKey};
  }
  if (consent != Overwrite::Empty || survey.nothing) return {};
  if (survey.why.code == Code::Io) return survey.why;
  if (survey.why.reason == Reason::Unformatted) {
    const std::uint64_t size = device.size();
    const std::uint64_t tail = std::min(size, kUnusedTail);
    const auto head = unused(device, 0, std::min(size, kUnusedHead), by);
    if (!head) return head.error();
    const auto end = unused(device, size - tail, tail, by);
    if (!end) return end.error();
    if (*head && *end) return {};
  }
  return Error{Code::Conflict,
               "the disk holds other data, which would be lost; use another disk, or say "
               "that it is to be formatted",
               Reason::MediumHoldsFiles};
}

Result<void> wipeRange(BlockDevice& device, std::uint64_t from, std::uint64_t to, base::Deadline by) {
  static constexpr std::byte kZeros[kStep] = {};
  for (to = std::min(to, device.size()); from < to;) {
    const std::uint64_t size = std::min(to - from, kStep);
    if (auto done = device.write(from, base::BytesView(kZeros).first(static_cast<std::size_t>(size)), by);
        !done)
      return done;
    from += size;
  }
  return {};
}

// The old boot sector goes first and the new one comes last, so that a power cut leaves a medium that no one
// takes for a key disk.
Result<void> writeVolume(BlockDevice& device, base::BytesView head, std::uint64_t volumeSize,
                         std::optional<Extent> oldKey, base::Deadline by) {
  if (auto done = wipeRange(device, 0, kBootSector, by); !done) return done;
  if (auto done = device.flush(); !done) return done;
  if (oldKey) {  // it may lie beyond the new volume
    const std::uint64_t end = oldKey->offset + std::min<std::uint64_t>(oldKey->size, kMaxKeyFile);
    if (auto done = wipeRange(device, oldKey->offset, end, by); !done) return done;
  }
  if (auto done = device.write(kBootSector, head.subspan(kBootSector), by); !done) return done;
  if (auto done = wipeRange(device, head.size(), volumeSize + kWipeBehind, by); !done) return done;
  const std::uint64_t end = device.size() - std::min(device.size(), kWipeEnd);
  if (auto done = wipeRange(device, std::max(end, volumeSize), device.size(), by); !done) return done;
  if (auto done = device.flush(); !done) return done;
  if (auto done = device.write(0, head.first(kBootSector), by); !done) return done;
  return device.flush();
}

Error notGivenBack() {
  return {Code::Io, "the disk does not give back what was written; it is worn out or false: use another"};
}

Result<void> verifyText(BlockDevice& device, base::BytesView text, base::Deadline by) {
  const auto file = readKeyDisk(device, by);
  if (!file && file.error().code != Code::Corrupt) return file.error();
  if (!file || !base::equalConstantTime(file->bytes(), text)) return notGivenBack();
  return {};
}

Result<void> verify(BlockDevice& device, base::BytesView head, base::BytesView text, base::Deadline by) {
  auto back = base::SecretBuffer::create(head.size());
  if (!back) return std::move(back).error();
  if (auto done = device.read(0, back->bytes(), by); !done) return done;
  if (!base::equalConstantTime(back->bytes(), head)) return notGivenBack();
  return verifyText(device, text, by);
}

// Where the sector of a key file lies that this text may take the place of: another key of the same server.
Result<std::optional<Extent>> sameServersSector(const KeyDiskSurvey& survey, base::BytesView text,
                                                base::Deadline by) {
  if (text.size() != kKeyFileSize || survey.file->size != kKeyFileSize) return std::optional<Extent>();
  const auto where = survey.volume->firstCluster(*survey.file);
  if (!where || where->size < kKeyFileSize) return std::optional<Extent>();
  const auto old = survey.volume->readFile(*survey.file, kMaxKeyFile, by);
  if (!old && old.error().code != Code::Corrupt) return old.error();
  if (!old) return std::optional<Extent>();
  const auto before = parseKeyFile(old->bytes());
  const auto after = parseKeyFile(text);
  const bool same = before && after && before->identity && after->identity &&
                    before->identity->server == after->identity->server;
  return same ? std::optional(Extent{where->offset, kKeyFileSize}) : std::optional<Extent>();
}

}  // namespace

Result<void> writeKeyDisk(BlockDevice& device, base::BytesView text, Overwrite consent, base::Deadline by) {
  if (text.size() > kMaxKeyFile)
    return Error{Code::Invalid, "the key file is larger than " + std::to_string(kMaxKeyFile) + " bytes"};
  if (device.size() < kFloppy720.size())
    return Error{Code::Invalid, "the medium is smaller than 720 kB; use a larger one",
                 Reason::MediumTooSmall};
  const auto survey = surveyKeyDisk(device, by);
  if (!survey) return survey.error();
  if (auto allowed = checkConsent(device, *survey, consent, by); !allowed) return allowed;
  // A disk writes a sector wholly or not at all: there is one of the two keys at every moment.
  if (survey->file) {
    const auto sector = sameServersSector(*survey, text, by);
    if (!sector) return sector.error();
    if (*sector) {
      if (auto done = device.write((*sector)->offset, text, by); !done) return done;
      if (auto done = device.flush(); !done) return done;
      return verifyText(device, text, by);
    }
  }
  std::optional<Extent> oldKey;
  if (survey->file) oldKey = survey->volume->firstCluster(*survey->file);

  const FloppyGeometry& geometry = device.size() >= kFloppy1440.size() ? kFloppy1440 : kFloppy720;
  std::byte serial[4];
  base::systemRng().fill(serial);
  auto head = makeFatHead({geometry, base::loadLe32(serial), base::systemClock().now(), kKeyFileName, text,
                           kEpochFileName, kEpochFileSize});
  if (!head) return std::move(head).error();
  if (auto done = writeVolume(device, head->bytes(), geometry.size(), oldKey, by); !done) return done;
  return verify(device, head->bytes(), text, by);
}

}  // namespace hal
