#include "daemon/drive_swap.h"

#include <algorithm>

#include "daemon/terminal.h"

namespace kmsd {
namespace {

constexpr std::size_t kMaxTyped = 64;  // bytes

bool samePlace(const hal::MediumId& a, const hal::MediumId& b) {
  Found places[2];
  places[0].id = a;
  places[1].id = b;
  return !checkDistinct({places[0], places[1]});
}

}  // namespace

base::Result<void> swapWhereOneDrive(const MediaRound& round, const std::string& uri, const std::string& what,
                                     hal::Ask& ask, const std::filesystem::path& driverDir) {
  const auto inDrive = [](const ShownMedium& shown) { return shown.removable && shown.uri != kPromptUri; };
  if (uri == kPromptUri || std::ranges::none_of(round.shown(), inDrive)) return {};
  auto port = MediumPort::open(uri, false, &ask, driverDir);
  if (!port) return std::move(port).error();
  const bool one = std::ranges::any_of(round.shown(), [&](const ShownMedium& shown) {
    return inDrive(shown) && samePlace(shown.place, port->id());
  });
  if (!one) return {};
  if (!canAsk())
    return base::Error{
        base::Code::Invalid,
        uri + " is the drive of a medium that was shown, too; swapping disks needs a terminal"};
  auto swapped = askLine("Take out the disk, insert the one " + what + ", and press Enter:", kMaxTyped, true);
  if (!swapped) return std::move(swapped).error();
  return {};
}

}  // namespace kmsd
