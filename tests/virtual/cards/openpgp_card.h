// An OpenPGP card (application 3.4) as far as private objects go.
#pragma once

#include <map>

#include "tests/virtual/cards/card.h"

namespace tests {

class OpenPgpCard final : public VirtualCard {
 public:
  explicit OpenPgpCard(CardManner manner = {}, std::uint32_t serial = 0x12345678);

  VirtualPin pin{"123456"};  // PW1, mode 82
  Bytes open;                // object 0101
  Bytes secret;              // object 0103
  bool hasPrivate = true;    // claims private objects
  bool tellsStatus = true;   // has the objects C4, 6E and all others that are read without PIN, but 0101
  std::uint32_t serial;

 protected:
  Answer process(const Apdu& apdu) override;
  void forget() override;
  Bytes historical() const override;

 private:
  std::map<std::uint32_t, Bytes> objects() const;
  Answer getData(std::uint16_t tag) const;
  Answer putData(std::uint16_t tag, const Bytes& data);
  bool selected_ = false;
};

}  // namespace tests
