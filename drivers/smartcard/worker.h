// Workers: calls into PC/SC block for as long as a card or another program likes, so they run on a thread of
// their own, and whoever asked leaves at the deadline. A job that was left behind goes on alone: it owns all
// it uses, sends nothing more to the card once its deadline has passed, and its result is wiped unseen.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "drivers/smartcard/pcsc_session.h"
#include "hal/base/clock.h"

namespace drivers::smartcard {

class Worker {
 public:
  using Job = std::function<void(PcscSession&)>;

  explicit Worker(std::unique_ptr<PcscSession> session);
  ~Worker();  // waits for a job that goes on, unless it was left behind

  // False where the job was not done at the deadline: it is left behind, and this worker takes no other.
  bool run(Job job, base::Deadline by);
  bool idle() const;

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<Job> job;
    bool busy = false;
    bool quit = false;
    std::unique_ptr<PcscSession> session;
  };
  static void work(const std::shared_ptr<State>& state);

  std::shared_ptr<State> state_;
  std::thread thread_;
};

// One thread at a time uses it.
class Workers {
 public:
  static constexpr std::size_t kMostHanging = 4;

  Workers(MakePcscPort make, std::shared_ptr<ReaderBook> book)
      : make_(std::move(make)), book_(std::move(book)) {}

  // Runs `job`, which must own all it uses. Errors: Timeout; Unavailable / MediumBusy (too many jobs were
  // left behind); what the job tells.
  template <class T>
  base::Result<T> run(std::function<base::Result<T>(PcscSession&)> job, base::Deadline by) {
    auto result = std::make_shared<std::optional<base::Result<T>>>();
    const bool done =
        give([job = std::move(job), result](PcscSession& session) { result->emplace(job(session)); }, by);
    if (done) return std::move(**result);
    return late();
  }

 private:
  bool give(Worker::Job job, base::Deadline by);
  base::Error late() const;

  const MakePcscPort make_;
  const std::shared_ptr<ReaderBook> book_;
  std::unique_ptr<Worker> current_;
  std::vector<std::unique_ptr<Worker>> hanging_;
};

}  // namespace drivers::smartcard
