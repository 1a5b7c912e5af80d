// What a request target must not hold as it stands.
#include <gtest/gtest.h>

#include "daemon/http/target.h"

namespace tests {
namespace {

using kmsd::http::parseTarget;

TEST(TargetCharacters, ControlsAndBlanksMustBeEscaped) {
  using namespace std::string_view_literals;
  for (const std::string_view bad : {"/v1/\0"sv, "/v1?a=\0"sv, "/a b"sv, "/a\tb"sv, "/a\r\nX: y"sv,
                                     "/a\x7f"sv, "/?a=b c"sv, "http://h\0st/x"sv})
    EXPECT_FALSE(parseTarget(bad)) << bad;
  EXPECT_EQ(parseTarget("/a%20b%0A")->path, "/a b\n");
}

}  // namespace
}  // namespace tests
