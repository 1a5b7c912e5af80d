#include "hal/registry.h"

#include <gtest/gtest.h>

namespace hal {
namespace {

constexpr DriverInfo kFirst{"first", "a driver", "first:A, first:B"};
constexpr DriverInfo kSecond{"second", "another", "second:PATH"};

// Tells by its error which driver was asked, and for what.
template <const DriverInfo& info>
base::Result<std::unique_ptr<Driver>> make(std::string_view target) {
  return base::Error{base::Code::Unavailable, std::string(info.scheme) + " got " + std::string(target)};
}

const DriverEntry kDrivers[] = {{&kFirst, make<kFirst>}, {&kSecond, make<kSecond>}};

base::Error ask(std::string_view uri) { return Registry(kDrivers).make(uri).error(); }

TEST(Registry, GivesTheTargetToTheSchemesDriver) {
  EXPECT_EQ(ask("first:A").what, "first got A");
  EXPECT_EQ(ask("second:/a:b").what, "second got /a:b");
  EXPECT_EQ(ask("second:").what, "second got ");
}

TEST(Registry, ListsEveryFormWhereNoDriverFits) {
  for (const char* uri : {"", "first", "/srv/key.img", "third:A", ":A", "First:A", "firs:A"}) {
    const base::Error error = ask(uri);
    EXPECT_EQ(error.code, base::Code::Invalid) << uri;
    EXPECT_NE(error.what.find("first:A, first:B, second:PATH"), std::string::npos) << error.what;
  }
  EXPECT_EQ(Registry({}).make("first:A").error().code, base::Code::Invalid);
}

TEST(NoAsk, HasNobodyToAsk) {
  NoAsk ask;
  EXPECT_EQ(ask.pin({"PIV", "1", {}, {}, 3}).error().code, base::Code::Unavailable);
  EXPECT_EQ(ask.confirm("Sure?").error().code, base::Code::Unavailable);
}

}  // namespace
}  // namespace hal
