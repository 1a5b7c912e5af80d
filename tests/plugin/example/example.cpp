// A whole driver, built apart from keydisk: "example:/PATH" is a file that holds the text of a key disk.
#include <sys/stat.h>

#include "hal/base/file.h"
#include "hal/driver_plugin.h"
#include "hal/stop_wait.h"

namespace {

constexpr hal::DriverInfo kInfo{"example", "a text file, to show how a driver is made", "example:/PATH"};

class TextMedium final : public hal::Medium {
 public:
  explicit TextMedium(hal::MediumId id) : info_{std::move(id), 0, true} {}
  const Info& info() const noexcept override { return info_; }
  base::Result<base::SecretBuffer> readKeyFile(base::Deadline) override {
    return base::readSecretFile(info_.id.slot, 4096);
  }
  base::Result<void> writeKeyFile(base::BytesView, hal::Overwrite, base::Deadline) override {
    return base::Error{base::Code::Unsupported, info_.id.uri() + " is only read",
                       base::Reason::MediumReadOnly};
  }

 private:
  const Info info_;
};

class TextDriver final : public hal::Driver {
 public:
  explicit TextDriver(std::string_view path) : id_{"example", std::string(path)} {}
  const hal::DriverInfo& info() const noexcept override { return kInfo; }

  base::Result<std::vector<hal::Slot>> scan(base::Deadline) override {
    hal::Slot slot{id_, false, true, {}, {}};
    struct stat status {};
    slot.present = ::stat(id_.slot.c_str(), &status) == 0 && S_ISREG(status.st_mode);
    if (slot.present)
      slot.stamp = std::to_string(status.st_mtim.tv_sec) + "." + std::to_string(status.st_mtim.tv_nsec);
    return std::vector{slot};
  }
  base::Result<std::unique_ptr<hal::Medium>> open(const hal::MediumId& id, hal::Access, hal::Ask&,
                                                  base::Deadline) override {
    if (id != id_) return base::Error{base::Code::NotFound, "there is no slot " + id.uri()};
    return std::unique_ptr<hal::Medium>(std::make_unique<TextMedium>(id));
  }
  base::Result<bool> waitForChange(base::Deadline by, std::stop_token stop) override {
    auto woke = hal::waitReadable(-1, by, stop);  // nothing tells of it: the service looks again by itself
    if (!woke) return std::move(woke).error();
    return false;
  }

 private:
  const hal::MediumId id_;
};

base::Result<std::unique_ptr<hal::Driver>> make(std::string_view target) {
  if (!target.starts_with('/'))
    return base::Error{base::Code::Invalid, "example: takes the full path of a file"};
  return std::unique_ptr<hal::Driver>(std::make_unique<TextDriver>(target));
}

constexpr hal::DriverPlugin kPlugin{hal::kDriverAbi, &kInfo, make};

}  // namespace

const hal::DriverPlugin* keydisk_driver_1() { return &kPlugin; }
