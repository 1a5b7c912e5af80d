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

inline constexpr const char* kTyped = "the typed key";

// Who goes on although the audit log is broken; empty: nobody.
inline std::string acceptedBy(const UnsealRequest& request) {
  return request.acceptBrokenAudit ? request.by : std::string();
}
base::Result<std::optional<base::SecretBuffer>> copyOf(const std::optional<base::SecretBuffer>& secret);

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
  void loseDatabase(base::Error why);
  std::optional<base::Error> lostDatabase() const;
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
    bool audit = false;               // may be broken
    std::optional<base::Error> lost;  // the database is damaged
  };
  // What tells the medium that opened from others, where it does not open alone: a share, which without the
  // others says nothing of the key, or a key that opens with a passphrase only. Kept under Grace.
  struct Mark {
    std::uint8_t share = 0;  // the number; 0: a whole key
    base::SecretBuffer value;
  };
  struct Place {
    hal::MediumId id;
    std::string stamp;
    std::optional<Moment> lostSince;  // out of sight
  };
  // The medium that opened the server, under Seal and Grace. Of shares: under Seal each that was needed,
  // under Grace the last one read.
  struct Watch {
    std::vector<Place> places;
    std::optional<Moment> sealAt;  // removed; the grace ends then
    std::optional<Mark> mark;
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
  base::Result<void> unsealDesk(const UnsealRequest& request);
  // Reads and offers what is in the slot. The error is not yet noted. `order`: what the administrator who
  // asks for it says of PINs; null: nobody asks.
  base::Result<base::Uuid> attempt(SlotRecord& record, const UnsealRequest& request, PinOrder* order);
  base::Result<base::SecretBuffer> readAsked(const hal::MediumId& id, PinOrder* order);
  // Opens the vault and verifies the audit log; where that is broken, the vault is sealed again.
  base::Result<base::Uuid> openVault(kms::KeyOffer offer, const std::string& acceptedBy);
  // Who goes on with the older state of a backup; empty: nobody.
  std::string olderBy() const;
  base::Result<hal::KeyFile> readKey(SlotRecord& record, PinOrder* order);
  base::Error foreign(const base::Uuid& theirs) const;
  void refused(SlotRecord& record, base::Error why);
  void opened(const base::Uuid& medium, SlotRecord* record);
  Moment notBefore(const SlotRecord& record) const;
  bool wanted(const SlotRecord& record) const;
  void watch(SlotRecord* record);

  // Opening by shares (keeper_shares.cpp).
  // Takes a share, and tries what it makes with those that were read before. `record` null: it was typed.
  // Errors: Unavailable / SharesNeeded; as the vault's.
  base::Result<base::Uuid> attemptShare(SlotRecord* record, hal::KeyFile file, const UnsealRequest& request);
  // What is on the desk already; `with`: only keys with this share in them.
  base::Result<base::Uuid> openShares(const std::vector<kms::ShareSet>& sets, std::optional<std::size_t> with,
                                      const UnsealRequest& request);
  base::Result<base::Uuid> tryShares(const kms::ShareSet& set, std::optional<std::size_t> with,
                                     const UnsealRequest& request);
  base::Result<std::vector<kms::ShareSet>> setsFor(const std::optional<base::Uuid>& id) const;
  void tellWrong(const kms::ShareSet& set, const std::vector<std::size_t>& right);
  // Other shares of the set that are in a slot and not on the desk are read, too.
  void callOthers(const SlotRecord& record);
  void markOpener(const hal::KeyFile& file, bool passphrase);
  bool interrupted() const;
  void forgetShares(const std::string& why);
  // "1 of 2 shares read ..."; empty where none is.
  std::string progress() const;

  // What the medium itself knows (keeper_epoch.cpp); nothing is done without --medium-epoch.
  // Reads what is noted on it, before its key is tried; and gives that to the vault.
  void askMedium(const SlotRecord& record);
  void tellMedium();
  // Writes the state onto the medium that has just opened the vault. What keeps it from that is told.
  void noteOnMedium(SlotRecord& record, const base::Uuid& medium);
  void noteNowhere();
  base::Result<void> writeMedium(SlotRecord& record, const base::Uuid& medium);
  void followStamp(SlotRecord& record, unsigned which, base::BytesView sector);

  // Closing (keeper_close.cpp).
  void closeIfAuditBroken();
  void closeForGood(base::Error why);
  void close(base::Reason why, const hal::MediumId* except);
  void followPolicy();
  bool gone(Place& place);
  void removed(const Place& place);
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
  bool lost_ = false;  // fault_ is that of a damaged database, which is not tried any more
  std::optional<base::Error> unwritable_;  // the last opening failed by the disk of the audit log
  MediaBook book_;
  bool listed_ = false;  // the first list was taken
  RefusalDelays delays_;
  bool open_ = false;
  std::optional<base::Uuid> opener_;
  std::string openedFrom_;
  std::string by_;       // who commanded the state; empty: nobody
  std::string olderBy_;  // of the command that is obeyed now
  std::optional<Watch> watch_;
  kms::ShareDesk desk_;
  struct Collected {
    kms::ShareSet set;  // that the last share was for
    base::Reason end;   // SharesNeeded; where enough are there: KeyMismatch, PassphraseNeeded
  };
  std::optional<Collected> collected_;
  Moment sharesUntil_{};                              // when those on the desk are forgotten
  std::vector<kms::ShareDesk::Named> joined_;         // the shares that opened
  std::optional<Mark> mark_;                          // of what is being tried
  base::Reason base_ = base::Reason::AwaitingMedium;  // why it is sealed where no medium was refused
  std::optional<base::Result<base::Bytes>> said_;     // by the medium that is tried now; none: not asked
  std::string noted_;                                 // the medium written last; empty: none yet
  std::string epochNote_;                             // for the status
  unsigned long refusals_ = 0;
  bool restartNoted_ = false;
  bool told_ = false;  // the first state was told

  PinDesk pins_;
  std::unique_ptr<ReaderClient> reader_;
  std::jthread thread_;
};

}  // namespace kmsd
