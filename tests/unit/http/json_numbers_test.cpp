// What JSON says of numbers is taken as it can be written again.
#include <gtest/gtest.h>

#include "daemon/http/secret_json.h"

namespace tests {
namespace {

using kmsd::http::SecretJson;

TEST(JsonNumbers, ThatHaveNoValueHereAreRefused) {
  for (const char* bad : {"1e400", "144E473", "-1e400", "[1,{\"a\":1e999}]", "1e99999999999"})
    EXPECT_FALSE(SecretJson::parse(bad)) << bad;
}

TEST(JsonNumbers, ThatHaveOneAreReadAgainAsTheyWereWritten) {
  for (const char* good : {"1e300", "-2.5E-3", "18446744073709551615", "-9223372036854775808", "1e-400"}) {
    const auto once = SecretJson::parse(good);
    ASSERT_TRUE(once) << good;
    const auto written = once->text();
    const auto again = SecretJson::parse(base::view(written));
    ASSERT_TRUE(again) << good;
    EXPECT_EQ(again->text(), written) << good;
  }
}

}  // namespace
}  // namespace tests
