// An OpenPGP card (application 3.4) as far as private objects go.
#pragma once

#include "tests/virtual/cards/card.h"

namespace tests {

class OpenPgpCard final : public VirtualCard {
 public:
  explicit OpenPgpCard(CardManner manner = {}, std::uint32_t serial = 0x12345678);

  VirtualPin pin{"123456"};  // PW1, mode 82
  Bytes open;                // object 0101
  Bytes secret;              // object 0103
  bool hasPrivate = true;    // claims private objects
  bool tellsStatus = true;   // has the objects C4 and 6E
  std::uint32_t serial;

 protected:
  Answer process(const Apdu& apdu) override;
  void forget() override;
  Bytes historical() const override;

 private:
  Bytes applicationData() const;
  Answer getData(std::uint16_t tag) const;
  Answer putData(std::uint16_t tag, const Bytes& data);
  bool selected_ = false;
};

}  // namespace tests
