// The objects of an application, each read and written by its profile's way.
#pragma once

#include "drivers/smartcard/exchange.h"
#include "drivers/smartcard/profile.h"
#include "drivers/smartcard/target.h"

namespace drivers::smartcard {

enum class Object : std::uint8_t {
  Key,  // the key file
  Open  // whose key it is, readable by all
};

// Whether this application has such an object at all.
bool hasObject(const Profile& profile, const CardTarget& target, Object object) noexcept;

// Its content, or the status word that says why not. Errors: as Exchange.
base::Result<Reply> getObject(Exchange& card, const Profile& profile, const CardTarget& target,
                              Object object);
// Errors: as Exchange and updateFile; Denied; Io. `old` is how many bytes it held.
base::Result<void> putObject(Exchange& card, const Profile& profile, const CardTarget& target, Object object,
                             base::BytesView content, std::size_t old);

// GET DATA by a tag in P1 and P2, and PIV's by a tag of three bytes.
base::Result<Reply> getData(Exchange& card, std::uint32_t tag);
base::Result<Reply> getPivData(Exchange& card, std::uint32_t tag);

// Status words that mean "there is no such object".
bool absent(std::uint16_t sw) noexcept;

}  // namespace drivers::smartcard
