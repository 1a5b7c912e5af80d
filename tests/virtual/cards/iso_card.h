// A card with plain files (ISO/IEC 7816-4), one of which may ask for a PIN; and a card of another trade.
#pragma once

#include <map>
#include <vector>

#include "tests/virtual/cards/card.h"

namespace tests {

class IsoCard final : public VirtualCard {
 public:
  using Path = std::vector<std::uint16_t>;

  // The key's file 4B4D/4B01 has `size` bytes FF. No PIN until one is set.
  explicit IsoCard(CardManner manner = {}, std::size_t size = 512);

  static const Path kKeyPath;
  static const Path kSerialPath;

  std::map<Path, Bytes> files;
  std::optional<VirtualPin> pin;  // reference 81, for the key's file
  bool knowsPaths = true;         // SELECT by path
  bool tellsSize = true;          // answers SELECT with file control parameters

  Bytes& key() { return files[kKeyPath]; }

 protected:
  Answer process(const Apdu& apdu) override;
  void forget() override;

 private:
  Answer select(const Apdu& apdu);
  Answer read(std::size_t offset, std::size_t expect) const;
  Answer update(std::size_t offset, const Bytes& data);
  bool isFolder(const Path& path) const;
  bool denied() const;

  Path at_;  // the folder
  std::optional<Path> file_;
};

// Knows no application, no file and no command but these.
class ForeignCard final : public VirtualCard {
 public:
  using VirtualCard::VirtualCard;

 protected:
  Answer process(const Apdu& apdu) override {
    return {static_cast<std::uint16_t>(apdu.ins == 0xA4 ? 0x6A82 : 0x6D00)};
  }
  void forget() override {}
};

}  // namespace tests
