// Key slots: the root key wrapped under one medium's master key. The header says how, and is bound to the
// wrapping as its associated data; it is written once and never changed. Byte for byte in kms/FORMATS.md.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "hal/base/clock.h"
#include "hal/base/master_key.h"
#include "hal/base/result.h"
#include "hal/base/rng.h"
#include "hal/base/uuid.h"
#include "kms/store/store.h"

namespace kms {

enum class SlotKind : std::uint8_t {
  Medium = 1,
  RecoveryPhrase = 2,  // set aside; this version opens media only
  Card = 3             // set aside
};

// scrypt's parameters. Those of a file count only within these bounds: 16 MiB to 1 GiB of memory.
struct ScryptCost {
  static constexpr std::uint8_t kLogNLeast = 14;
  static constexpr std::uint8_t kLogNMost = 20;

  std::uint8_t logN = 17;  // N = 2^logN
  std::uint8_t r = 8;      // 8 only
  std::uint8_t p = 1;      // 1 only

  bool allowed() const noexcept { return logN >= kLogNLeast && logN <= kLogNMost && r == 8 && p == 1; }
};

// Of a slot whose key is split over several media (hal/base/shamir.h): the slot's medium id is then that of
// the set. All zero where one medium opens alone.
struct Share {
  std::uint8_t index = 0;      // 0: the slot is for what all shares give together; others are set aside
  std::uint8_t threshold = 0;  // shares that open together, 2 at least
  std::uint8_t total = 0;      // shares that were made
  bool operator==(const Share&) const = default;
  bool split() const noexcept { return threshold != 0; }
  bool allowed() const noexcept {
    return *this == Share{} || (index == 0 && threshold >= 2 && threshold <= total);
  }
};

struct SlotHeader {
  static constexpr std::size_t kSize = 104;    // bytes encoded
  static constexpr std::size_t kLabel = 24;    // bytes of UTF-8 at most
  static constexpr std::size_t kWrapped = 60;  // bytes of the wrapping: nonce 12, key 32, tag 16

  SlotKind kind = SlotKind::Medium;
  bool passphrase = false;  // the key alone does not open it
  ScryptCost cost{};
  Share share{};
  base::Uuid server;
  base::Uuid medium;
  std::array<std::byte, 16> salt{};
  base::Time created{};
  std::uint32_t rootGeneration = 1;
  std::string label;
};

// Errors: Invalid (label too long, not UTF-8 or with control characters; cost out of bounds).
base::Result<base::Bytes> encodeSlotHeader(const SlotHeader& header);
// Spends no memory on what the header asks for. Errors: Unsupported (a version, kind, flag or share that this
// program does not know); Corrupt / DatabaseCorrupt.
base::Result<SlotHeader> parseSlotHeader(base::BytesView bytes);

// Wraps `root` with a fresh salt and nonce; header.salt is set here, the row's id by the caller. One scrypt.
// `passphrase` (UTF-8, NFC) where header.passphrase says so. Errors: Invalid; Unavailable (memory).
base::Result<SlotRow> wrapRoot(SlotHeader header, const base::MasterKey& key,
                               const base::SecretBuffer* passphrase, base::BytesView root, base::Rng& rng);
// One scrypt, after every check of the header. Errors: as parseSlotHeader; Denied / PassphraseNeeded; Denied
// / KeyMismatch (this key and passphrase do not open it, or the slot was altered: nothing can tell which).
base::Result<base::SecretBuffer> unwrapRoot(const SlotRow& row, const base::MasterKey& key,
                                            const base::SecretBuffer* passphrase);

}  // namespace kms
