#include "hal/epoch_file.h"

#include <algorithm>
#include <string>

#include "hal/key_disk_survey.h"

namespace hal {
namespace {

using base::Code;
using base::Error;
using base::Result;

Error none(const std::string& why) {
  return {Code::Unsupported, "the medium has no place for the state that was seen last: " + why};
}

bool overlap(const Extent& a, const Extent& b) {
  return a.offset < b.offset + b.size && b.offset < a.offset + a.size;
}

// Where the two sectors are: one piece of whole sectors, which no part of the key file shares.
Result<Extent> place(BlockDevice& device, base::Deadline by) {
  const auto survey = surveyKeyDisk(device, by);
  if (!survey) return survey.error();
  if (!survey->file) return survey->why;
  const auto root = survey->volume->searchRoot(kEpochFileName, by);
  if (!root) return root.error();
  if (!root->file) return none("it was made without " + std::string(kEpochFileName));
  const auto where = survey->volume->onePiece(*root->file, by);
  if (!where) return where.error();
  if (!*where || (*where)->size != kEpochFileSize || (*where)->offset % kEpochSector != 0)
    return none("its " + std::string(kEpochFileName) + " is not two sectors in one piece");
  // The key file in pieces could have one anywhere; ours never is.
  const auto key = survey->volume->onePiece(*survey->file, by);
  if (!key) return key.error();
  if (!*key || overlap(**where, **key)) return none("its key file is not of one piece apart from it");
  return **where;
}

}  // namespace

Result<base::Bytes> readEpochFile(BlockDevice& device, base::Deadline by) {
  const auto where = place(device, by);
  if (!where) return where.error();
  base::Bytes both(kEpochFileSize);
  if (auto done = device.read(where->offset, both, by); !done) return std::move(done).error();
  return both;
}

Result<void> writeEpochSector(BlockDevice& device, unsigned which, base::BytesView sector,
                              base::Deadline by) {
  if (which >= kEpochSectors || sector.size() != kEpochSector ||
      !base::asText(sector).starts_with(kEpochMark))
    return Error{Code::Invalid, "this is no record for " + std::string(kEpochFileName)};
  const auto where = place(device, by);
  if (!where) return where.error();
  const std::uint64_t at = where->offset + which * kEpochSector;
  base::Bytes there(kEpochSector);
  if (auto done = device.read(at, there, by); !done) return done;
  // Where the directory lies, what is written over would be another's.
  const bool zeros = std::ranges::all_of(there, [](std::byte b) { return b == std::byte{0}; });
  if (!zeros && !base::asText(there).starts_with(kEpochMark))
    return Error{Code::Conflict, "something else stands in " + std::string(kEpochFileName) +
                                     " of the medium, and stays there"};
  if (auto done = device.write(at, sector, by); !done) return done;
  if (auto done = device.flush(); !done) return done;
  if (auto done = device.read(at, there, by); !done) return done;
  if (!std::ranges::equal(there, sector))
    return Error{Code::Io, "the medium does not give back what was written; it is worn out or false"};
  return {};
}

}  // namespace hal
