// The reader client's inside: callers wait in `call`, one thread owns the child and its socket.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "daemon/reader_client.h"
#include "daemon/reader_client_child.h"
#include "hal/reader_channel.h"

namespace kmsd {

class ReaderClientImpl final : public ReaderClient {
 public:
  ReaderClientImpl(ReaderOptions options, Events events, std::string program, base::Fd wake);
  ~ReaderClientImpl() override { stop(); }

  // Starts the thread; returns when the child is ready or has refused.
  base::Result<void> begin();

  base::Result<base::SecretBuffer> read(const hal::MediumId& id) override;
  base::Result<std::vector<hal::Slot>> scan() override;
  base::Result<void> write(const hal::MediumId& id, base::BytesView text, hal::Overwrite consent) override;
  base::Result<base::Bytes> readEpoch(const hal::MediumId& id) override;
  base::Result<void> writeEpoch(const hal::MediumId& id, unsigned which, base::BytesView sector) override;
  std::vector<DriverDescription> drivers() const override;
  void stop() override;

 private:
  // A request on its way. At most one is in flight, so the child's queue is empty when its deadline begins.
  struct Call {
    base::SecretBuffer frame;
    std::uint32_t request = 0;
    hal::reader::Type expected{};
    std::string what;  // for messages: "reading floppy:A:"
    std::chrono::milliseconds budget{};
    base::Deadline due = base::Deadline::in({});
    bool sent = false;
    bool done = false;
    int questions = 0;  // so far
    std::optional<hal::reader::Frame> reply;
    std::optional<base::Error> failure;
    std::optional<hal::reader::Question> question;
    std::optional<base::SecretBuffer> answer;  // a frame to send
  };

  using MakeFrame = std::function<base::Result<base::SecretBuffer>(std::uint32_t request)>;
  // `timeout` is what the frame allows the child.
  base::Result<hal::reader::Frame> call(hal::reader::Type expected, std::string what,
                                        std::chrono::milliseconds timeout, const MakeFrame& make);
  base::Result<base::SecretBuffer> answerTo(const hal::reader::Question& question, std::uint32_t request);
  void wakeThread();

  // All below: the thread.
  void run();
  base::Error session();  // from start to loss; gives the reason
  base::Result<void> greet(hal::ReaderChannel& channel);
  base::Result<void> pump(hal::ReaderChannel& channel);  // one turn
  base::Result<void> handle(hal::reader::Frame frame);
  base::Result<void> sendPending(hal::ReaderChannel& channel);
  base::Result<void> checkDues(const hal::ReaderChannel& channel);
  base::Result<void> countUnasked();
  base::Result<void> takePong(const hal::reader::Frame& frame);
  // Asks a silent child whether it lives, and gives up one that does not answer.
  base::Result<void> keepPulse(hal::ReaderChannel& channel);
  void heard();                          // the child has just shown that it lives
  void wait(int fd, base::Deadline by);  // until readable, woken or late
  void rest(std::chrono::milliseconds span);
  void started(base::Result<void> how);
  void lose(const base::Error& why);

  const ReaderOptions options_;
  const Events events_;
  const std::string program_;
  const base::Fd wake_;  // an eventfd

  std::mutex callers_;  // held through a call: one at a time
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  Call* call_ = nullptr;
  std::uint32_t lastRequest_ = 0;
  std::vector<DriverDescription> drivers_;
  std::optional<base::Result<void>> started_;

  base::Deadline unaskedUntil_ = base::Deadline::in({});  // the second in which unasked lists are counted
  int unasked_ = 0;
  base::Deadline pulseBy_ = base::Deadline::in({});  // the child's silence ends before, or is acted on
  bool pinged_ = false;                              // since it was heard last
  bool pongOwed_ = false;                            // at most one Ping is on its way
  std::jthread thread_;
};

}  // namespace kmsd
