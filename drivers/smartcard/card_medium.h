// CardMedium: the card in one reader. It is held only for moments: looked at, left alone while a person is
// asked for its PIN, and looked at again before it gets one.
#pragma once

#include <functional>
#include <memory>

#include "drivers/smartcard/application.h"
#include "drivers/smartcard/worker.h"
#include "hal/driver.h"

namespace drivers::smartcard {

class CardMedium final : public hal::Medium {
 public:
  // Finds the application and asks for its PIN where it has one. REQUIRES: `ask` outlives the medium. Errors:
  // hal::Driver::open; PinBlocked; what `ask` tells.
  static base::Result<std::unique_ptr<hal::Medium>> open(std::shared_ptr<Workers> workers, CardTarget target,
                                                         std::string reader, hal::MediumId id,
                                                         hal::Access access, hal::Ask& ask,
                                                         base::Deadline by);

  const Info& info() const noexcept override { return info_; }
  base::Result<base::SecretBuffer> readKeyFile(base::Deadline by) override;
  base::Result<void> writeKeyFile(base::BytesView text, hal::Overwrite consent, base::Deadline by) override;

 private:
  struct Seen {
    Shown shown;
    std::string stamp;
  };
  struct Pin {
    base::SecretBuffer digits;
    bool given = false;  // to the card: never a second time
  };
  struct Use {
    bool exchanged = false;  // it is not the card that was seen: nothing was done
    base::SecretBuffer text;
  };
  struct Place {
    CardTarget target;
    std::string reader;
    hal::Access access = hal::Access::Read;
  };
  using Action = std::function<base::Result<base::SecretBuffer>(Exchange&, const Shown&, const CardTarget&)>;

  CardMedium(std::shared_ptr<Workers> workers, Place place, Info info, hal::Ask& ask)
      : workers_(std::move(workers)), place_(std::move(place)), info_(std::move(info)), ask_(ask) {}

  static base::Result<Seen> identify(PcscSession& session, const Place& place, base::Deadline by);
  static base::Result<Use> use(PcscSession& session, const Place& place, const Seen& seen, Pin* pin,
                               const Action& action, base::Deadline by);
  // Fills seen_ and pin_. A person's time at the question is not the card's: `by` is set anew.
  base::Result<void> prepare(base::Deadline& by);
  base::Result<base::SecretBuffer> perform(const Action& action, base::Deadline by);

  const std::shared_ptr<Workers> workers_;
  const Place place_;
  const Info info_;
  hal::Ask& ask_;
  std::optional<Seen> seen_;
  std::shared_ptr<Pin> pin_;  // asked for the card in seen_
};

}  // namespace drivers::smartcard
