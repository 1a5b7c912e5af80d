// The keeper's inside. Callers leave work in an inbox; one thread takes it out and owns all state but what
// status() and media() show.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <thread>
#include <variant>

#include "daemon/keeper.h"
#include "daemon/keeper_book.h"
#include "daemon/keeper_delays.h"

namespace kmsd {

class Keeper::Impl {
 public:
  using Moment = RefusalDelays::Moment;

  Impl(KeeperOptions options, std::optional<VaultPort> vault, StartReader startReader,
       std::optional<base::Error> fault, const base::Clock& clock, Events events);
  ~Impl() { stop(); }

  base::Result<void> start();
  void stop();
  ServerStatus status() const;
  bool sealed() const noexcept { return shownSealed_.load(std::memory_order_acquire); }
  std::vector<MediumReport> media() const;
  void seal(const std::string& by);
  void lookAtAudit();
  void ask(std::function<void()> answer);
  base::Result<void> unseal(UnsealRequest request);

 private:
  struct SealCommand {
    std::string by;
    std::promise<void> done;
  };
  struct UnsealCommand {
    UnsealRequest request;
    std::promise<base::Result<void>> done;
  };
  using Command = std::variant<SealCommand, UnsealCommand>;
  struct Inbox {
    bool stop = false;
    std::optional<std::string> restarted;  // why
    bool afterRestart = false;             // `slots` are the first of a new child
    std::optional<std::vector<hal::Slot>> slots;
    std::deque<Command> commands;
    std::vector<std::function<void()>> asked;
    bool audit = false;  // may be broken
  };
  // The medium that opened the server, under Seal and Grace.
  struct Watch {
    hal::MediumId id;
    std::string stamp;
    std::optional<Moment> lostSince;  // out of sight
    std::optional<Moment> sealAt;     // removed; the grace ends then
  };

  // The thread (keeper.cpp).
  void run();
  Inbox nextWork();
  void answerAsked();
  void handle(Inbox work);
  void take(std::vector<hal::Slot> slots, bool afterRestart);
  // What is in the slots is not known: no list yet, or none taken of a new child.
  bool blind() const;
  void obey(Command command);
  std::optional<Moment> wakeAt();

  // Opening (keeper_open.cpp).
  void tryNext();
  base::Result<void> obeyUnseal(UnsealRequest request);
  base::Result<void> unsealTyped(UnsealRequest request);
  base::Result<void> unsealInserted(UnsealRequest request);
  // Reads and offers what is in the slot. The error is not yet noted. `order`: what the administrator who
  // asks for it says of PINs; null: nobody asks.
  base::Result<base::Uuid> attempt(SlotRecord& record, const UnsealRequest& request, PinOrder* order);
  base::Result<base::SecretBuffer> readAsked(const hal::MediumId& id, PinOrder* order);
  // Opens the vault and verifies the audit log; where that is broken, the vault is sealed again.
  base::Result<base::Uuid> openVault(kms::KeyOffer offer, const std::string& acceptedBy);
  base::Result<kms::KeyOffer> readOffer(SlotRecord& record,
                                        const std::optional<base::SecretBuffer>& passphrase, PinOrder* order);
  void refused(SlotRecord& record, base::Error why);
  void opened(const base::Uuid& medium, SlotRecord* record);
  Moment notBefore(const SlotRecord& record) const;
  bool wanted(const SlotRecord& record) const;

  // Closing (keeper_close.cpp).
  void closeIfAuditBroken();
  void close(base::Reason why, const hal::MediumId* except);
  void followPolicy();
  void removed(SlotRecord* record);
  // True where what is in the slot opens this server with the same medium's key.
  bool isTheOpener(SlotRecord& record);

  // Showing (keeper_show.cpp).
  void refresh();
  ServerStatus describe();
  std::string awaited() const;
  void note(std::string what);
  MediumReport report(const SlotRecord& record) const;

  const KeeperOptions options_;
  const std::optional<VaultPort> vault_;
  const StartReader startReader_;
  const base::Clock& clock_;
  const Events events_;

  mutable std::mutex mutex_;  // of what follows, to the next gap
  std::condition_variable wake_;
  Inbox inbox_;
  bool running_ = false;
  bool restartPending_ = false;  // a child was lost, and the next has not told of its slots
  ServerStatus shown_;
  std::vector<MediumReport> reports_;
  std::atomic<bool> shownSealed_{true};  // of shown_; each request asks it

  std::optional<base::Error> fault_;
  std::optional<base::Error> unwritable_;  // the last opening failed by the disk of the audit log
  MediaBook book_;
  bool listed_ = false;  // the first list was taken
  RefusalDelays delays_;
  bool open_ = false;
  std::optional<base::Uuid> opener_;
  std::string openedFrom_;
  std::string by_;  // who commanded the state; empty: nobody
  std::optional<Watch> watch_;
  base::Reason base_ = base::Reason::AwaitingMedium;  // why it is sealed where no medium was refused
  unsigned long refusals_ = 0;
  bool restartNoted_ = false;
  bool told_ = false;  // the first state was told

  PinDesk pins_;
  std::unique_ptr<ReaderClient> reader_;
  std::jthread thread_;
};

}  // namespace kmsd
