#include "daemon/live_backup.h"

#include <system_error>

#include "kms/audit/audit.h"
#include "kms/backup/snapshot.h"
#include "kms/keys/open_keys.h"

namespace kmsd {
namespace {

using base::Error;
using base::Result;

// The place of the one backup that is being made.
class Place {
 public:
  explicit Place(std::shared_ptr<std::atomic<bool>> busy) : busy_(std::move(busy)) {
    taken_ = !busy_->exchange(true);
  }
  Place(Place&& other) noexcept : busy_(std::move(other.busy_)), taken_(std::exchange(other.taken_, false)) {}
  Place& operator=(Place&&) = delete;
  ~Place() {
    if (taken_) *busy_ = false;
  }
  bool taken() const noexcept { return taken_; }

 private:
  std::shared_ptr<std::atomic<bool>> busy_;
  bool taken_ = false;
};

// What goes when it has been sent.
struct Made {
  Place place;  // goes last
  std::unique_ptr<kms::backup::Snapshot> snapshot;
};

class SnapshotBody final : public http::BodySource {
 public:
  SnapshotBody(Place place, std::unique_ptr<kms::backup::Snapshot> snapshot, std::shared_ptr<Aside> aside)
      : made_(std::make_shared<Made>(std::move(place), std::move(snapshot))), aside_(std::move(aside)) {}
  ~SnapshotBody() override {
    aside_->run([made = std::move(made_)]() mutable { made.reset(); });
  }
  std::uint64_t size() const override { return made_->snapshot->source().size(); }
  Result<std::size_t> read(std::span<std::byte> out) override { return made_->snapshot->source().read(out); }

 private:
  std::shared_ptr<Made> made_;
  const std::shared_ptr<Aside> aside_;
};

}  // namespace

Aside::~Aside() {
  if (thread_.joinable()) thread_.join();
}

void Aside::run(std::function<void()> work) {
  const std::lock_guard lock(mutex_);
  if (thread_.joinable()) thread_.join();
  try {
    thread_ = std::thread(work);
  } catch (const std::system_error&) {  // no thread is to be had
    work();
  }
}

LiveBackup::LiveBackup(kms::Store& store, kms::Store& gated, const kms::Vault& vault, const DataDir& dir,
                       const ServerHeader& header, const base::Clock& clock)
    : store_(store), gated_(gated), vault_(vault), dir_(dir), header_(header), clock_(clock) {
  kms::backup::clearSpool(dir.spool());  // of a server that was killed
}

Result<std::shared_ptr<http::BodySource>> LiveBackup::make(const std::string& by,
                                                           const std::atomic<bool>& stop) {
  Place place(busy_);
  if (!place.taken())
    return Error{base::Code::Conflict, "a backup is being made already; try again when it is there"};
  const base::Time now = clock_.now();
  auto recorded = gated_.writeAndWait([&](kms::Txn& txn) {
    return kms::record(txn, now, {kms::Event::BackupMade, by, header_.server.text(), "live"});
  });
  if (!recorded) return std::move(recorded).error();
  const kms::backup::Sign sign = [this](base::BytesView message) -> Result<kms::backup::Hash> {
    auto keys = vault_.hold();
    if (!keys) return std::move(keys).error();
    return (*keys)->backupMac(message);
  };
  const kms::backup::Subject subject{header_.server, header_.organisation, header_.created, dir_.audit(),
                                     dir_.spool()};
  auto snapshot = kms::backup::Snapshot::take(store_, subject, kms::backup::Kind::Live, now, sign, stop);
  if (!snapshot) return std::move(snapshot).error();
  return std::shared_ptr<http::BodySource>(
      std::make_shared<SnapshotBody>(std::move(place), *std::move(snapshot), aside_));
}

}  // namespace kmsd
