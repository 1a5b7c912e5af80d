#include <algorithm>
#include <fstream>

#include "tests/unit/usb/scripted_stick.h"

namespace tests {

using usb::Fault;
using usb::Milliseconds;
using usb::Transfer;

namespace {

void write(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

}  // namespace

class ScriptedLink final : public usb::Link {
 public:
  ScriptedLink(ScriptedBus& bus, std::shared_ptr<ScriptedStick> stick)
      : bus_(bus), stick_(std::move(stick)) {}
  ~ScriptedLink() override {
    const std::lock_guard lock(stick_->mutex_);
    --stick_->links_;
  }
  bool kernelHas(std::uint8_t) override {
    const std::lock_guard lock(stick_->mutex_);
    return stick_->bound_;
  }
  Fault detachKernel(std::uint8_t) override {
    if (stick_->detachFault != Fault::None) return stick_->detachFault;
    return bind(false);
  }
  Fault attachKernel(std::uint8_t) override { return stick_->kernelDriver ? bind(true) : Fault::Gone; }
  Fault claim(std::uint8_t) override {
    const std::lock_guard lock(stick_->mutex_);
    if (!stick_->here_) return Fault::Gone;
    if (stick_->claimFault != Fault::None) return stick_->claimFault;
    if (stick_->claimed_ || stick_->bound_) return Fault::Busy;
    stick_->claimed_ = true;
    return Fault::None;
  }
  Fault release(std::uint8_t) override {
    const std::lock_guard lock(stick_->mutex_);
    stick_->claimed_ = false;
    return stick_->here_ ? Fault::None : Fault::Gone;
  }
  Fault setAlternate(std::uint8_t, std::uint8_t) override { return Fault::None; }
  Transfer bulkIn(std::uint8_t endpoint, std::span<std::byte> data, Milliseconds most) override {
    return stick_->bulk(endpoint, data, {}, most);
  }
  Transfer bulkOut(std::uint8_t endpoint, base::BytesView data, Milliseconds most) override {
    return stick_->bulk(endpoint, {}, data, most);
  }
  Transfer control(const usb::Setup& setup, std::span<std::byte> data, Milliseconds most) override {
    return stick_->control(setup, data, most);
  }
  Fault clearHalt(std::uint8_t endpoint) override { return stick_->clearHalt(endpoint); }
  Fault reset() override { return stick_->reset(); }

 private:
  Fault bind(bool bound) {
    const std::lock_guard lock(bus_.mutex_);
    {
      const std::lock_guard inner(stick_->mutex_);
      if (!stick_->here_) return Fault::Gone;
      if (bound && stick_->claimed_) return Fault::Busy;
    }
    bus_.bind(*stick_, bound);
    return Fault::None;
  }
  ScriptedBus& bus_;
  std::shared_ptr<ScriptedStick> stick_;
};

class ScriptedPort final : public usb::UsbPort {
 public:
  explicit ScriptedPort(ScriptedBus& bus) : bus_(bus) {}

  base::Result<std::vector<usb::Device>> list() override {
    const std::lock_guard lock(bus_.mutex_);
    std::vector<usb::Device> devices;
    // A hub comes first, which is no storage.
    devices.push_back({1, 1, "1-0", 0x1d6b, 2, "hub", 1, {{0, 0, 9, 0, 0, {{0x81, false}}}}, {}});
    for (const auto& stick : bus_.sticks_) {
      usb::Device device{1,
                         static_cast<std::uint8_t>(stick->address_),
                         stick->port,
                         stick->vendor,
                         stick->product,
                         stick->serial,
                         1,
                         {{0, 0, 8, 6, 0x50, {{0x81, true}, {0x02, true}}}},
                         stick->refused};
      devices.push_back(std::move(device));
    }
    return devices;
  }
  usb::Opened open(const usb::Device& device) override {
    const std::lock_guard lock(bus_.mutex_);
    for (const auto& stick : bus_.sticks_) {
      const std::lock_guard inner(stick->mutex_);
      if (stick->address_ != device.address || !stick->here_) continue;
      if (stick->openFault != Fault::None) return {stick->openFault, nullptr};
      ++stick->links_;
      return {Fault::None, std::make_unique<ScriptedLink>(bus_, stick)};
    }
    return {Fault::Gone, nullptr};
  }
  base::Result<bool> wait(base::Deadline by, const std::stop_token& stop) override {
    std::unique_lock lock(bus_.mutex_);
    bus_.changed_.wait_until(lock, stop, by.at(), [this] { return !bus_.deaf && bus_.events_ != seen_; });
    return !bus_.deaf && std::exchange(seen_, bus_.events_) != bus_.events_;
  }

 private:
  ScriptedBus& bus_;
  unsigned seen_ = 0;
};

ScriptedBus::ScriptedBus() {
  setMounts("");
  setSwaps("Filename\tType\tSize\tUsed\tPriority\n");
}

usb::Host ScriptedBus::host() const { return {scratch_ / "sys", scratch_ / "proc", scratch_ / "dev"}; }
std::unique_ptr<usb::UsbPort> ScriptedBus::port() { return std::make_unique<ScriptedPort>(*this); }

void ScriptedBus::setMounts(const std::string& mountinfo) {
  write(scratch_ / "proc/self/mountinfo", mountinfo);
}
void ScriptedBus::setSwaps(const std::string& swaps) { write(scratch_ / "proc/swaps", swaps); }

void ScriptedBus::plug(const std::shared_ptr<ScriptedStick>& stick) {
  const std::lock_guard lock(mutex_);
  {
    const std::lock_guard inner(stick->mutex_);
    stick->address_ = ++addresses_ % 127 + 1;  // as the kernel does, which begins anew
    stick->here_ = true;
    stick->stage_ = ScriptedStick::Stage::Command;
    stick->haltIn_ = stick->haltOut_ = false;
  }
  sticks_.push_back(stick);
  bind(*stick, stick->kernelDriver && !stick->leftAside);
  ++events_;
  changed_.notify_all();
}

void ScriptedBus::pull(const std::shared_ptr<ScriptedStick>& stick) {
  stick->yank();
  const std::lock_guard lock(mutex_);
  std::erase(sticks_, stick);
  bind(*stick, false);
  ++events_;
  changed_.notify_all();
}

void ScriptedBus::changed(const std::shared_ptr<ScriptedStick>& stick) {
  const std::lock_guard lock(mutex_);
  const std::lock_guard inner(stick->mutex_);
  if (stick->bound_) show(*stick);
}

void ScriptedBus::bind(ScriptedStick& stick, bool bound) {
  const std::lock_guard inner(stick.mutex_);
  const auto folder = folderOf(stick), gone = scratch_ / "gone";
  // The one before is kept for a while, so that no file system gives its inode to the next.
  std::filesystem::remove_all(gone);
  if (std::filesystem::exists(folder)) std::filesystem::rename(folder, gone);
  if (bound && !stick.bound_) ++bindings_[&stick];
  stick.bound_ = bound;
  if (bound) show(stick);
}

std::filesystem::path ScriptedBus::folderOf(const ScriptedStick& stick) const {
  return scratch_ / "sys/bus/usb/devices" / (stick.port + ":1.0");
}

// As the kernel, which gives the number of a host that went to the next, but each disk a sequence of its own.
void ScriptedBus::show(ScriptedStick& stick) {
  const std::string number = std::to_string(hostOf_.try_emplace(&stick, hostOf_.size()).first->second);
  const auto host = folderOf(stick) / ("host" + number);
  std::filesystem::create_directories(host);
  for (const auto& target : std::filesystem::directory_iterator(host)) std::filesystem::remove_all(target);
  for (std::size_t lun = 0; lun < stick.units.size(); ++lun) {
    const StickUnit& unit = stick.units[lun];
    const std::string address = number + ":0:0:" + std::to_string(lun);
    const auto device = host / ("target" + number + ":0:0") / address;
    const std::string name = std::string("sd") + static_cast<char>('b' + lun);
    const std::string minor = std::to_string(16 * (lun + 1));
    auto [sequence, first] =
        sequenceOf_.try_emplace(std::to_string(bindings_[&stick]) + "/" + address + "/" + unit.disk);
    if (first) sequence->second = std::to_string(++sequences_);
    write(device / "type", std::to_string(unit.type) + "\n");
    const auto disk = device / "block" / name;
    write(disk / "size", std::to_string(unit.disk.size() / 512) + "\n");
    write(disk / "ro", unit.writeProtected ? "1\n" : "0\n");
    write(disk / "diskseq", sequence->second + "\n");
    write(disk / "dev", "8:" + minor + "\n");
    write(disk / (name + "1") / "dev", "8:" + std::to_string(16 * (lun + 1) + 1) + "\n");
    write(disk / (name + "1") / "partition", "1\n");
  }
}

}  // namespace tests
