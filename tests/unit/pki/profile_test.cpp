#include "kms/pki/profile.h"

#include <gtest/gtest.h>

#include <set>

namespace tests {
namespace {

using namespace kms::pki;

TEST(Profile, EachIsFoundByItsNameAndNumber) {
  std::set<std::string_view> names;
  for (const ProfileRow& known : profiles()) {
    EXPECT_TRUE(names.insert(known.name).second);
    EXPECT_EQ(parseProfile(known.name), known.profile);
    EXPECT_EQ(&row(known.profile), &known);
    EXPECT_GT(known.life.count(), 0);
    EXPECT_FALSE(known.meaning.empty());
  }
  EXPECT_EQ(names.size(), 7U);
  EXPECT_FALSE(parseProfile("user"));
}

TEST(Profile, OnlyAuthoritiesSignCertificates) {
  for (const ProfileRow& known : profiles()) {
    const bool authority = known.profile == Profile::Authority;
    EXPECT_EQ(((known.keyUse | known.keyUseRsa) & (kCertSign | kCrlSign)) != 0, authority) << known.name;
    EXPECT_EQ((known.extendedUse & kOcspSigning) != 0, known.profile == Profile::Ocsp) << known.name;
    EXPECT_EQ((known.extendedUse & kCmcRa) != 0, known.profile == Profile::Cmp) << known.name;
    EXPECT_FALSE(known.forUsers && (authority || (known.extendedUse & (kOcspSigning | kCmcRa)) != 0));
  }
}

}  // namespace
}  // namespace tests
