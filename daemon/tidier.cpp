#include "daemon/tidier.h"

#include <sys/resource.h>
#include <unistd.h>

#include <utility>

#include "daemon/log.h"
#include "kms/audit/audit.h"

namespace kmsd {
namespace {

constexpr std::chrono::milliseconds kIdle{5'000};    // between looks when nothing is left
constexpr std::chrono::milliseconds kBetween{20};    // between batches, for those who wait for the writer
constexpr std::chrono::milliseconds kAfter{60'000};  // after a failure
constexpr int kNice = 19;
constexpr std::size_t kPart = 8;  // of the rows that a renewal with nobody beside it takes at once

}  // namespace

Tidier::Tidier(const kms::Vault& vault, kms::TokenService& tokens, kms::pki::CertificateService& certificates,
               kms::Store& store, kms::SlotDesk::Along ended, Damaged damaged, std::function<void()> look)
    : vault_(vault),
      tokens_(tokens),
      certificates_(certificates),
      store_(store),
      resealer_(vault, store, std::move(ended), kPart),
      damaged_(std::move(damaged)),
      look_(std::move(look)),
      thread_([this](std::stop_token stop) { run(std::move(stop)); }) {}

void Tidier::run(std::stop_token stop) {
  // Linux gives each thread its own nice value; not getting it does no harm.
  if (::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNice) != 0)
    log::info("tidying runs at usual priority");
  while (!stop.stop_requested()) {
    look_();
    if (vault_.sealed()) {
      rest(stop, kIdle);
      continue;
    }
    auto more = tidy();
    if (!more && more.error().reason == base::Reason::DatabaseCorrupt) {
      damaged_(more.error().what);
    } else if (!more && more.error().reason != base::Reason::Sealed) {
      log::warning("tidying failed: " + more.error().what);
    }
    rest(stop, !more ? kAfter : *more ? kBetween : kIdle);
  }
}

base::Result<bool> Tidier::tidy() {
  auto tokens = tokens_.tidy();
  if (!tokens) return tokens;
  auto certificates = certificates_.tidy();
  if (!certificates) return certificates;
  auto resealed = reseal();
  if (!resealed) return resealed;
  return *tokens || *certificates || *resealed;
}

base::Result<bool> Tidier::reseal() {
  auto due = kms::Resealer::due(store_);
  if (!due || !*due) return due;
  if (!std::exchange(resealing_, true))
    log::warning("a renewal of the root key was interrupted; the server ends it now, and works meanwhile");
  auto left = resealer_.step();
  if (left && !*left) {
    resealing_ = false;
    log::info("the renewal of the root key is ended; nothing is left under the old one",
              static_cast<int>(kms::Event::RootRenewalEnded));
  }
  return left;
}

void Tidier::rest(std::stop_token stop, std::chrono::milliseconds span) {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, std::move(stop), span, [] { return false; });
}

}  // namespace kmsd
