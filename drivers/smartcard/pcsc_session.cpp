#include "drivers/smartcard/pcsc_session.h"

#include <algorithm>

#include "hal/base/utf8.h"

namespace drivers::smartcard {
namespace {

using base::Code;
using base::Error;
using base::Reason;

constexpr std::size_t kMostName = 128;  // bytes

// As plain text: whatever cannot be shown, and what has a meaning in a URI, is an underscore.
std::string plain(const std::string& name) {
  std::string text = name.substr(0, kMostName);
  const bool readable = base::validUtf8(text) && !base::hasControl(text);
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '?' || (!readable && (byte < 0x20 || byte >= 0x7F))) c = '_';
  }
  return text.empty() ? "_" : text;
}

// All names are in use by readers that came before.
std::string distinct(std::string name, const std::vector<Reader>& others) {
  while (std::ranges::any_of(others, [&](const Reader& other) { return other.shown == name; })) name += '_';
  return name;
}

}  // namespace

base::Error pcscError(Pcsc outcome, const std::string& reader) {
  const std::string name = reader.empty() ? "the reader" : "the reader " + reader;
  switch (outcome) {
    case Pcsc::NoService:
    case Pcsc::Lost:
      return {Code::Unavailable,
              "the smartcard service pcscd does not run; install pcscd and libccid, or start it with "
              "'systemctl start pcscd.socket'"};
    case Pcsc::NotPermitted:
      return {Code::Denied,
              "pcscd refuses this program; allow its user the action access_pcsc and access_card in polkit",
              Reason::MediumNotPermitted};
    case Pcsc::Shared:
      return {Code::Unavailable,
              "another program has the card in " + name +
                  " for itself; end it (gpg's is scdaemon), then try again",
              Reason::MediumBusy};
    case Pcsc::UnknownReader:
      return {Code::NotFound, name + " was unplugged; plug it in again"};
    case Pcsc::NoCard:
      return {Code::NotFound, "there is no card in " + name};
    case Pcsc::Removed:
      return {Code::NotFound, "the card was pulled from " + name};
    case Pcsc::Reset:
      return {Code::Conflict, "another program reset the card in " + name + "; try again"};
    case Pcsc::Mute:
      return {Code::Io, "the card in " + name + " does not answer; turn it round or take another one"};
    default:
      return {Code::Io, name + " failed; insert the card again"};
  }
}

void ReaderBook::seen(const std::vector<std::string>& names) {
  const std::lock_guard lock(mutex_);
  for (auto& [name, entry] : readers_) {
    if (std::ranges::find(names, name) == names.end()) entry.here = false;
  }
  for (const std::string& name : names) {
    const auto at = readers_.find(name);
    if (at == readers_.end()) {
      if (readers_.size() < kMost) readers_.emplace(name, Entry{});
    } else if (!at->second.here) {
      at->second.here = true;
      ++at->second.returns;
    }
  }
}

unsigned ReaderBook::returns(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto at = readers_.find(name);
  return at == readers_.end() ? 0 : at->second.returns;
}

void ReaderBook::lost(unsigned epoch) noexcept { epoch_.compare_exchange_strong(epoch, epoch + 1); }

bool PcscSession::dropIfLost(Pcsc outcome) {
  if (outcome != Pcsc::NoService && outcome != Pcsc::Lost) return false;
  port_->release();
  established_ = false;
  book_->lost(epoch_);
  return true;
}

base::Result<PcscPort*> PcscSession::port() {
  if (!established_) {
    if (const Pcsc done = port_->establish(); done != Pcsc::Ok) {
      if (done == Pcsc::NoService || done == Pcsc::Lost) book_->lost(epoch_);
      return pcscError(done, {});
    }
    established_ = true;
    epoch_ = book_->epoch();
  }
  return port_.get();
}

Pcsc PcscSession::look(std::vector<Reader>& readers) {
  readers.clear();
  std::vector<std::string> names;
  if (const Pcsc done = port_->listReaders(names); done != Pcsc::Ok) return done;
  if (names.size() > kMostReaders) names.resize(kMostReaders);
  std::vector<ReaderState> states;
  for (const std::string& name : names) states.push_back({name, 0, 0, {}});
  if (!states.empty()) {
    const Pcsc done = port_->statusChange(std::chrono::milliseconds(0), states);
    if (done != Pcsc::Ok && done != Pcsc::Timeout) return done;
  }
  std::erase_if(states, [](const ReaderState& state) {
    return (state.event & (kStateUnknown | kStateUnavailable)) != 0;
  });
  names.clear();
  for (const ReaderState& state : states) names.push_back(state.name);
  book_->seen(names);
  for (const ReaderState& state : states) {
    Reader reader;
    reader.name = state.name;
    reader.shown = distinct(plain(state.name), readers);
    reader.present = (state.event & kStatePresent) != 0;
    reader.mute = (state.event & kStateMute) != 0;
    reader.event = state.event;
    reader.atr = state.atr;
    reader.card = std::to_string(book_->returns(state.name)) + "." + std::to_string(state.event >> 16U) +
                  "/" + base::toHex(state.atr);
    if (reader.present) reader.stamp = std::to_string(book_->epoch()) + "." + reader.card;
    readers.push_back(std::move(reader));
  }
  return Pcsc::Ok;
}

base::Result<std::vector<Reader>> PcscSession::readers() {
  std::vector<Reader> found;
  Pcsc done = Pcsc::Failed;
  for (int tries = 0; tries < 3; ++tries) {
    auto ready = port();
    if (!ready) return std::move(ready).error();
    done = look(found);
    if (done == Pcsc::Ok) return found;
    // A reader that was unplugged between two calls, or a context that was lost: once more.
    if (!dropIfLost(done) && done != Pcsc::UnknownReader) break;
  }
  return pcscError(done, {});
}

}  // namespace drivers::smartcard
