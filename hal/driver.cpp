#include "hal/driver.h"

namespace hal {

base::Result<base::SecretBuffer> NoAsk::pin(const PinQuestion& /*question*/) {
  return base::Error{base::Code::Unavailable, "the medium asks for a PIN and nobody is there to type it",
                     base::Reason::PinNeeded};
}

base::Result<bool> NoAsk::confirm(const std::string& /*question*/) {
  return base::Error{base::Code::Unavailable,
                     "a question must be confirmed and nobody is there to answer it"};
}

}  // namespace hal
