#include "kms/pki/certificate.h"

#include "kms/pki/der.h"
#include "kms/pki/digest.h"
#include "tests/unit/pki/tools.h"

namespace tests {
namespace {

using namespace kms::pki;

class CertificateTest : public Tools {
 protected:
  base::Bytes selfSigned(const std::vector<std::string>& more) {
    std::vector<std::string> command{
        "req",    "-x509",   "-newkey",         "ec",    "-pkeyopt",         "ec_paramgen_curve:P-256",
        "-nodes", "-keyout", "@key.pem",        "-subj", "/O=Acme/CN=Alice", "-outform",
        "DER",    "-out",    "@certificate.der"};
    command.insert(command.end(), more.begin(), more.end());
    openssl(command);
    return get("certificate.der");
  }
};

TEST_F(CertificateTest, ReadsWhatOpensslMade) {
  const auto der = selfSigned({"-set_serial", "0x0102030405060708090a0b0c0d0e0f10", "-days", "10"});
  const auto read = parseCertificate(der);
  ASSERT_TRUE(read) << errorOf(read);
  EXPECT_EQ(base::toHex(read->serial), "0102030405060708090a0b0c0d0e0f10");
  ASSERT_TRUE(read->ourSerial());
  EXPECT_EQ(serialText(*read->ourSerial()), "0102030405060708090a0b0c0d0e0f10");
  EXPECT_EQ(shownName(read->subject), "CN=Alice,O=Acme");
  EXPECT_EQ(read->issuer, read->subject);
  EXPECT_TRUE(read->authority);
  EXPECT_EQ(read->notAfter - read->notBefore, std::chrono::hours(240));
  EXPECT_LT(std::chrono::abs(read->notBefore - now()), std::chrono::minutes(1));
  EXPECT_EQ(read->der, der);
  openssl({"pkey", "-in", "@key.pem", "-pubout", "-outform", "DER", "-out", "@public.der"});
  EXPECT_EQ(base::toHex(read->key), base::toHex(sha256(get("public.der"))));
  const auto text = openssl(
      {"x509", "-inform", "DER", "-in", "@certificate.der", "-noout", "-ext", "subjectKeyIdentifier"});
  std::string hex = base::toHex(read->keyIdentifier);
  std::erase(hex, ':');
  std::string shown = text;
  std::erase(shown, ':');
  for (char& c : shown) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  EXPECT_NE(shown.find(hex), std::string::npos) << shown;
}

TEST_F(CertificateTest, ForeignFormsAreRead) {
  const auto plain = parseCertificate(
      selfSigned({"-set_serial", "5", "-addext", "basicConstraints=critical,CA:FALSE", "-days", "40000"}));
  ASSERT_TRUE(plain) << errorOf(plain);
  EXPECT_FALSE(plain->authority);
  EXPECT_EQ(base::toHex(plain->serial), "05");
  EXPECT_FALSE(plain->ourSerial());
  EXPECT_GT(plain->notAfter, now() + std::chrono::hours(24 * 39000));  // a GeneralizedTime
  const auto large = parseCertificate(selfSigned({"-set_serial", "0xff000000000000000000000000000001"}));
  ASSERT_TRUE(large) << errorOf(large);
  EXPECT_FALSE(large->ourSerial());  // 16 bytes, but not one of ours
  EXPECT_EQ(large->serial.size(), 16U);
}

TEST_F(CertificateTest, CutAndTrailingBytesAreRefused) {
  auto der = selfSigned({});
  for (std::size_t size = 0; size < der.size(); ++size) {
    const auto cut = parseCertificate(base::BytesView(der).first(size));
    ASSERT_FALSE(cut) << size;
    EXPECT_EQ(cut.error().code, base::Code::Invalid);
  }
  der.push_back(std::byte{0});
  EXPECT_FALSE(parseCertificate(der));
  der.resize(kMostDer + 1);
  EXPECT_NE(errorOf(parseCertificate(der)).find("64 KiB"), std::string::npos);
}

TEST_F(CertificateTest, PemHoldsOneOrSeveral) {
  const auto der = selfSigned({});
  const std::string one = pem("CERTIFICATE", der);
  put("ours.pem", one);
  EXPECT_EQ(openssl({"x509", "-in", "@ours.pem"}), one);
  const auto several = parsePemCertificates("words\n" + one + "more words\n" + one + getText("key.pem"));
  ASSERT_TRUE(several) << errorOf(several);
  ASSERT_EQ(several->size(), 2U);
  EXPECT_EQ((*several)[1].der, der);
  std::string many;
  for (int i = 0; i < 16; ++i) many += one;
  EXPECT_TRUE(parsePemCertificates(many));
  EXPECT_FALSE(parsePemCertificates(many + one));
  EXPECT_FALSE(parsePemCertificates(""));
  EXPECT_FALSE(parsePemCertificates(getText("key.pem")));
  EXPECT_FALSE(parsePemCertificates(one.substr(0, one.size() - 10)));
  std::string damaged = one;
  damaged[one.size() / 2] = '!';
  EXPECT_FALSE(parsePemCertificates(damaged));
}

TEST(Serial, IsReadAsToolsShowIt) {
  Serial serial{};
  serial[0] = std::byte{0x7F};
  serial[15] = std::byte{0xA5};
  const std::string text = "7f0000000000000000000000000000a5";
  EXPECT_EQ(serialText(serial), text);
  EXPECT_EQ(parseSerial(text), serial);
  EXPECT_EQ(parseSerial("7F:00:00:00:00:00:00:00:00:00:00:00:00:00:00:A5"), serial);
  EXPECT_FALSE(parseSerial("7f:000000000000000000000000000:0a5"));
  EXPECT_FALSE(parseSerial(text + "0"));
  EXPECT_FALSE(parseSerial(text.substr(1)));
  EXPECT_FALSE(parseSerial("800000000000000000000000000000a5"));
  EXPECT_FALSE(parseSerial("000000000000000000000000000000a5"));
  EXPECT_FALSE(parseSerial("7g0000000000000000000000000000a5"));
  EXPECT_FALSE(parseSerial(""));
}

TEST(Serial, NewOnesArePositiveAndDiffer) {
  struct Fixed final : base::Rng {
    int calls = 0;
    void fill(std::span<std::byte> out) override {
      ++calls;
      std::fill(out.begin(), out.end(), calls == 1 ? std::byte{0x80} : std::byte{0xFF});
    }
  } rng;
  EXPECT_EQ(serialText(newSerial(rng)), "7fffffffffffffffffffffffffffffff");
  EXPECT_EQ(rng.calls, 2);  // the first byte would have been 0
  EXPECT_NE(newSerial(base::systemRng()), newSerial(base::systemRng()));
}

TEST(DerTimes, TurnAtTheYear2050) {
  const auto at = [](int year, unsigned month, unsigned day) {
    return base::Time(
        std::chrono::sys_days(std::chrono::year(year) / static_cast<int>(month) / static_cast<int>(day)));
  };
  const auto last = at(2050, 1, 1) - std::chrono::seconds(1);
  EXPECT_EQ(derTime(last)->text, "491231235959Z");
  EXPECT_EQ(derTime(last)->tag, kUtcTime);
  EXPECT_EQ(derTime(at(2050, 1, 1))->text, "20500101000000Z");
  EXPECT_EQ(derTime(at(2050, 1, 1))->tag, kGeneralizedTime);
  EXPECT_EQ(derTime(at(1950, 1, 1))->text, "500101000000Z");
  EXPECT_FALSE(derTime(at(1950, 1, 1) - std::chrono::seconds(1)));
  EXPECT_FALSE(derTime(at(10000, 1, 1)));
  for (const auto time : {last, at(2050, 1, 1), at(1950, 1, 1), at(2000, 2, 29), at(9999, 12, 31)}) {
    Der der;
    der.time(time);
    DerReader in(der.view());
    EXPECT_EQ(in.time(), time);
    EXPECT_TRUE(in.done());
  }
  for (const char* bad : {"250229000000Z", "250101240000Z", "250101000060Z", "2501010000Z",
                          "250101000000+0000", "25010100000Z", "251301000000Z", "2x0101000000Z"}) {
    Der der;
    der.element(kUtcTime, std::string_view(bad));
    DerReader in(der.view());
    in.time();
    EXPECT_FALSE(in.ok()) << bad;
  }
}

TEST(DerReading, LengthsAndNumbersAreMinimal) {
  const auto good = [](std::string_view bytes, auto read) {
    DerReader in(base::asBytes(bytes));
    read(in);
    return in.done();
  };
  const auto any = [](DerReader& in) { in.any(); };
  const auto natural = [](DerReader& in) { in.natural(); };
  using namespace std::string_view_literals;
  EXPECT_TRUE(good("\x04\x00"sv, any));
  EXPECT_FALSE(good("\x04\x80"sv, any));
  EXPECT_FALSE(good("\x04\x81\x01 "sv, any));
  EXPECT_FALSE(good("\x04\x82\x00\x01 "sv, any));
  EXPECT_FALSE(good("\x04\x84\x00\x00\x00\x01 "sv, any));
  EXPECT_FALSE(good("\x1F\x81\x01\x00"sv, any));
  EXPECT_TRUE(good("\x02\x01\x00"sv, natural));
  EXPECT_TRUE(good("\x02\x02\x00\x80"sv, natural));
  EXPECT_FALSE(good("\x02\x02\x00\x7F"sv, natural));
  EXPECT_FALSE(good("\x02\x01\x80"sv, natural));
  EXPECT_FALSE(good("\x02\x00"sv, natural));
  const auto flags = [](DerReader& in) { in.flags(); };
  EXPECT_TRUE(good("\x03\x02\x05\xA0"sv, flags));
  EXPECT_TRUE(good("\x03\x01\x00"sv, flags));
  EXPECT_FALSE(good("\x03\x02\x05\xA1"sv, flags));
  EXPECT_FALSE(good("\x03\x02\x08\x00"sv, flags));
  EXPECT_FALSE(good("\x03\x01\x01"sv, flags));
  EXPECT_FALSE(good("\x03\x00"sv, flags));
  EXPECT_FALSE(good("\x03\x04\x00\x01\x01\x01"sv, flags));
}

TEST(DerWriting, ComesBack) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{127}, std::size_t{128}, std::size_t{255},
                                 std::size_t{256}, std::size_t{65535}, std::size_t{65536}}) {
    const base::Bytes content(size, std::byte{7});
    Der der;
    der.sequence([&] { der.element(kOctetString, content); });
    DerReader outer(der.view());
    DerReader inside = outer.enter(kSequence);
    EXPECT_EQ(inside.value(kOctetString).size(), size);
    EXPECT_TRUE(outer.done() && inside.done());
  }
  for (const std::uint64_t number : {0ULL, 1ULL, 127ULL, 128ULL, 255ULL, 256ULL, ~0ULL}) {
    Der der;
    der.small(number);
    DerReader in(der.view());
    EXPECT_EQ(in.small(), number);
    EXPECT_TRUE(in.done());
  }
  for (const unsigned set : {0U, 1U, 3U, 0x60U, 0x80U, 0x100U, 0x8001U}) {
    Der der;
    der.flags(static_cast<std::uint16_t>(set));
    DerReader in(der.view());
    EXPECT_EQ(in.flags(), set);
    EXPECT_TRUE(in.done());
  }
}

}  // namespace
}  // namespace tests
