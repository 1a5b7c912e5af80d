// Media get new keys: what is written when, so that at every moment, whatever ends it, some medium opens the
// server. What writes the medium comes from outside, so that a test can cut it off at each write.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "hal/key_file.h"
#include "kms/keys/slot_desk.h"

namespace kmsd {

// The place of one medium.
class KeyWriter {
 public:
  virtual ~KeyWriter() = default;
  // Makes this its key file.
  virtual base::Result<void> write(base::BytesView text) = 0;
  // The key file as the medium itself has it, past every cache.
  virtual base::Result<base::SecretBuffer> readBack() = 0;
};

struct NewMedium {
  base::Uuid server;
  std::string label;
  const base::SecretBuffer* passphrase = nullptr;  // not owned; null: the key alone opens
  kms::ScryptCost cost{};
};

// Around each change of the database, given the new medium's id: what is committed with it.
using AlongOf = std::function<kms::SlotDesk::Along(const base::Uuid& medium)>;

// A medium with a key, id and slot of its own: written, read back, its slot opened with what was read, and
// only then the slot counts. Gives its id and key. Errors: as the writer's and SlotDesk's; then nothing
// counts, and what was written opens nothing.
struct Made {
  base::Uuid medium;
  base::MasterKey key;
};
base::Result<Made> addMedium(const kms::SlotDesk& desk, const NewMedium& wanted, KeyWriter& writer,
                             const AlongOf& along);

// What is committed with each step of a rekey.
struct RekeyRecords {
  AlongOf begun;   // both keys count
  AlongOf ended;   // the old one does not
  AlongOf undone;  // the new one does not
};
// The medium `old` gets another key and id: the new slot is committed, then the medium is written, read back
// and opened, and only then the old slot goes. Where the writing fails, the new slot goes again if the medium
// shows that it does not have that key; else both stay, and the error says so. Errors: as the writer's and
// SlotDesk's.
base::Result<Made> rekeyMedium(const kms::SlotDesk& desk, const base::Uuid& old, const NewMedium& wanted,
                               KeyWriter& writer, const RekeyRecords& records);

// What an interrupted rekey left of the medium `shown`, which just opened the desk.
enum class RekeyLeft : std::uint8_t {
  Nothing,
  Ended,  // it has its new key: the slot of the old one is dropped now
  Undone  // it has its old key: the slot of the new one is dropped now
};
struct Settled {
  RekeyLeft left = RekeyLeft::Nothing;
  base::Uuid dropped;
};
// Errors: as SlotDesk::drop.
base::Result<Settled> settleRekey(const kms::SlotDesk& desk, const base::Uuid& shown,
                                  const RekeyRecords& records);

}  // namespace kmsd
