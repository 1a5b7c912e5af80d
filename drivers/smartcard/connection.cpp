#include "drivers/smartcard/connection.h"

#include <algorithm>

#include "hal/stop_wait.h"

namespace drivers::smartcard {
namespace {

using base::Result;
using std::chrono::milliseconds;

constexpr milliseconds kBusyFor{1000};  // another program is waited for
constexpr milliseconds kBusyEach{50};
constexpr milliseconds kNotice{600};  // pcscd looks every 400 ms
constexpr std::size_t kStatusWord = 2;

Result<Reader> findReader(PcscSession& session, const std::string& shown) {
  auto readers = session.readers();
  if (!readers) return std::move(readers).error();
  const auto at = std::ranges::find(*readers, shown, &Reader::shown);
  if (at == readers->end()) return pcscError(Pcsc::UnknownReader, shown);
  if (!at->present) return pcscError(Pcsc::NoCard, shown);
  if (at->mute) return pcscError(Pcsc::Mute, shown);
  return std::move(*at);
}

}  // namespace

base::Error CardConnection::failed(Pcsc outcome) {
  session_.dropIfLost(outcome);
  return pcscError(outcome, reader_.shown);
}

Result<void> CardConnection::connect(base::Deadline by) {
  const auto until = base::Deadline::in(kBusyFor).sooner(by);
  for (;;) {
    const Pcsc done = session_.raw().connect(reader_.name, handle_, t0_);
    if (done == Pcsc::Ok) break;
    if (done != Pcsc::Shared || until.expired()) return failed(done);
    auto waited = hal::waitReadable(-1, base::Deadline::in(kBusyEach).sooner(until), {});
    if (!waited) return std::move(waited).error();
  }
  connected_ = true;
  if (const Pcsc done = session_.raw().beginTransaction(handle_); done != Pcsc::Ok) return failed(done);
  locked_ = true;
  return {};
}

Result<std::unique_ptr<CardConnection>> CardConnection::open(PcscSession& session, const std::string& shown,
                                                             base::Deadline by) {
  auto before = findReader(session, shown);
  if (!before) return std::move(before).error();
  std::unique_ptr<CardConnection> made(new CardConnection(session, *std::move(before)));
  if (auto connected = made->connect(by); !connected) return std::move(connected).error();
  // Whatever is in the reader now is what the handle holds; a card pulled after this ends the handle.
  auto now = findReader(session, shown);
  if (!now) return std::move(now).error();
  made->reader_ = *std::move(now);
  return made;
}

CardConnection::~CardConnection() {
  if (locked_) session_.raw().endTransaction(handle_);
  if (connected_) session_.raw().disconnect(handle_);
}

// Whether the card was pulled, which pcscd may notice after its reader.
bool CardConnection::left() {
  const auto until = base::Deadline::in(kNotice);
  for (;;) {
    const auto now = findReader(session_, reader_.shown);
    if (!now) return now.error().code == base::Code::NotFound;
    if (now->stamp != reader_.stamp) return true;
    if (until.expired()) return false;
    std::vector<ReaderState> states = {{reader_.name, now->event, 0, {}}};
    const Pcsc heard = session_.raw().statusChange(until.remaining() + milliseconds(1), states);
    if (heard != Pcsc::Ok && heard != Pcsc::Timeout) return false;
  }
}

Result<std::size_t> CardConnection::transmit(base::BytesView command, std::span<std::byte> reply) {
  std::size_t size = 0;
  const Pcsc done = session_.raw().transmit(handle_, t0_, command, reply, size);
  // Some readers end the exchange like this when the card is pulled in the middle of it.
  if ((done == Pcsc::Failed || (done == Pcsc::Ok && size < kStatusWord)) && left())
    return failed(Pcsc::Removed);
  if (done != Pcsc::Ok) return failed(done);
  return size;
}

}  // namespace drivers::smartcard
