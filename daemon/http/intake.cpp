#include "daemon/http/intake.h"

#include "hal/base/bytes.h"

namespace kmsd::http {
namespace {

constexpr std::size_t kReadMore = 4096;  // bytes asked for behind those that are kept

}  // namespace

void wipeText(std::span<char> text) noexcept { base::wipe(std::as_writable_bytes(text)); }

void Intake::drop() noexcept {
  at_ = {};
  kept_ = {};
  wipe();
}

Moved Intake::fill(Wire& wire) {
  if (at_.empty()) {
    kept_ = {};
    base::SecretText& room = loop_.in();
    const Moved got = wire.readSome(room);
    at_ = {room.data(), got.bytes};
    shared_ = at_;
    return got;
  }
  keep();
  const std::size_t size = kept_.size();
  kept_.resize(size + kReadMore);
  const Moved got = wire.readSome(std::span(kept_).subspan(size));
  kept_.resize(size + got.bytes);
  at_ = kept_;
  return got;
}

void Intake::keep() {
  if (at_.empty()) {
    kept_ = {};
  } else if (kept_.empty()) {
    kept_.assign(at_.begin(), at_.end());
  } else {
    kept_.erase(kept_.begin(), kept_.begin() + (at_.data() - kept_.data()));
  }
  at_ = kept_;
  wipe();
}

void Intake::wipe() noexcept {
  if (shared_.empty() || (!at_.empty() && kept_.empty())) return;
  wipeText(shared_);
  shared_ = {};
}

}  // namespace kmsd::http
