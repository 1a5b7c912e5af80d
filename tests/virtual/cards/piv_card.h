// A PIV card (NIST SP 800-73-4) as far as data objects go; they are written by put(), or by PUT DATA after
// the management key has been shown, as Yubico's cards have it when they are new.
#pragma once

#include <map>

#include "tests/virtual/cards/card.h"
#include "tests/virtual/cards/piv_management.h"

namespace tests {

class PivCard final : public VirtualCard {
 public:
  // `guid` has 16 bytes.
  explicit PivCard(CardManner manner = {}, std::string_view guid = "0123456789abcdef");

  void put(std::uint32_t tag, const Bytes& value) { objects[tag] = value; }

  VirtualPin pin{std::string("123456\xFF\xFF")};
  std::map<std::uint32_t, Bytes> objects;  // by tag: what stands inside the tag 53
  bool keyNeedsPin = true;                 // of object 5FC109

 protected:
  Answer process(const Apdu& apdu) override;
  void forget() override;

 private:
  Answer getData(const Bytes& list) const;
  Answer putData(const Bytes& object);
  bool selected_ = false;
  PivManagement management_;
};

}  // namespace tests
