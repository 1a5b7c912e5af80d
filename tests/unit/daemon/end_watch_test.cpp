#include "daemon/end_watch.h"

#include <gtest/gtest.h>

namespace kmsd {
namespace {

using std::chrono::hours;

const base::Time kEnd{std::chrono::seconds(1'900'000'000)};
constexpr hours kDay{24};

TEST(EndWatch, TellsEachTimeOnce) {
  EndWatch watch("the certificate", "do something", 90 * kDay);
  const auto at = [&](std::chrono::seconds before) { return watch.look(kEnd, kEnd - before).value_or(""); };
  EXPECT_EQ(at(91 * kDay), "");
  EXPECT_EQ(at(90 * kDay), "the certificate ends in 90 days, at 2030-03-17T17:46:40Z; do something");
  EXPECT_EQ(at(60 * kDay), "");
  EXPECT_NE(at(30 * kDay).find("in 30 days"), std::string::npos);
  EXPECT_EQ(at(30 * kDay), "");
  EXPECT_NE(at(hours(20)).find("in 20 hours"), std::string::npos) << "the week was slept through";
  EXPECT_EQ(at(hours(19)), "");
  EXPECT_NE(at(hours(0)).find("the certificate ended at 2030-03-17T17:46:40Z; do something"),
            std::string::npos);
  EXPECT_EQ(at(-kDay), "");
}

TEST(EndWatch, BeginsAnewWithAnotherCertificate) {
  EndWatch watch("it", "renew it", 30 * kDay);
  EXPECT_FALSE(watch.look(std::nullopt, kEnd));
  EXPECT_TRUE(watch.look(kEnd, kEnd - kDay));
  EXPECT_FALSE(watch.look(kEnd + 365 * kDay, kEnd - kDay));
  EXPECT_TRUE(watch.look(kEnd + 10 * kDay, kEnd));
  EXPECT_FALSE(watch.look(std::nullopt, kEnd));
  EXPECT_TRUE(watch.look(kEnd + 10 * kDay, kEnd));
}

}  // namespace
}  // namespace kmsd
