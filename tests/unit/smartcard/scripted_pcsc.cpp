#include "tests/unit/smartcard/scripted_pcsc.h"

#include <algorithm>
#include <utility>

namespace tests {

using drivers::smartcard::CardHandle;
using drivers::smartcard::Pcsc;
using drivers::smartcard::ReaderState;

constexpr std::uint32_t kEmpty = 0x0010;

std::uint32_t ScriptedPcsc::eventOf(const std::string& reader) const {
  const auto at = slots_.find(reader);
  if (at == slots_.end()) return drivers::smartcard::kStateUnknown | drivers::smartcard::kStateUnavailable;
  const Slot& slot = at->second;
  std::uint32_t event = slot.card || slot.mute ? drivers::smartcard::kStatePresent : kEmpty;
  if (slot.mute) event |= drivers::smartcard::kStateMute;
  return event | slot.count << 16U;
}

class ScriptedPcscPort final : public drivers::smartcard::PcscPort {
 public:
  explicit ScriptedPcscPort(std::shared_ptr<ScriptedPcsc> world) : world_(std::move(world)) {}
  ~ScriptedPcscPort() override { ScriptedPcscPort::release(); }

  Pcsc establish() override {
    const std::lock_guard lock(world_->mutex_);
    if (!world_->running_) return Pcsc::NoService;
    life_ = world_->life_;
    ++world_->contexts_;
    return Pcsc::Ok;
  }
  void release() override {
    const std::lock_guard lock(world_->mutex_);
    if (life_ != 0) --world_->contexts_;
    life_ = 0;
  }
  Pcsc listReaders(std::vector<std::string>& names) override {
    const std::lock_guard lock(world_->mutex_);
    if (lost()) return Pcsc::Lost;
    names.clear();
    for (const auto& [name, slot] : world_->slots_) names.push_back(name);
    return Pcsc::Ok;
  }
  Pcsc statusChange(std::chrono::milliseconds timeout, std::vector<ReaderState>& states) override {
    std::unique_lock lock(world_->mutex_);
    const std::size_t readers = world_->slots_.size();
    const auto differs = [&] {
      return std::ranges::any_of(states, [&](const ReaderState& state) {
        if (state.name == drivers::smartcard::kPnpReader) return world_->slots_.size() != readers;
        return world_->eventOf(state.name) != state.current;
      });
    };
    cancelled_ = false;  // one that came before is lost
    for (auto& [name, slot] : world_->slots_)
      if (timeout.count() > 0 && std::exchange(slot.going, false)) world_->takeOut(slot);
    world_->changed_.wait_for(lock, timeout, [&] { return lost() || cancelled_ || differs(); });
    if (lost()) return Pcsc::Lost;
    const bool changed = differs();
    for (ReaderState& state : states) {
      if (state.name == drivers::smartcard::kPnpReader) continue;
      state.event = world_->eventOf(state.name);
      const auto at = world_->slots_.find(state.name);
      state.atr = at != world_->slots_.end() && at->second.card ? at->second.card->atr() : base::Bytes();
    }
    return cancelled_ ? Pcsc::Cancelled : changed ? Pcsc::Ok : Pcsc::Timeout;
  }
  void cancel() override {
    const std::lock_guard lock(world_->mutex_);
    cancelled_ = true;
    world_->changed_.notify_all();
  }
  Pcsc connect(const std::string& reader, CardHandle& card, bool& t0) override {
    const std::lock_guard lock(world_->mutex_);
    if (lost()) return Pcsc::Lost;
    const auto at = world_->slots_.find(reader);
    if (at == world_->slots_.end()) return Pcsc::UnknownReader;
    if (at->second.exclusive) return Pcsc::Shared;
    if (at->second.mute) return Pcsc::Mute;
    if (!at->second.card) return Pcsc::NoCard;
    card = world_->nextHandle_++;
    t0 = at->second.card->manner().t0;
    world_->handles_[card] = {reader, at->second.generation, false};
    return Pcsc::Ok;
  }
  Pcsc beginTransaction(CardHandle card) override {
    std::unique_lock lock(world_->mutex_);
    const auto at = world_->handles_.find(card);
    if (lost() || at == world_->handles_.end()) return Pcsc::Lost;
    const std::string reader = at->second.reader;
    world_->changed_.wait(lock, [&] { return lost() || !world_->locks_.contains(reader); });
    if (lost()) return Pcsc::Lost;
    if (const Pcsc bad = check(at->second); bad != Pcsc::Ok) return bad;
    world_->locks_[reader] = card;
    return Pcsc::Ok;
  }
  Pcsc transmit(CardHandle card, bool, base::BytesView command, std::span<std::byte> reply,
                std::size_t& size) override {
    std::unique_lock lock(world_->mutex_);
    if (const auto hook = world_->hook_) {
      const unsigned number = world_->apdus_;
      lock.unlock();
      hook(number);
      lock.lock();
    }
    ++world_->apdus_;
    const auto at = world_->handles_.find(card);
    if (lost() || at == world_->handles_.end()) return Pcsc::Lost;
    if (const Pcsc bad = check(at->second); bad != Pcsc::Ok) return bad;
    ScriptedPcsc::Slot& slot = world_->slots_.at(at->second.reader);
    const auto held = slot.card;
    if (held->faults().mute || held->faults().delay.count() > 0) {
      const auto until = std::chrono::steady_clock::now() +
                         (held->faults().mute ? std::chrono::milliseconds(60'000) : held->faults().delay);
      world_->changed_.wait_until(lock, until, [&] { return world_->released_ || lost(); });
      if (held->faults().mute) return Pcsc::Failed;
    }
    const base::Bytes answer = held->transmit(command);
    if (answer.empty() && world_->late_) {
      slot.going = true;
      size = 0;
      return *world_->late_;
    }
    if (answer.empty()) {
      world_->takeOut(slot);
      world_->changed_.notify_all();
      return Pcsc::Removed;
    }
    size = std::min(answer.size(), reply.size());
    std::copy_n(answer.begin(), size, reply.begin());
    return Pcsc::Ok;
  }
  void endTransaction(CardHandle card) override {
    const std::lock_guard lock(world_->mutex_);
    const auto at = world_->handles_.find(card);
    if (at == world_->handles_.end()) return;
    if (world_->locks_[at->second.reader] == card) world_->locks_.erase(at->second.reader);
    reset(at->second);
    world_->changed_.notify_all();
  }
  void disconnect(CardHandle card) override {
    const std::lock_guard lock(world_->mutex_);
    const auto at = world_->handles_.find(card);
    if (at == world_->handles_.end()) return;
    reset(at->second);
    world_->handles_.erase(at);
  }

 private:
  bool lost() const { return !world_->running_ || life_ != world_->life_; }
  Pcsc check(ScriptedPcsc::Handle& handle) {
    const auto at = world_->slots_.find(handle.reader);
    if (at == world_->slots_.end()) return Pcsc::UnknownReader;
    if (!at->second.card || at->second.generation != handle.generation) return Pcsc::Removed;
    return std::exchange(handle.reset, false) ? Pcsc::Reset : Pcsc::Ok;
  }
  void reset(ScriptedPcsc::Handle& handle) {
    const auto at = world_->slots_.find(handle.reader);
    if (at != world_->slots_.end() && at->second.card && at->second.generation == handle.generation)
      at->second.card->reset();
  }

  const std::shared_ptr<ScriptedPcsc> world_;
  unsigned life_ = 0;
  bool cancelled_ = false;
};

drivers::smartcard::MakePcscPort ScriptedPcsc::ports() {
  return [world = shared_from_this()] { return std::make_unique<ScriptedPcscPort>(world); };
}

void ScriptedPcsc::plug(const std::string& reader) {
  const std::lock_guard lock(mutex_);
  slots_[reader];
  changed_.notify_all();
}
void ScriptedPcsc::unplug(const std::string& reader) {
  const std::lock_guard lock(mutex_);
  slots_.erase(reader);
  changed_.notify_all();
}
void ScriptedPcsc::takeOut(Slot& slot) {
  if (!slot.card && !slot.mute) return;
  slot.card.reset();
  slot.mute = false;
  ++slot.count;
}
void ScriptedPcsc::put(const std::string& reader, std::shared_ptr<VirtualCard> card, bool mute) {
  const std::lock_guard lock(mutex_);
  Slot& slot = slots_[reader];
  takeOut(slot);
  if (card) card->reset();
  slot.card = std::move(card);
  slot.mute = mute;
  slot.generation = ++generations_;
  ++slot.count;
  changed_.notify_all();
}
void ScriptedPcsc::insert(const std::string& reader, std::shared_ptr<VirtualCard> card) {
  put(reader, std::move(card), false);
}
void ScriptedPcsc::insertMute(const std::string& reader) { put(reader, nullptr, true); }
void ScriptedPcsc::pull(const std::string& reader) {
  const std::lock_guard lock(mutex_);
  takeOut(slots_.at(reader));
  changed_.notify_all();
}
void ScriptedPcsc::stop() {
  const std::lock_guard lock(mutex_);
  running_ = false;
  handles_.clear();
  locks_.clear();
  changed_.notify_all();
}
void ScriptedPcsc::start() {
  const std::lock_guard lock(mutex_);
  running_ = true;
  ++life_;
  for (auto& [name, slot] : slots_) slot.count = 0;
  changed_.notify_all();
}
void ScriptedPcsc::setExclusive(const std::string& reader, bool yes) {
  const std::lock_guard lock(mutex_);
  slots_.at(reader).exclusive = yes;
}
void ScriptedPcsc::resetByOther(const std::string& reader) {
  const std::lock_guard lock(mutex_);
  if (slots_.at(reader).card) slots_.at(reader).card->reset();
  for (auto& [number, handle] : handles_) handle.reset = handle.reset || handle.reader == reader;
}
void ScriptedPcsc::noticePullsLate(Pcsc outcome) {
  const std::lock_guard lock(mutex_);
  late_ = outcome;
}

void ScriptedPcsc::beforeApdu(std::function<void(unsigned)> hook) {
  const std::lock_guard lock(mutex_);
  hook_ = std::move(hook);
}
void ScriptedPcsc::release() {
  const std::lock_guard lock(mutex_);
  released_ = true;
  changed_.notify_all();
}
unsigned ScriptedPcsc::contexts() const {
  const std::lock_guard lock(mutex_);
  return contexts_;
}
unsigned ScriptedPcsc::handles() const {
  const std::lock_guard lock(mutex_);
  return unsigned(handles_.size());
}
unsigned ScriptedPcsc::apdus() const {
  const std::lock_guard lock(mutex_);
  return apdus_;
}

}  // namespace tests
