// What the driver does with a card once APDUs flow: find the one application that holds or can hold a key,
// give it the PIN once, read or write the key. It knows no PC/SC; an Exchange is a card.
#pragma once

#include "drivers/smartcard/card_text.h"
#include "drivers/smartcard/exchange.h"
#include "drivers/smartcard/profile.h"
#include "drivers/smartcard/target.h"
#include "hal/driver.h"

namespace drivers::smartcard {

// What an application tells everybody. Two equal ones, seen by the same reader without an exchange between,
// are the same card in the same state.
struct Shown {
  const Profile* profile = nullptr;
  std::string card;  // its number; empty: it tells none
  std::optional<Owner> owner;
  std::optional<std::uint8_t> pin;  // the reference of its PIN; none: the key is open to all
  std::optional<unsigned> tries;
  bool operator==(const Shown&) const = default;
};

// The application for all that follows, which is left selected: the first that shows a key of ours, else the
// first that can hold one. Nothing secret is sent. Errors: as Exchange; Unsupported / Blank (no application
// here holds one or can).
base::Result<Shown> chooseApplication(Exchange& card, const CardTarget& target, hal::Access access);

// One VERIFY, which is never repeated. Errors: PinWrong, PinBlocked, with the tries left; Denied (the PIN has
// a form that the card cannot have: nothing was sent); what Exchange::once tells.
base::Result<void> verifyPin(Exchange& card, const Shown& shown, base::BytesView pin);

// Errors, by reason: Blank, NotFat (it holds something else), PinNeeded; Denied, Io; as Exchange.
base::Result<base::SecretBuffer> readKey(Exchange& card, const Shown& shown, const CardTarget& target);

// Writes and reads back. Errors, by reason: MediumHoldsKey, MediumHoldsFiles (see hal::Overwrite),
// MediumTooSmall; Unsupported (this application is written by another program), Invalid (too long), Denied,
// Io; as Exchange.
base::Result<void> writeKey(Exchange& card, const Shown& shown, const CardTarget& target,
                            base::BytesView keyFile, hal::Overwrite consent);

}  // namespace drivers::smartcard
