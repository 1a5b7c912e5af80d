#include "daemon/publication.h"

#include "daemon/log.h"
#include "hal/base/file.h"

namespace kmsd {
namespace {

constexpr mode_t kMode = 0644;
constexpr const char* kDelta = "delta-crl.der";

// Makes a folder where there is none. Others are to read what lies in it, whatever the umask is.
void makeReadable(const std::filesystem::path& folder) {
  using std::filesystem::perms;
  constexpr auto kAll =
      perms::owner_all | perms::group_read | perms::group_exec | perms::others_read | perms::others_exec;
  std::error_code failed;  // what is written into it will fail, and say so
  if (std::filesystem::create_directories(folder, failed)) std::filesystem::permissions(folder, kAll, failed);
}

}  // namespace

Publication::Publication(kms::pki::StatusService& status, std::filesystem::path directory,
                         std::chrono::milliseconds retry)
    : status_(status),
      directory_(std::move(directory)),
      retry_(retry),
      thread_([this](const std::stop_token& stop) { run(stop); }) {
  status_.onPublished([this] { look(); });
}

Publication::~Publication() { status_.onPublished({}); }

void Publication::look() {
  const std::lock_guard lock(mutex_);
  due_ = true;
  wake_.notify_all();
}

std::optional<std::string> Publication::fault() const {
  const std::lock_guard lock(mutex_);
  return fault_;
}

void Publication::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    due_ = false;
    lock.unlock();
    auto written = base::Result<void>();
    try {
      written = write();
    } catch (const std::bad_alloc&) {  // lists may be large
      written = base::Error{base::Code::Unavailable, "out of memory"};
    }
    tell(written);
    lock.lock();
    if (written) {
      wake_.wait(lock, stop, [this] { return due_; });
    } else {
      wake_.wait_for(lock, stop, retry_, [] { return false; });
    }
  }
}

// Remembers what it has written, file by file: the next time only the rest is tried.
base::Result<void> Publication::write() {
  auto all = status_.published();
  if (all.empty()) return {};
  const std::int64_t current = all.front().number;
  std::vector<std::int64_t> numbers;
  for (const auto& one : all) numbers.push_back(one.number);
  if (auto done = writeAuthorities(std::move(all)); !done) return done;
  for (const std::int64_t number : numbers)
    if (auto done = writeLists(number, number == current); !done) return done;
  auto lists = status_.fullLists();
  if (lists.empty() || lists == inPem_) return {};
  std::string text;
  for (const List& list : lists) text += kms::pki::pem("X509 CRL", list->der);
  if (auto done = put("crl.pem", base::asBytes(text)); !done) return done;
  inPem_ = std::move(lists);
  return {};
}

base::Result<void> Publication::writeAuthorities(std::vector<kms::pki::PublishedAuthority> all) {
  if (all == authorities_) return {};
  for (const auto& one : all)
    if (auto done = put("ca/" + std::to_string(one.number) + ".crt", one.certificate); !done) return done;
  std::string text;
  for (const base::Bytes& der : kms::pki::bundleOf(all)) text += kms::pki::pem("CERTIFICATE", der);
  if (auto done = put("ca.pem", base::asBytes(text)); !done) return done;
  if (auto done = put("ca.crt", all.front().certificate); !done) return done;
  authorities_ = std::move(all);
  return {};
}

base::Result<void> Publication::writeLists(std::int64_t number, bool current) {
  const bool first = !lists_.contains(number);
  Lists& there = lists_[number];
  const std::string name = std::to_string(number) + ".der";
  if (const List full = status_.full(number); full && full != there.full) {
    if (auto done = put("crl/" + name, full->der); !done) return done;
    if (current)
      if (auto done = put("crl.der", full->der); !done) return done;
    there.full = full;
  }
  const List delta = status_.delta(number);
  std::error_code failed;
  if (!delta && first) {  // those of a run before this one are of no use
    std::filesystem::remove(directory_ / ("delta-crl/" + name), failed);
    if (current) std::filesystem::remove(directory_ / kDelta, failed);
  }
  if (delta && delta != there.delta) {
    if (auto done = put("delta-crl/" + name, delta->der); !done) return done;
    if (current)
      if (auto done = put(kDelta, delta->der); !done) return done;
    there.delta = delta;
  }
  return {};
}

base::Result<void> Publication::put(const std::string& name, base::BytesView content) const {
  const auto path = directory_ / name;
  for (const auto& folder : {directory_, path.parent_path()}) makeReadable(folder);
  return base::writeFileDurably(path, content, kMode);
}

void Publication::tell(const base::Result<void>& written) {
  const std::lock_guard lock(mutex_);
  if (written && fault_) log::info("--publish-dir is written again");
  if (!written && !fault_)
    log::error("--publish-dir cannot be written: " + written.error().what + "; it is tried again and again");
  fault_ = written ? std::nullopt : std::optional(written.error().what);
}

}  // namespace kmsd
