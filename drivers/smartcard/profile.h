// The kinds of card application that can hold a key, as a table. What reads it is application.cpp.
// Sources: OpenPGP application 3.4; NIST SP 800-73-4, part 1; ISO/IEC 7816-4.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace drivers::smartcard {

enum class Application : std::uint8_t { OpenPgp, Piv, Iso };

enum class Via : std::uint8_t {
  Tag,     // GET DATA and PUT DATA with the tag in P1 and P2
  PivTag,  // GET DATA with the tag as data, the value inside a tag 53
  File     // SELECT by path, READ BINARY and UPDATE BINARY; the path is an option of the URI
};

enum class Tries : std::uint8_t {
  PwStatus,    // the fifth byte of OpenPGP's object C4
  EmptyVerify  // VERIFY without data answers 63Cx
};

enum class Number : std::uint8_t {
  Aid,        // manufacturer and serial number in OpenPGP's application id
  Chuid,      // the GUID in PIV's Card Holder Unique Identifier
  SerialFile  // the ICCSN in EF 2F02
};

struct Profile {
  Application application;
  std::string_view name;              // of the URI's option app=
  std::string_view title;             // for people, and in hal::PinQuestion
  std::span<const std::uint8_t> aid;  // selected by it; empty: by path
  Via via;
  std::uint32_t keyObject;          // a tag; 0 for a file
  std::uint32_t openObject;         // whose key it is, readable by all; 0: none
  std::optional<std::uint8_t> pin;  // reference (P2 of VERIFY); none: what the URI says
  std::size_t pinLeast;             // bytes
  std::size_t pinMost;              // bytes
  bool pinPadded;                   // to pinMost with FF
  Tries tries;
  Number number;
  std::string_view madeWith;  // the program that writes it; empty: this driver does
};

// In the order in which a card is asked for them.
std::span<const Profile> profiles() noexcept;

}  // namespace drivers::smartcard
