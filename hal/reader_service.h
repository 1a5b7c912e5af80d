// ReaderService: kmsd-media's side of hal/reader_protocol.h. One watcher thread a medium URI tells of changed
// slots; requests are served by the thread that calls run(). It never sees more than media: a key text is
// read, sent and wiped.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "hal/reader_channel.h"
#include "hal/reader_station.h"
#include "hal/registry.h"

namespace hal {

struct ReaderServiceOptions {
  bool writable = false;                 // may be opened for writing; else Open with `writable` is refused
  bool epoch = false;                    // and so is one with `epoch`, unless this or `writable`
  std::optional<base::Error> refusal{};  // why nothing can be served: the answer to Open
  std::chrono::milliseconds lookTimeout{10'000};  // for one scan by a watcher
  std::chrono::milliseconds rescan{5'000};        // looked at again even if nothing was heard
  std::chrono::milliseconds firstList{3'000};     // a driver not done by then is told of as silent
  std::chrono::milliseconds overrun{2'000};       // a use this long past its deadline ends the service
};

class ReaderService {
 public:
  ReaderService(base::Fd socket, const Registry& registry, ReaderServiceOptions options = {});
  ~ReaderService();  // waits for the watchers
  ReaderService(const ReaderService&) = delete;
  ReaderService& operator=(const ReaderService&) = delete;

  // Serves until the other side ends. Errors: Corrupt (it does not speak the protocol); Timeout (a driver
  // hangs: the process is of no more use and should exit without waiting for its threads); Io; Invalid or
  // Denied (Refused was sent).
  base::Result<void> run();

 private:
  class ChannelAsk;

  base::Result<void> greet();
  base::Result<void> openStations(const reader::Open& open);
  base::Result<void> serve(const reader::Frame& frame);
  // Those about KMSEPOCH.BIN. REQUIRES: the frame is one.
  base::Result<void> serveEpoch(const reader::Frame& frame, ChannelAsk& ask);
  base::Result<void> scan(std::uint32_t request, const reader::Scan& scan);
  // A medium, and the right to use its driver, which goes after it.
  struct Used {
    ReaderStation::Turn turn;
    std::unique_ptr<Medium> medium;
  };
  base::Result<Used> use(const MediumId& id, Access access, ChannelAsk& ask, base::Deadline by);
  base::Result<base::SecretBuffer> read(const reader::Read& read, ChannelAsk& ask);
  base::Result<void> write(const reader::Write& write, ChannelAsk& ask);
  base::Result<base::Bytes> readEpoch(const reader::ReadEpoch& read, ChannelAsk& ask);
  base::Result<void> writeEpoch(const reader::WriteEpoch& write, ChannelAsk& ask);
  // The next frame; looks after hanging drivers meanwhile.
  base::Result<reader::Frame> next();
  base::Result<void> send(base::Result<base::SecretBuffer> frame);
  base::Result<ReaderStation*> stationOf(const MediumId& id, base::Deadline by);

  void watch(const std::stop_token& stop, ReaderStation& station);
  void pause(std::chrono::milliseconds span, const std::stop_token& stop);
  std::vector<Slot> slots() const;
  // Tells of the slots where they differ from what was told last.
  void publish();

  ReaderChannel channel_;
  const Registry& registry_;
  const ReaderServiceOptions options_;
  bool writable_ = false;
  bool epoch_ = false;  // writable, but for the two sectors only
  std::vector<std::unique_ptr<ReaderStation>> stations_;
  base::Deadline firstListBy_;

  std::mutex sendMutex_;
  std::mutex publishMutex_;
  base::Bytes told_;  // the last list, as sent
  std::mutex pauseMutex_;
  std::condition_variable_any paused_;
  std::vector<std::jthread> watchers_;
};

}  // namespace hal
