// The management key of a PIV card, 3DES, mutual authentication (NIST SP 800-73-4 part 2, section 3.2.4, and
// its appendix A.1): the card shows a witness under the key, the host opens it and asks the same of the card.
#pragma once

#include "tests/virtual/cards/card.h"

namespace tests {

class PivManagement {
 public:
  // GENERAL AUTHENTICATE with the algorithm 03 and the key 9B.
  Answer authenticate(const Bytes& data);
  bool open() const noexcept { return open_; }
  void forget();

 private:
  Bytes witness_;
  bool open_ = false;
};

}  // namespace tests
