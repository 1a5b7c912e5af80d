// PinLedger: what the server must remember of cards and PINs across restarts, so that no card is blocked by a
// server that tries: which cards are its own, which PIN is under way, and which a card refused. A PIN itself,
// or a hash of it, never stands here. The file is D/security/cards (kms/FORMATS.md). Used by one thread.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hal/base/result.h"

namespace kmsd {

struct PinRecord {
  enum class Kind : char { Known = 'k', Trying = 't', Refused = 'r' };
  Kind kind = Kind::Known;
  std::string card;                 // PinQuestion::card
  std::string source;               // of Trying and Refused: where the PIN came from, and that file's time
  std::optional<unsigned> tries{};  // of Trying: tries left before the PIN was given

  bool operator==(const PinRecord&) const = default;
};

// Lines "known CARD", "trying CARD TRIES SOURCE", "refused CARD SOURCE", apart by tabs, ended by LF, the last
// one "end". Errors: Corrupt.
base::Result<std::vector<PinRecord>> parsePinRecords(std::string_view text);
std::string formatPinRecords(const std::vector<PinRecord>& records);

class PinLedger {
 public:
  // A file that is not there is an empty ledger.
  explicit PinLedger(std::filesystem::path file) : file_(std::move(file)) {}

  // Errors: Corrupt, and those of the file: then no PIN may be given. Reads the file once.
  base::Result<void> load();

  bool known(std::string_view card) const;
  bool refused(std::string_view card, std::string_view source) const;
  // The tries left before a PIN from this source was given, where its outcome was never heard.
  std::optional<unsigned> trying(std::string_view card, std::string_view source) const;

  // Each returns when the file is durable. At most kMost cards are kept; the oldest give way.
  base::Result<void> know(std::string_view card);
  base::Result<void> startTrying(std::string_view card, std::string_view source, unsigned tries);
  base::Result<void> refuse(std::string_view card, std::string_view source);
  // The PIN from this source (empty: typed) was right. What came from another source stays refused, and what
  // was under way from one counts as refused: the card's count, which would tell, begins anew.
  base::Result<void> accepted(std::string_view card, std::string_view source);

  static constexpr std::size_t kMost = 256;  // records

 private:
  const PinRecord* find(PinRecord::Kind kind, std::string_view card, std::string_view source) const;
  // Replaces what is known of the card and source, but for Known.
  base::Result<void> put(PinRecord record);
  base::Result<void> save(std::vector<PinRecord> records);

  std::filesystem::path file_;
  bool loaded_ = false;
  std::vector<PinRecord> records_;
};

}  // namespace kmsd
