#include "hal/reader_service.h"

#include <poll.h>

#include <algorithm>

#include "hal/epoch_file.h"

namespace hal {

using base::Code;
using base::Deadline;
using base::Error;
using base::Reason;
using base::Result;
using base::SecretBuffer;

namespace {

constexpr std::chrono::milliseconds kSend{30'000};       // kmsd always reads; else it is gone
constexpr std::chrono::milliseconds kQuestion{300'000};  // a person is asked
constexpr std::chrono::milliseconds kBreath{50};         // between two looks of one watcher, at least

std::vector<DriverDescription> describe(const Registry& registry) {
  std::vector<DriverDescription> out;
  for (const DriverEntry& entry : registry.drivers()) {
    DriverDescription driver{std::string(entry.info->scheme), std::string(entry.info->summary),
                             std::string(entry.info->forms), entry.info->caps, std::nullopt};
    if (entry.info->usual) driver.usual = std::string(*entry.info->usual);
    out.push_back(std::move(driver));
  }
  return out;
}

Error noEpoch() {
  return {Code::Unsupported, "the medium has no place for the state that was seen last: it is no disk"};
}

}  // namespace

// Carries a driver's question to kmsd, on the thread that serves requests.
class ReaderService::ChannelAsk final : public Ask {
 public:
  ChannelAsk(ReaderService& service, std::uint32_t request) : service_(service), request_(request) {}

  Result<SecretBuffer> pin(const PinQuestion& question) override {
    auto answer = ask({++last_, reader::QuestionKind::Pin, {}, question});
    if (!answer) return std::move(answer).error();
    if (!answer->granted)
      return Error{Code::Unavailable, "the medium needs a PIN, and none was given", Reason::PinNeeded};
    return std::move(answer->secret);
  }
  Result<bool> confirm(const std::string& question) override {
    auto answer = ask({++last_, reader::QuestionKind::Confirm, question, {}});
    if (!answer) return std::move(answer).error();
    return answer->granted;
  }
  bool asked() const noexcept { return last_ > 0; }
  // The channel failed while asking: nothing more can be served.
  const std::optional<Error>& lost() const noexcept { return lost_; }

 private:
  Result<reader::Answer> ask(const reader::Question& question) {
    if (lost_) return *lost_;
    const auto sent = service_.send(reader::encode(request_, question));
    if (!sent) return lose(sent.error());
    const auto frame = service_.channel_.receive(Deadline::in(kQuestion));
    if (!frame) return lose(frame.error());
    if (frame->type != reader::Type::Answer || frame->request != request_)
      return lose({Code::Corrupt, "reader protocol: something else than an answer"});
    auto answer = reader::parseAnswer(frame->body.bytes());
    if (!answer || answer->question != last_)
      return lose({Code::Corrupt, "reader protocol: an answer to another question"});
    return answer;
  }
  Error lose(Error error) {
    lost_ = std::move(error);
    return *lost_;
  }

  ReaderService& service_;
  const std::uint32_t request_;
  std::uint32_t last_ = 0;
  std::optional<Error> lost_;
};

ReaderService::ReaderService(base::Fd socket, const Registry& registry, ReaderServiceOptions options)
    : channel_(std::move(socket)),
      registry_(registry),
      options_(std::move(options)),
      firstListBy_(Deadline::in(options.firstList)) {}

ReaderService::~ReaderService() = default;

Result<void> ReaderService::run() {
  if (auto greeted = greet(); !greeted) return greeted;
  for (;;) {
    auto frame = next();
    if (!frame && frame.error().code == Code::NotFound) return {};
    if (!frame) return std::move(frame).error();
    if (auto served = serve(*frame); !served) return served;
  }
}

Result<void> ReaderService::greet() {
  auto frame = channel_.receive(Deadline::in(kSend));
  if (!frame) return std::move(frame).error();
  if (frame->type != reader::Type::Open) return Error{Code::Corrupt, "reader protocol: no Open at the start"};
  auto open = reader::parseOpen(frame->body.bytes());
  if (!open) return std::move(open).error();
  auto opened = openStations(*open);
  if (!opened) {
    auto told = send(reader::encodeFailure(frame->request, reader::Type::Refused, opened.error()));
    if (!told) return told;
    return opened;
  }
  auto told = send(reader::encode(frame->request, reader::Ready{reader::kVersion, describe(registry_)}));
  if (!told) return told;
  firstListBy_ = Deadline::in(options_.firstList);
  for (const auto& station : stations_)
    watchers_.emplace_back(
        [this, &station = *station](const std::stop_token& stop) { watch(stop, station); });
  if (stations_.empty()) publish();
  return {};
}

Result<void> ReaderService::openStations(const reader::Open& open) {
  if (options_.refusal) return *options_.refusal;
  if (open.version != reader::kVersion)
    return Error{Code::Unsupported, "kmsd and kmsd-media are of different versions; install both anew"};
  if (open.writable && !options_.writable)
    return Error{Code::Denied, "kmsd-media was started for reading only"};
  if (open.epoch && !options_.writable && !options_.epoch)
    return Error{Code::Denied, "kmsd-media was started without the right to write the state seen last"};
  writable_ = open.writable;
  epoch_ = open.epoch;
  std::vector<std::string> uris = open.uris;
  if (uris.empty())
    for (const DriverEntry& entry : registry_.drivers())
      if (entry.info->usual)
        uris.push_back(std::string(entry.info->scheme) + ":" + std::string(*entry.info->usual));
  for (const std::string& uri : uris) {
    const bool known =
        std::any_of(stations_.begin(), stations_.end(), [&](const auto& s) { return s->uri() == uri; });
    if (known) continue;  // two drivers would disturb each other at one drive
    auto driver = registry_.make(uri);
    if (!driver) return std::move(driver).error();
    stations_.push_back(std::make_unique<ReaderStation>(uri, *std::move(driver)));
  }
  return {};
}

Result<void> ReaderService::serve(const reader::Frame& frame) {
  ChannelAsk ask(*this, frame.request);
  const auto fail = [&](const Error& error) -> Result<void> {
    if (ask.lost()) return *ask.lost();
    return send(reader::encodeFailure(frame.request, reader::Type::Failed, error));
  };
  switch (frame.type) {
    case reader::Type::Scan: {
      const auto message = reader::parseScan(frame.body.bytes());
      if (!message) return message.error();
      return scan(frame.request, *message);
    }
    case reader::Type::Read: {
      const auto message = reader::parseRead(frame.body.bytes());
      if (!message) return message.error();
      const auto text = read(*message, ask);
      if (!text) return fail(text.error());
      return send(reader::encodeKeyText(frame.request, text->bytes()));
    }
    case reader::Type::Write: {
      const auto message = reader::parseWrite(frame.body.bytes());
      if (!message) return message.error();
      const auto written = write(*message, ask);
      if (!written) return fail(written.error());
      return send(reader::encodeWritten(frame.request));
    }
    case reader::Type::ReadEpoch:
    case reader::Type::WriteEpoch:
      return serveEpoch(frame, ask);
    case reader::Type::Ping: {
      const auto pulse = reader::parsePulse(frame);
      if (!pulse) return pulse;
      return send(reader::encodePong());
    }
    default:
      return Error{Code::Corrupt, "reader protocol: no request"};
  }
}

Result<void> ReaderService::scan(std::uint32_t request, const reader::Scan& scan) {
  const auto by = Deadline::in(scan.timeout);
  for (const auto& station : stations_) station->look(by);
  auto told = send(reader::encode(request, slots()));
  publish();
  return told;
}

Result<ReaderService::Used> ReaderService::use(const MediumId& id, Access access, ChannelAsk& ask,
                                               Deadline by) {
  auto station = stationOf(id, by);
  if (!station) return std::move(station).error();
  auto turn = (*station)->take(by);
  if (!turn) return std::move(turn).error();
  auto medium = turn->driver().open(id, access, ask, by);
  if (!medium) return std::move(medium).error();
  return Used{*std::move(turn), *std::move(medium)};
}

Result<SecretBuffer> ReaderService::read(const reader::Read& read, ChannelAsk& ask) {
  const auto by = Deadline::in(read.timeout);
  auto used = use(read.id, Access::Read, ask, by);
  if (!used) return std::move(used).error();
  // A person's time at a question is not the drive's.
  return used->medium->readKeyFile(ask.asked() ? Deadline::in(read.timeout) : by);
}

Result<void> ReaderService::write(const reader::Write& write, ChannelAsk& ask) {
  if (!writable_) return Error{Code::Denied, "kmsd-media was started for reading only"};
  const auto by = Deadline::in(write.timeout);
  auto used = use(write.id, Access::Write, ask, by);
  if (!used) return std::move(used).error();
  return used->medium->writeKeyFile(write.text.bytes(), write.consent,
                                    ask.asked() ? Deadline::in(write.timeout) : by);
}

Result<void> ReaderService::serveEpoch(const reader::Frame& frame, ChannelAsk& ask) {
  const auto answer = [&](const Result<void>& done, const base::Bytes* sectors) -> Result<void> {
    if (ask.lost()) return *ask.lost();
    if (!done) return send(reader::encodeFailure(frame.request, reader::Type::Failed, done.error()));
    return send(sectors != nullptr ? reader::encodeEpoch(frame.request, *sectors)
                                   : reader::encodeWritten(frame.request));
  };
  if (frame.type == reader::Type::ReadEpoch) {
    const auto message = reader::parseReadEpoch(frame.body.bytes());
    if (!message) return message.error();
    const auto sectors = readEpoch(*message, ask);
    return sectors ? answer({}, &*sectors) : answer(sectors.error(), nullptr);
  }
  const auto message = reader::parseWriteEpoch(frame.body.bytes());
  if (!message) return message.error();
  return answer(writeEpoch(*message, ask), nullptr);
}

Result<base::Bytes> ReaderService::readEpoch(const reader::ReadEpoch& read, ChannelAsk& ask) {
  const auto by = Deadline::in(read.timeout);
  auto used = use(read.id, Access::Read, ask, by);
  if (!used) return std::move(used).error();
  auto* disk = dynamic_cast<EpochMedium*>(used->medium.get());
  if (disk == nullptr) return noEpoch();
  return disk->readEpoch(by);
}

Result<void> ReaderService::writeEpoch(const reader::WriteEpoch& write, ChannelAsk& ask) {
  if (!writable_ && !epoch_)
    return Error{Code::Denied, "kmsd-media was started without the right to write the state seen last"};
  const auto by = Deadline::in(write.timeout);
  auto used = use(write.id, Access::Write, ask, by);
  if (!used) return std::move(used).error();
  auto* disk = dynamic_cast<EpochMedium*>(used->medium.get());
  if (disk == nullptr) return noEpoch();
  return disk->writeEpoch(write.which, write.sector, by);
}

Result<ReaderStation*> ReaderService::stationOf(const MediumId& id, Deadline by) {
  const auto find = [&]() -> ReaderStation* {
    for (const auto& station : stations_)
      if (station->has(id)) return station.get();
    return nullptr;
  };
  if (ReaderStation* station = find()) return station;
  for (const auto& station : stations_)
    if (station->uri().starts_with(id.driver + ":")) station->look(by);
  if (ReaderStation* station = find()) return station;
  return Error{Code::NotFound, "there is no slot " + reader::cleanText(id.uri(), reader::kMaxSentence)};
}

Result<reader::Frame> ReaderService::next() {
  for (;;) {
    auto frame = channel_.receive(Deadline::in(std::chrono::milliseconds(200)));
    if (frame || frame.error().code != Code::Timeout) return frame;
    publish();  // a silent driver's first list may be due
    const auto late = Deadline::Steady::now() - options_.overrun;
    for (const auto& station : stations_)
      if (station->overdue(late)) return Error{Code::Timeout, station->uri() + " hangs"};
  }
}

Result<void> ReaderService::send(Result<SecretBuffer> frame) {
  if (!frame) return std::move(frame).error();
  const std::lock_guard lock(sendMutex_);
  return channel_.send(frame->bytes(), Deadline::in(kSend));
}

void ReaderService::watch(const std::stop_token& stop, ReaderStation& station) {
  while (!stop.stop_requested()) {
    station.look(Deadline::in(options_.lookTimeout));
    publish();
    // A wait that fails, or a driver that always says "look again", must not spin.
    const auto until = Deadline::in(options_.rescan);
    const auto changed = station.watched().waitForChange(until, stop);
    pause(changed ? kBreath : std::max(kBreath, std::min(until.remaining(), std::chrono::milliseconds(1000))),
          stop);
  }
}

void ReaderService::pause(std::chrono::milliseconds span, const std::stop_token& stop) {
  std::unique_lock lock(pauseMutex_);
  paused_.wait_for(lock, stop, span, [] { return false; });
}

std::vector<Slot> ReaderService::slots() const {
  constexpr std::size_t kRoom =
      reader::kMaxFrame - 16 * 1024;  // bytes; no slot takes as much as what is left
  std::vector<Slot> all;
  std::size_t size = 0;
  for (const auto& station : stations_) {
    Slot silent;
    silent.id = {station->uri().substr(0, station->uri().find(':')),
                 station->uri().substr(station->uri().find(':') + 1)};
    silent.error = Error{Code::Timeout, "has not answered yet"};
    for (Slot& slot : station->slots().value_or(std::vector<Slot>{silent})) {
      size += 64 + slot.id.slot.size() + slot.stamp.size() + (slot.error ? slot.error->what.size() : 0);
      if (size > kRoom || all.size() == reader::kMaxSlots) {
        all.back().error = Error{Code::Unavailable, "more media than can be watched; take some away"};
        return all;
      }
      all.push_back(std::move(slot));
    }
  }
  return all;
}

void ReaderService::publish() {
  const std::lock_guard lock(publishMutex_);
  const bool all = std::all_of(stations_.begin(), stations_.end(), [](const auto& s) { return s->slots(); });
  if (!all && !firstListBy_.expired()) return;
  auto frame = reader::encode(0, slots());
  if (!frame) return;  // no locked memory just now; the next look tells it
  const base::BytesView bytes = frame->bytes();
  if (std::equal(bytes.begin(), bytes.end(), told_.begin(), told_.end())) return;
  told_.assign(bytes.begin(), bytes.end());
  if (auto sent = send(std::move(frame)); !sent) channel_.shutdown();
}

}  // namespace hal
