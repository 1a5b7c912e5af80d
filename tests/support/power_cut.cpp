#include "tests/support/power_cut.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace tests {
namespace {

using Kind = DiskCall::Kind;
namespace fs = std::filesystem;

constexpr std::size_t kSector = 512;  // bytes: what a disk writes wholly or not at all

base::Bytes contentOf(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  const auto view = base::asBytes(text);
  return {view.begin(), view.end()};
}

bool changes(Kind kind) {
  return kind == Kind::Write || kind == Kind::Truncate || kind == Kind::Sync || kind == Kind::Delete;
}

bool coin(std::mt19937_64& dice) { return dice() % 2 == 0; }

}  // namespace

void PowerCut::cutAt(std::uint64_t n) {
  const std::lock_guard lock(mutex_);
  left_ = n;
}

bool PowerCut::isCut() const {
  const std::lock_guard lock(mutex_);
  return cut_;
}

void PowerCut::allSynced() {
  const std::lock_guard lock(mutex_);
  live_.clear();
  durable_.clear();
  directory_.clear();
}

int PowerCut::before(const DiskCall& call) {
  const std::lock_guard lock(mutex_);
  const int failed = call.kind == Kind::Open ? SQLITE_CANTOPEN : SQLITE_IOERR;
  if (cut_) return failed;
  if (left_ > 0 && changes(call.kind)) cut_ = --left_ == 0;
  if (call.kind == Kind::Open) open(call);
  const auto found = live_.find(std::string(call.file));
  if (found == live_.end()) return cut_ ? failed : SQLITE_OK;
  Inode& inode = *found->second;
  if (call.kind == Kind::Write) {
    const auto* bytes = static_cast<const std::byte*>(call.data);
    inode.pending.push_back({call.offset, {bytes, bytes + call.size}, -1});
  }
  if (call.kind == Kind::Truncate) inode.pending.push_back({0, {}, call.size});
  if (cut_) return failed;  // what was being written may be there; a sync did not end
  if (call.kind == Kind::Sync) {
    sync(inode);
    return kDone;  // the model is the disk, so the real one is spared
  }
  if (call.kind == Kind::Delete) {
    directory_.push_back({found->first, nullptr});
    live_.erase(found);
    if (call.flags != 0) syncDirectory();
  }
  return SQLITE_OK;
}

// A file that was there before is taken to be on the disk as it is.
void PowerCut::open(const DiskCall& call) {
  const std::string name(call.file);
  if (live_.contains(name)) return;
  auto inode = std::make_shared<Inode>();
  if (fs::exists(name)) {
    inode->durable = contentOf(name);
    durable_[name] = inode;
  } else if ((call.flags & SQLITE_OPEN_CREATE) == 0) {
    return;
  } else {
    directory_.push_back({name, inode});
  }
  live_[name] = inode;
}

void PowerCut::sync(Inode& inode) {
  for (const Change& change : inode.pending) apply(inode.durable, change);
  inode.pending.clear();
  // SQLite's unix VFS syncs the directory together with the first sync of a new log or journal.
  const bool isNew = std::any_of(directory_.begin(), directory_.end(),
                                 [&](const Renaming& renaming) { return renaming.inode.get() == &inode; });
  if (isNew) syncDirectory();
}

void PowerCut::syncDirectory() {
  directory_.clear();
  durable_ = live_;
}

void PowerCut::apply(base::Bytes& to, const Change& change) {
  if (change.truncate >= 0) {
    to.resize(static_cast<std::size_t>(change.truncate));
    return;
  }
  const auto end = static_cast<std::size_t>(change.offset) + change.data.size();
  if (to.size() < end) to.resize(end);
  std::copy(change.data.begin(), change.data.end(), to.begin() + change.offset);
}

// Which of a file's changes the disk brought to its surface.
void PowerCut::settle(Inode& inode, Unsynced unsynced, std::mt19937_64& dice) {
  const std::size_t torn = inode.pending.empty() ? 0 : dice() % inode.pending.size();
  for (std::size_t i = 0; i < inode.pending.size(); ++i) {
    Change& change = inode.pending[i];
    const bool tear = unsynced == Unsynced::OneTorn && i == torn && change.truncate < 0;
    if (tear && change.data.size() > kSector) {
      const std::size_t sectors = change.data.size() / kSector;
      change.data.resize(kSector * (1 + dice() % sectors));
    } else if (unsynced == Unsynced::Lost || !coin(dice)) {
      ++lost_;
      continue;
    }
    apply(inode.durable, change);
  }
  inode.pending.clear();
}

void PowerCut::restore(Unsynced unsynced, std::mt19937_64& dice) {
  const std::lock_guard lock(mutex_);
  for (const auto& [name, inode] : live_) {
    fs::remove(name);
    fs::remove(name + "-shm");
  }
  // The changes of a directory reach a disk in their order.
  const std::size_t kept =
      unsynced == Unsynced::Lost || directory_.empty() ? 0 : dice() % (directory_.size() + 1);
  for (std::size_t i = 0; i < kept; ++i) {
    if (directory_[i].inode) {
      durable_[directory_[i].name] = directory_[i].inode;
    } else {
      durable_.erase(directory_[i].name);
    }
  }
  lost_ += directory_.size() - kept;
  for (const auto& [name, inode] : durable_) {
    settle(*inode, unsynced, dice);
    std::ofstream out(name, std::ios::binary | std::ios::trunc);
    const auto text = base::asText(inode->durable);
    out.write(text.data(), static_cast<std::streamsize>(text.size()));
    out.close();
    EXPECT_TRUE(out.good()) << name;
    fs::permissions(name, fs::perms::owner_read | fs::perms::owner_write);
  }
  live_.clear();
  durable_.clear();
  directory_.clear();
  cut_ = false;
  left_ = 0;
}

}  // namespace tests
