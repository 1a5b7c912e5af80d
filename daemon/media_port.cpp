#include "daemon/media_port.h"

#include <algorithm>

#include "daemon/interrupt.h"

namespace kmsd {
namespace {

base::Error absent(const std::string& uri) {
  return {base::Code::NotFound, "there is no medium in " + uri + "; insert one",
          base::Reason::AwaitingMedium};
}

// Why the slot cannot be looked at. Where its service or drive is not there, there is no medium to be had.
base::Error unseen(base::Error why) {
  const bool nothing = why.code == base::Code::Unavailable || why.code == base::Code::NotFound;
  if (nothing && why.reason == base::Reason::None) why.reason = base::Reason::AwaitingMedium;
  return why;
}

}  // namespace

base::Result<MediumPort> MediumPort::open(const std::string& uri, bool writable, hal::Ask* ask,
                                          const std::filesystem::path& driverDir) {
  ReaderOptions options;
  options.uris = {uri};
  options.writable = writable;
  options.driverDir = driverDir;
  ReaderClient::Events events;
  events.ask = ask;
  auto reader = ReaderClient::start(std::move(options), std::move(events));
  if (!reader) return std::move(reader).error();
  MediumPort port;
  port.driverDir_ = driverDir;
  port.reader_.reset(reader->release());
  InterruptWatch::add(*port.reader_);
  if (auto chosen = port.choose(uri); !chosen) return std::move(chosen).error();
  for (const hal::DriverDescription& driver : port.reader_->drivers()) {
    if (driver.scheme != port.slot_.id.driver) continue;
    port.creatable_ = driver.can(hal::Cap::Create);
    port.checksItself_ = driver.can(hal::Cap::Pin);
  }
  return port;
}

void MediumPort::End::operator()(ReaderClient* reader) const noexcept {
  InterruptWatch::remove(*reader);
  delete reader;
}

// The only slot, or the only one with something in it.
base::Result<void> MediumPort::choose(const std::string& uri) {
  auto slots = reader_->scan();
  InterruptWatch::yield();
  if (!slots) return std::move(slots).error();
  if (slots->empty()) return absent(uri);
  const auto present = std::ranges::count_if(*slots, &hal::Slot::present);
  if (slots->size() > 1 && present == 0) return absent(uri);
  if (present > 1)
    return base::Error{base::Code::Invalid, uri + " means " + std::to_string(present) + " media, such as " +
                                                slots->front().id.uri() + "; name one"};
  const auto at = slots->size() == 1 ? slots->begin() : std::ranges::find_if(*slots, &hal::Slot::present);
  slot_ = std::move(*at);
  return {};
}

base::Result<Found> MediumPort::look() {
  if (slot_.error) return unseen(*slot_.error);
  Found found{slot_.id, Holding::Absent, creatable_, slot_.writeProtected, {}};
  if (!slot_.present) return found;
  auto text = reader_->read(slot_.id);
  InterruptWatch::yield();
  // Pulled since the scan. What is there and has no key file is told by a reason.
  if (!text && text.error().code == base::Code::NotFound && text.error().reason == base::Reason::None)
    return found;
  if (!text) {
    auto holding = holdingOf(text.error());
    if (!holding) return std::move(holding).error();
    found.holding = *holding;
    return found;
  }
  found.holding = Holding::Key;
  auto file = hal::parseKeyFile(text->bytes());
  if (file) found.identity = std::move(file->identity);
  return found;
}

base::Result<base::SecretBuffer> MediumPort::read() {
  if (slot_.error) return unseen(*slot_.error);
  if (!slot_.present) return absent(slot_.id.uri());
  auto text = reader_->read(slot_.id);
  InterruptWatch::yield();
  return text;
}

base::Result<void> MediumPort::write(base::BytesView text, hal::Overwrite consent, const Found& found) {
  if (consent == hal::Overwrite::Key) {
    auto now = look();
    if (!now) return std::move(now).error();
    if (now->holding != Holding::Key || destroyName(*now) != destroyName(found))
      return base::Error{base::Code::Conflict,
                         "another medium is now in " + slot_.id.uri() + "; it was not written"};
  }
  InterruptWatch::writing(slot_.id.uri());
  auto written = reader_->write(slot_.id, text, consent);
  InterruptWatch::yield();
  if (written) return written;
  base::Error why = std::move(written).error();
  const std::string uri = slot_.id.uri();
  if (why.what.find(uri) == std::string::npos) why.what.insert(0, uri + ": ");
  // A file that cannot be made is a medium that cannot be had, not a "no".
  if (why.code == base::Code::NotFound && why.reason == base::Reason::None)
    why.reason = base::Reason::AwaitingMedium;
  return why;
}

base::Result<base::SecretBuffer> MediumPort::readBack(hal::Ask& ask) {
  if (checksItself_) {
    auto text = reader_->read(slot_.id);
    InterruptWatch::yield();
    return text;
  }
  auto port = MediumPort::open(slot_.id.uri(), false, &ask, driverDir_);
  if (!port) return std::move(port).error();
  return port->read();
}

base::Result<void> MediumPort::verify(base::BytesView text) const {
  // A card holds the text in another form, which its driver has compared; to read it again costs a PIN.
  if (checksItself_) return {};
  const std::string uri = slot_.id.uri();
  auto port = MediumPort::open(uri, false, nullptr, driverDir_);
  if (!port) return std::move(port).error();
  auto back = port->read();
  if (!back) return std::move(back).error();
  if (!base::equalConstantTime(back->bytes(), text))
    return base::Error{base::Code::Io,
                       uri + " gives back another text than was written to it; take another medium"};
  return {};
}

}  // namespace kmsd
