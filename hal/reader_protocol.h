// The protocol between kmsd and kmsd-media, over a stream socket pair; hal/FORMATS.md describes it byte by
// byte. Encoders and decoders are pure functions. Each side takes the other for a stranger: lengths, ranges
// and texts are checked, and what remains behind a message is an error.
//
//   frame := length:u32 type:u8 request:u32 body     ; little-endian; `length` counts what follows it
//
// Every frame lives in a SecretBuffer, so that the ones that carry a key or a PIN need no path of their own.
// In such a frame the secret is the last field, and it is copied straight to its place.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hal/base/bytes.h"
#include "hal/base/result.h"
#include "hal/base/secret_buffer.h"
#include "hal/driver.h"

namespace hal {

// What `medium list` and usage errors tell of a driver.
struct DriverDescription {
  std::string scheme;
  std::string summary;
  std::string forms;
  unsigned caps = 0;  // Cap bits
  std::optional<std::string> usual;

  bool can(Cap cap) const noexcept { return (caps & unsigned(cap)) != 0; }
};

namespace reader {

inline constexpr std::uint16_t kVersion = 4;
inline constexpr std::size_t kHeaderSize = 9;        // bytes
inline constexpr std::size_t kMaxFrame = 64 * 1024;  // bytes, its length field included
inline constexpr std::size_t kMaxUri = 4200;         // bytes of a medium URI; a slot's name is shorter
inline constexpr std::size_t kMaxUris = 64;          // in one Open
inline constexpr std::size_t kMaxSlots = 256;        // in one list
inline constexpr std::size_t kMaxStamp = 256;        // bytes
inline constexpr std::size_t kMaxSentence = 600;     // bytes of an error or a question
inline constexpr std::size_t kMaxPin = 256;          // bytes
inline constexpr std::size_t kMaxCard = 128;         // bytes of a card's number or its application's name
inline constexpr std::chrono::milliseconds kMostTimeout{600'000};

enum class Type : std::uint8_t {
  // From kmsd.
  Open = 1,  // the first frame
  Scan = 2,
  Read = 3,
  Write = 4,
  Answer = 5,  // carries the request number of the question's request
  Ping = 6,    // only where no request is under way
  ReadEpoch = 7,
  WriteEpoch = 8,
  // From kmsd-media.
  Ready = 16,
  Refused = 17,
  Slots = 18,  // the answer to Scan; with request number 0 told unasked
  KeyText = 19,
  Written = 20,
  Failed = 21,
  Question = 22,
  Pong = 23,   // the answer to Ping
  Epoch = 24,  // the answer to ReadEpoch; WriteEpoch is answered by Written
};

struct Header {
  Type type{};
  std::uint32_t request = 0;
  std::size_t body = 0;  // bytes that follow
};

struct Frame {
  Type type{};
  std::uint32_t request = 0;
  base::SecretBuffer body;
};

struct Open {
  std::uint16_t version = kVersion;
  bool writable = false;
  std::vector<std::string> uris;
  bool epoch = false;  // where not writable: WriteEpoch may be asked for, and nothing else that writes
};
struct Scan {
  std::chrono::milliseconds timeout{};
};
struct Read {
  MediumId id;
  std::chrono::milliseconds timeout{};
};
struct ReadEpoch {
  MediumId id;
  std::chrono::milliseconds timeout{};
};
struct WriteEpoch {
  MediumId id;
  std::chrono::milliseconds timeout{};
  unsigned which = 0;  // of the two sectors
  base::Bytes sector;  // kEpochSector bytes
};
struct Write {
  MediumId id;
  Overwrite consent = Overwrite::Empty;
  std::chrono::milliseconds timeout{};
  base::SecretBuffer text;
};
struct Answer {
  std::uint32_t question = 0;
  bool granted = false;
  base::SecretBuffer secret;  // the PIN; empty for a yes or no
};
struct Ready {
  std::uint16_t version = kVersion;
  std::vector<DriverDescription> drivers;
};
enum class QuestionKind : std::uint8_t { Pin = 1, Confirm = 2 };
struct Question {
  std::uint32_t question = 0;
  QuestionKind kind = QuestionKind::Confirm;
  std::string text;  // of Confirm
  PinQuestion pin;   // of Pin
};

// Whole frames. Errors: Invalid where a part is longer than the protocol allows; Unavailable (no locked
// memory).
base::Result<base::SecretBuffer> encode(std::uint32_t request, const Open& message);
base::Result<base::SecretBuffer> encode(std::uint32_t request, const Scan& message);
base::Result<base::SecretBuffer> encode(std::uint32_t request, const Read& message);
base::Result<base::SecretBuffer> encode(std::uint32_t request, const Write& message);
base::Result<base::SecretBuffer> encode(std::uint32_t request, const ReadEpoch& message);
base::Result<base::SecretBuffer> encode(std::uint32_t request, const WriteEpoch& message);
base::Result<base::SecretBuffer> encode(std::uint32_t request, const Answer& message);
base::Result<base::SecretBuffer> encode(std::uint32_t request, const Ready& message);
base::Result<base::SecretBuffer> encode(std::uint32_t request, const Question& message);
base::Result<base::SecretBuffer> encode(std::uint32_t request, const std::vector<Slot>& slots);
base::Result<base::SecretBuffer> encodeFailure(std::uint32_t request, Type type, const base::Error& error);
base::Result<base::SecretBuffer> encodeKeyText(std::uint32_t request, base::BytesView text);
base::Result<base::SecretBuffer> encodeEpoch(std::uint32_t request, base::BytesView sectors);
base::Result<base::SecretBuffer> encodeWritten(std::uint32_t request);
base::Result<base::SecretBuffer> encodePing();
base::Result<base::SecretBuffer> encodePong();

// Errors: Corrupt.
base::Result<Header> parseHeader(base::BytesView header);
base::Result<Open> parseOpen(base::BytesView body);
base::Result<Scan> parseScan(base::BytesView body);
base::Result<Read> parseRead(base::BytesView body);
base::Result<Write> parseWrite(base::BytesView body);
base::Result<ReadEpoch> parseReadEpoch(base::BytesView body);
base::Result<WriteEpoch> parseWriteEpoch(base::BytesView body);
base::Result<base::Bytes> parseEpoch(base::BytesView body);
base::Result<Answer> parseAnswer(base::BytesView body);
base::Result<Ready> parseReady(base::BytesView body);
base::Result<Question> parseQuestion(base::BytesView body);
base::Result<std::vector<Slot>> parseSlots(base::BytesView body);
base::Result<base::SecretBuffer> parseKeyText(base::BytesView body);
// Of Ping and Pong, which carry nothing.
base::Result<void> parsePulse(const Frame& frame);
// The error told by Failed or Refused; Corrupt where the body is none. An unknown code becomes Internal, a
// reason that is not a medium's None; the sentence is cleaned.
base::Error parseFailure(base::BytesView body);

// Fit for a log line: valid UTF-8 without control characters ('?' for each other byte), at most `most` bytes.
std::string cleanText(std::string_view text, std::size_t most);
// Valid UTF-8 without control characters. A name goes back to the driver as it came, so it is refused where
// it cannot be shown, never altered.
bool showable(std::string_view text);

}  // namespace reader
}  // namespace hal
