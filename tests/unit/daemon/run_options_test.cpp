#include "daemon/run_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kmsd {
namespace {

TEST(ListenTest, TakesUnixSocketsOnly) {
  EXPECT_EQ(*parseListen("unix:/run/x.sock"), "/run/x.sock");
  EXPECT_EQ(*parseListen("unix:x"), "x");
  EXPECT_EQ(parseListen("https://[::]:443").error().code, base::Code::Unsupported);
  EXPECT_EQ(parseListen("http://a:80").error().code, base::Code::Unsupported);
  for (const std::string& bad : {std::string("unix:"), std::string("/run/x"), std::string(),
                                 "unix:" + std::string(108, 'a'), std::string("unix:/a\0b", 9)})
    EXPECT_EQ(parseListen(bad).error().code, base::Code::Invalid) << bad;
}

TEST(OnRemovalTest, TakesThreePolicies) {
  RunOptions options;
  ASSERT_TRUE(parseOnRemoval("seal", options));
  EXPECT_EQ(options.onRemoval, OnRemoval::Seal);
  ASSERT_TRUE(parseOnRemoval("grace:45s", options));
  EXPECT_EQ(options.onRemoval, OnRemoval::Grace);
  EXPECT_EQ(options.grace, std::chrono::seconds(45));
  ASSERT_TRUE(parseOnRemoval("keep", options));
  EXPECT_EQ(options.onRemoval, OnRemoval::Keep);
  for (const char* bad : {"", "grace", "grace:", "grace:0", "grace:-1s", "Keep", "burn"})
    EXPECT_FALSE(parseOnRemoval(bad, options)) << bad;
}

}  // namespace
}  // namespace kmsd
