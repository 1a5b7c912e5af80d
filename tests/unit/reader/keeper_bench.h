// A bench for the keeper: a reader whose slots a test fills and empties, a vault that knows one server's
// keys, and a record of what the keeper told.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>

#include "daemon/keeper.h"
#include "hal/base/shamir.h"
#include "hal/key_file.h"

namespace tests {

using Milliseconds = std::chrono::milliseconds;

inline base::Uuid uuid(char digit) {
  std::string text = "00000000-0000-4000-8000-000000000000";
  text.back() = digit;
  return *base::Uuid::parse(text);
}
inline const base::Uuid kServer = uuid('1');
inline const base::Uuid kMedium = uuid('a');
inline const base::Uuid kBackup = uuid('b');
inline const base::Uuid kSet = uuid('5');

inline base::MasterKey keyOf(char fill) {
  std::array<std::byte, base::MasterKey::kSize> bytes;
  bytes.fill(static_cast<std::byte>(fill));
  return *base::MasterKey::fromBytes(bytes);
}

// A key file's text, as a disk would hold it.
inline std::string disk(char key, std::optional<base::Uuid> medium = kMedium, base::Uuid server = kServer) {
  hal::KeyFile file{keyOf(key), std::nullopt, false, {}};
  if (medium) file.identity = hal::MediumIdentity{server, *medium, "label", {}};
  return std::string(hal::formatKeyFile(file)->text());
}

// Of the key of this fill, split 2/3 (or another threshold): the value of share `number`. Always the same.
inline base::MasterKey shareOf(std::uint8_t number, unsigned threshold = 2, char fill = 's') {
  class Fixed final : public base::Rng {
    void fill(std::span<std::byte> out) override {
      for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::byte>(i * 41 + 7);
    }
  } rng;
  const auto key = keyOf(fill);
  const auto shares = base::splitSecret(key.bytes(), threshold, 5, rng);
  return *base::MasterKey::fromBytes((*shares)[number - 1U].bytes().first<base::MasterKey::kSize>());
}

// Its disk.
inline std::string shareDisk(std::uint8_t number, base::MasterKey value, std::uint8_t threshold = 2,
                             base::Uuid set = kSet, base::Uuid server = kServer) {
  const hal::KeyFile file{std::move(value),
                          hal::MediumIdentity{server, set, "share", {}},
                          false,
                          {},
                          hal::KeyShare{number, threshold}};
  return std::string(hal::formatKeyFile(file)->text());
}
inline std::string shareDisk(std::uint8_t number, unsigned threshold = 2) {
  return shareDisk(number, shareOf(number, threshold), static_cast<std::uint8_t>(threshold));
}

// What the reader and the test share.
class Drives {
 public:
  using Content = std::variant<std::string, base::Error>;

  void insert(const std::string& slot, std::string text) { put(slot, std::move(text)); }
  void insert(const std::string& slot, base::Error error) { put(slot, std::move(error)); }
  void pull(const std::string& slot) {
    change([&] { at(slot).slot.present = false; });
  }
  void lose(const std::string& slot, std::optional<base::Error> why) {
    change([&] { at(slot).slot.error = std::move(why); });
  }
  // A slot goes and another comes, in one list.
  void replace(const std::string& gone, const std::string& slot, Content content) {
    change([&] {
      std::erase_if(drives_, [&](const Drive& drive) { return drive.slot.id.slot == gone; });
      Drive& drive = at(slot);
      drive.slot.present = !std::holds_alternative<base::Error>(content);
      if (!drive.slot.present) drive.slot.error = std::get<base::Error>(content);
      drive.slot.stamp = std::to_string(++stamps_);
      drive.content = std::move(content);
    });
  }
  // The same disk, told with another stamp.
  void restamp(const std::string& slot) {
    change([&] { at(slot).slot.stamp = std::to_string(++stamps_); });
  }
  // The disk has the two sectors of KMSEPOCH.BIN; writing them gives it another stamp, as an image has.
  void setAside(const std::string& slot, base::Bytes sectors) {
    const std::lock_guard lock(mutex_);
    at(slot).sectors = std::move(sectors);
  }
  base::Bytes sectors(const std::string& slot) {
    const std::lock_guard lock(mutex_);
    return at(slot).sectors;
  }
  void drop() {
    if (events.restarted) events.restarted("kmsd-media was lost");
  }
  void tell() {
    change([] {});
  }
  unsigned reads() const { return reads_; }
  // Each read takes until then. Set before start().
  std::function<void()> readTakes;

  std::optional<base::Error> writeFails;  // of the sectors. Set before start().

  kmsd::ReaderClient::Events events;

 private:
  friend class BenchReader;
  struct Drive {
    hal::Slot slot;
    Content content;
    base::Bytes sectors{};
  };

  Drive& at(const std::string& slot) {
    for (Drive& drive : drives_)
      if (drive.slot.id.slot == slot) return drive;
    drives_.push_back({{{"mock", slot}, false, false, {}, {}}, {}});
    return drives_.back();
  }
  void put(const std::string& slot, Content content) {
    change([&] {
      Drive& drive = at(slot);
      drive.content = std::move(content);
      drive.slot.present = true;
      drive.slot.stamp = std::to_string(++stamps_);
    });
  }
  template <class Change>
  void change(Change make) {
    std::vector<hal::Slot> slots;
    {
      const std::lock_guard lock(mutex_);
      make();
      for (const Drive& drive : drives_) slots.push_back(drive.slot);
    }
    if (events.slotsChanged) events.slotsChanged(slots);
  }

  std::mutex mutex_;
  std::vector<Drive> drives_;
  unsigned stamps_ = 0;
  std::atomic<unsigned> reads_ = 0;
};

class BenchReader final : public kmsd::ReaderClient {
 public:
  explicit BenchReader(Drives& drives) : drives_(drives) {}
  base::Result<base::SecretBuffer> read(const hal::MediumId& id) override {
    ++drives_.reads_;
    if (drives_.readTakes) drives_.readTakes();
    const std::lock_guard lock(drives_.mutex_);
    const auto& content = drives_.at(id.slot).content;
    if (const auto* error = std::get_if<base::Error>(&content)) return *error;
    return base::SecretBuffer::copyOf(base::asBytes(std::get<std::string>(content)));
  }
  base::Result<std::vector<hal::Slot>> scan() override {
    const std::lock_guard lock(drives_.mutex_);
    std::vector<hal::Slot> slots;
    for (const auto& drive : drives_.drives_) slots.push_back(drive.slot);
    return slots;
  }
  base::Result<base::Bytes> readEpoch(const hal::MediumId& id) override {
    auto sectors = drives_.sectors(id.slot);
    if (sectors.empty()) return ReaderClient::readEpoch(id);
    return sectors;
  }
  base::Result<void> writeEpoch(const hal::MediumId& id, unsigned which, base::BytesView sector) override {
    if (drives_.writeFails) return *drives_.writeFails;
    drives_.change([&] {
      auto& drive = drives_.at(id.slot);
      std::ranges::copy(sector, drive.sectors.begin() + which * static_cast<unsigned>(sector.size()));
      drive.slot.stamp = std::to_string(++drives_.stamps_);
    });
    return {};
  }
  base::Result<void> write(const hal::MediumId&, base::BytesView, hal::Overwrite) override { return {}; }
  std::vector<kmsd::DriverDescription> drivers() const override { return {}; }
  void stop() override {}

 private:
  Drives& drives_;
};

class KeeperBench : public ::testing::Test {
 protected:
  void TearDown() override {
    if (keeper) keeper->stop();
  }

  // `list`: the reader tells its first list at once.
  void start(std::optional<base::Error> fault = std::nullopt, bool list = true) {
    kmsd::Keeper::Events events;
    events.stateChanged = [this](const kmsd::ServerStatus& s) { say([&] { states.push_back(s); }); };
    events.mediumMoved = [this](const hal::Slot& slot, bool in) {
      say([&] { moves.push_back((in ? "+" : "-") + slot.id.slot); });
    };
    events.mediumRefused = [this](const std::string& uri, const base::Error& why) {
      say([&] { refusals.emplace_back(uri, why); });
    };
    events.note = [this](std::string what) { say([&] { notes.push_back(std::move(what)); }); };
    std::optional<kmsd::VaultPort> port;
    if (!fault)
      port = kmsd::VaultPort{[this](kms::KeyOffer offer) { return unseal(offer); },
                             [this](const kms::KeyOffer& offer) { return check(offer); },
                             [this] { open = false; }, [this] { return !open; }, verifyAudit};
    if (port) port->brokenAudit = brokenAudit;
    if (port && adapt) adapt(*port);
    if (port) port->shareSets = [this] { return base::Result<std::vector<kms::ShareSet>>(sets); };
    options.server = kServer;
    options.reader.uris = {"mock:A", "mock:B"};
    keeper = std::make_unique<kmsd::Keeper>(
        options, port,
        [this](const kmsd::ReaderOptions&, kmsd::ReaderClient::Events reader) {
          drives.events = std::move(reader);
          return base::Result<std::unique_ptr<kmsd::ReaderClient>>(std::make_unique<BenchReader>(drives));
        },
        fault, base::systemClock(), events);
    ASSERT_TRUE(keeper->start());
    if (list) drives.tell();
  }

  // Waits for what the keeper tells; false after 20 s.
  template <class Predicate>
  bool await(Predicate predicate) {
    std::unique_lock lock(mutex_);
    return told_.wait_for(lock, std::chrono::seconds(20), predicate);
  }
  bool awaitReason(base::Reason reason) {
    return await([&] { return !states.empty() && states.back().sealed && states.back().reason == reason; });
  }
  bool awaitOpen() {
    return await([&] { return !states.empty() && !states.back().sealed; });
  }
  // Everything given to the keeper before this has been worked on: a command comes back.
  void settle() {
    kmsd::UnsealRequest request;
    request.pwd = *base::SecretBuffer::copyOf(base::asBytes("no key"));
    EXPECT_FALSE(keeper->unseal(std::move(request)));
  }

  base::Result<base::Uuid> check(const kms::KeyOffer& offer) {
    ++checks;
    if (databaseDamaged)
      return base::Error{base::Code::Corrupt, "the database is damaged", base::Reason::DatabaseCorrupt};
    if (offer.id && offer.id->server != kServer)
      return base::Error{base::Code::NotMine, "another server's", base::Reason::Foreign};
    const auto fill = std::to_integer<char>(offer.key.bytes()[0]);
    if (fill == 'k' && (!offer.id || offer.id->medium == kMedium)) return kMedium;
    if (fill == 'b' && (!offer.id || offer.id->medium == kBackup)) return kBackup;
    const auto whole = keyOf('s');
    if (offer.id && offer.id->medium == kSet && base::equalConstantTime(offer.key.bytes(), whole.bytes())) {
      if (splitNeedsPassphrase && offer.passphrase && offer.passphrase->text() != "words")
        return base::Error{base::Code::Denied, "the passphrase is wrong", base::Reason::KeyMismatch};
      if (!splitNeedsPassphrase || offer.passphrase) return kSet;
      return base::Error{base::Code::Denied, "a passphrase is needed", base::Reason::PassphraseNeeded};
    }
    if (fill == 'p' && !offer.passphrase)
      return base::Error{base::Code::Denied, "a passphrase is needed", base::Reason::PassphraseNeeded};
    if (fill == 'p') return kMedium;
    return base::Error{base::Code::Denied, "the key does not open this database", base::Reason::KeyMismatch};
  }
  base::Result<base::Uuid> unseal(const kms::KeyOffer& offer) {
    if (open) return base::Error{base::Code::Conflict, "open already"};
    const int inside = ++unsealing;
    most = std::max<int>(most, inside);
    auto medium = check(offer);
    if (cutShort)
      medium = base::Error{base::Code::Unavailable, "sealed meanwhile", base::Reason::SealedByCommand};
    if (medium) {
      ++opened;
      open = true;
    }
    --unsealing;
    return medium;
  }

  kmsd::KeeperOptions options = [] {
    kmsd::KeeperOptions o;
    o.refusalDelayFirst = Milliseconds(1);
    o.refusalDelayMost = Milliseconds(4);
    o.outOfSight = Milliseconds(100);
    return o;
  }();
  // Of the vault's port; set before start().
  std::function<base::Result<void>(const std::string&, const std::function<void()>&)> verifyAudit;
  std::function<std::optional<base::Error>()> brokenAudit;
  std::function<void(kmsd::VaultPort&)> adapt;
  std::vector<kms::ShareSet> sets;  // before start()
  bool splitNeedsPassphrase = false;
  Drives drives;
  std::atomic<bool> open = false;
  std::atomic<bool> databaseDamaged = false;
  std::atomic<bool> cutShort = false;
  std::atomic<int> checks = 0;
  std::atomic<int> opened = 0;
  std::atomic<int> unsealing = 0;
  std::atomic<int> most = 0;
  std::vector<kmsd::ServerStatus> states;
  std::vector<std::string> moves;
  std::vector<std::pair<std::string, base::Error>> refusals;
  std::vector<std::string> notes;
  std::unique_ptr<kmsd::Keeper> keeper;

 private:
  template <class Say>
  void say(Say what) {
    const std::lock_guard lock(mutex_);
    what();
    told_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable told_;
};

}  // namespace tests
