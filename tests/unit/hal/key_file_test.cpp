#include "hal/key_file.h"

#include <gtest/gtest.h>

#include "hal/base/rfc3339.h"
#include "hal/base/rng.h"
#include "hal/key_file_pack.h"

namespace hal {
namespace {

KeyFile sample() {
  std::byte bytes[8] = {};
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<std::byte>(i * 37 + 5);
  KeyFile file{*base::MasterKey::fromBytes(bytes), MediumIdentity{}, false, {}};
  file.identity->server = *base::Uuid::parse("0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0ff");
  file.identity->medium = *base::Uuid::parse("11112222-3333-4444-8555-666677778888");
  file.identity->label = "Safe, top drawer";
  file.identity->created = *base::parseTime("2026-01-31T12:00:00Z");
  return file;
}

std::string textOf(const KeyFile& file) {
  const auto text = formatKeyFile(file);
  return text ? std::string(text->text()) : text.error().what;
}

base::Result<KeyFile> parse(std::string_view text) { return parseKeyFile(base::asBytes(text)); }

void replace(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

std::string pwdLine() { return "pwd=" + std::string(formatPwd(sample().key)->text()); }

void expectKey(const base::Result<KeyFile>& file) {
  ASSERT_TRUE(file) << file.error().what;
  EXPECT_TRUE(base::equalConstantTime(file->key.bytes(), sample().key.bytes()));
}

void expectDamaged(const base::Result<KeyFile>& file, std::string_view saying) {
  ASSERT_FALSE(file) << saying;
  EXPECT_EQ(file.error().code, base::Code::Corrupt);
  EXPECT_EQ(file.error().reason, base::Reason::Damaged);
  EXPECT_NE(file.error().what.find(saying), std::string::npos) << file.error().what;
}

TEST(KeyFile, WritesOneSectorAndReadsItBack) {
  const std::string text = textOf(sample());
  EXPECT_EQ(text.size(), kKeyFileSize);
  EXPECT_TRUE(text.ends_with("\r\n"));
  const auto file = parse(text);
  expectKey(file);
  ASSERT_TRUE(file->identity);
  EXPECT_FALSE(file->identityDamaged);
  EXPECT_EQ(file->identity->server, sample().identity->server);
  EXPECT_EQ(file->identity->medium, sample().identity->medium);
  EXPECT_EQ(file->identity->label, "Safe, top drawer");
  EXPECT_EQ(file->identity->created, sample().identity->created);
  EXPECT_TRUE(file->unknown.empty());
}

TEST(KeyFile, PadsEveryLabelLengthToWholeSectors) {
  for (std::size_t size = 0; size <= kMaxLabel; ++size) {
    KeyFile file = sample();
    file.identity->label.assign(size, 'x');
    // Unknown lines move the text's end over the sector's boundary.
    for (std::size_t extra = 0; extra < 320; extra += 7) {
      file.unknown = {"a=" + std::string(extra, 'y')};
      const std::string text = textOf(file);
      ASSERT_EQ(text.size() % kKeyFileSize, 0U) << size << " " << extra;
      const auto back = parse(text);
      ASSERT_TRUE(back && back->identity) << size << " " << extra;
      ASSERT_EQ(back->unknown, file.unknown);
    }
  }
}

TEST(KeyFile, OrderLineEndsAndCaseOfKeysDoNotMatter) {
  std::string text = textOf(sample());
  text.resize(text.find(';'));
  std::string unix = text;
  replace(unix, "\r\n", "\n");
  std::string loud = unix;
  for (const char* key : {"[config]", "[medium]", "pwd", "server", "medium=", "label", "created", "crc"}) {
    std::string upper = key;
    for (char& c : upper) c = static_cast<char>(std::toupper(c));
    replace(loud, key, upper);
  }
  std::string blanks = unix;
  replace(blanks, "=", " \t= ");
  replace(blanks, "\n", " \n\n; comment\n# another\n");
  const std::size_t medium = unix.find("[medium]");
  std::string turned = unix.substr(medium) + unix.substr(0, medium);
  const std::size_t label = turned.find("label=");
  const std::string line = turned.substr(label, turned.find('\n', label) + 1 - label);
  turned.erase(label, line.size());
  turned.insert(turned.find("server="), line);
  for (const std::string& form : {text, unix, loud, blanks, turned, "\xEF\xBB\xBF" + unix}) {
    const auto file = parse(form);
    expectKey(file);
    EXPECT_TRUE(file->identity) << form;
    EXPECT_FALSE(file->identityDamaged);
  }
}

TEST(KeyFile, AHandTypedDiskHasNoIdentity) {
  for (const char* form : {"[config]\n%\n", "[config]\r\n%", "[CONFIG]\n\n%\n[other]\npwd=x\nlabel=1\n"}) {
    std::string text = form;
    replace(text, "%", pwdLine());
    const auto file = parse(text);
    expectKey(file);
    EXPECT_FALSE(file->identity);
    EXPECT_FALSE(file->identityDamaged);
  }
}

TEST(KeyFile, ABadIdentityBesideAGoodKeyWarns) {
  const std::string good = textOf(sample());
  const auto change = [&](std::string_view from, std::string_view to) {
    std::string text = good;
    replace(text, from, to);
    EXPECT_NE(text, good) << from;
    return text;
  };
  for (const std::string& text :
       {change("label=Safe", "label=Sate"), change("crc=", "crc=0"), change("crc=", "xrc="),
        change("server=0f", "server=0g"), change("2026-01-31", "2026-02-31"),
        change("medium=1111", "medium=1112"), change("created=", "label=x\r\ncreated="),
        change("created=", "added=later\r\ncreated="), change("Safe", "S\xFF")}) {
    const auto file = parse(text);
    expectKey(file);
    EXPECT_FALSE(file->identity);
    EXPECT_TRUE(file->identityDamaged);
  }
}

TEST(KeyFile, DamageOfTheKeyIsToldByLine) {
  const std::string pwd = pwdLine();
  std::string wrong = pwd;
  wrong.back() = wrong.back() == 'A' ? 'B' : 'A';
  expectDamaged(parse("[config]\n" + wrong), "line 2");
  expectDamaged(parse("\n\n[config]\n" + pwd + "\n" + pwd), "second pwd");
  expectDamaged(parse("[config]\nPWD =" + pwd.substr(4) + "\n[config]\n" + pwd), "second pwd");
  expectDamaged(parse(pwd), "outside the section [config]");
  expectDamaged(parse("[medium]\n" + pwd), "outside the section [config]");
  expectDamaged(parse("[config]\n"), "no line pwd=");
  expectDamaged(parse(""), "no line pwd=");
  expectDamaged(parse("[config]\n" + pwd + std::string("\n\0\n", 3)), "no plain text");
  expectDamaged(parse(std::string(kMaxKeyFile + 1, ';')), "larger than");
  const auto quoted = parse("[config]\n" + wrong);
  EXPECT_EQ(quoted.error().what.find(wrong.substr(4)), std::string::npos);
}

TEST(KeyFile, KeepsWhatALaterVersionWroteButNothingSecret) {
  KeyFile file = sample();
  file.unknown = {"share=2 of 3", "Colour=red"};
  const auto back = parse(textOf(file));
  ASSERT_TRUE(back && back->identity);
  EXPECT_EQ(back->unknown, file.unknown);
  // A key that stands in the wrong line, and unknown lines beside the key, are not carried out of locked
  // memory.
  const auto slip = parse("[config]\n" + pwdLine() + "\nold=" + pwdLine().substr(4) +
                          "\n[medium]\nkey=" + pwdLine().substr(4) + "\nnote=1\n");
  expectKey(slip);
  EXPECT_EQ(slip->unknown, std::vector<std::string>{"note=1"});
}

TEST(KeyFile, RefusesToWriteWhatItCouldNotReadBack) {
  const auto refused = [](auto change) {
    KeyFile file = sample();
    change(file);
    const auto text = formatKeyFile(file);
    return !text && text.error().code == base::Code::Invalid;
  };
  EXPECT_TRUE(refused([](KeyFile& f) { f.identity->label = std::string(25, 'x'); }));
  EXPECT_TRUE(refused([](KeyFile& f) { f.identity->label = "a\nb"; }));
  EXPECT_TRUE(refused([](KeyFile& f) { f.identity->label = "\xFF"; }));
  EXPECT_TRUE(refused([](KeyFile& f) { f.identity->label = " x"; }));
  EXPECT_TRUE(refused([](KeyFile& f) { f.unknown = {"crc=1"}; }));
  EXPECT_TRUE(refused([](KeyFile& f) { f.unknown = {"PWD=1"}; }));
  EXPECT_TRUE(refused([](KeyFile& f) { f.unknown = {"a=1\nb=2"}; }));
  EXPECT_TRUE(refused([](KeyFile& f) { f.unknown = {"no equals sign"}; }));
  EXPECT_TRUE(refused([](KeyFile& f) { f.unknown = {"; a=comment"}; }));
  EXPECT_TRUE(refused([](KeyFile& f) { f.unknown = {"a=" + std::string(kMaxKeyFile, 'x')}; }));
}

TEST(KeyFile, SurvivesAnyBytes) {
  std::string text = textOf(sample());
  std::uint64_t state = 20260131;
  const auto next = [&state] { return state = state * 6364136223846793005ULL + 1442695040888963407ULL; };
  int opened = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string bad = text;
    for (std::uint64_t n = (next() >> 60U) + 1; n > 0; --n)
      bad[(next() >> 33U) % bad.size()] = static_cast<char>(next() >> 56U);
    const auto file = parse(bad);
    if (file) ++opened;
    const auto reason = file ? base::Reason::Damaged : file.error().reason;
    ASSERT_EQ(reason, base::Reason::Damaged);
  }
  EXPECT_GT(opened, 1000);  // flips outside of the pwd line
  EXPECT_LT(opened, 20000);
}

// --- shares
// --------------------------------------------------------------------------------------------------

KeyFile sampleShare(std::uint8_t number = 3, std::uint8_t threshold = 2) {
  KeyFile file = sample();
  file.share = KeyShare{number, threshold};
  return file;
}

TEST(ShareFile, IsReadBackWithItsNumberAndThreshold) {
  for (const KeyShare share : {KeyShare{1, 2}, KeyShare{3, 5}, KeyShare{255, 255}}) {
    const std::string text = textOf(sampleShare(share.number, share.threshold));
    EXPECT_EQ(text.size(), kKeyFileSize);
    const auto file = parse(text);
    expectKey(file);
    ASSERT_TRUE(file->identity);
    EXPECT_EQ(file->share, share);
    EXPECT_TRUE(file->unknown.empty());
  }
}

TEST(ShareFile, FitsOnACardWithTheLongestLabel) {
  KeyFile file = sampleShare(255, 255);
  file.identity->label.assign(kMaxLabel, 'x');
  const auto packed = packKeyFile(formatKeyFile(file)->bytes());
  ASSERT_TRUE(packed);
  EXPECT_LE(packed->size(), 240U);
}

TEST(ShareFile, AThresholdThatIsMissingOrWrongCostsTheIdentityAndNotTheShare) {
  for (const std::string line : {"", "threshold=1\r\n", "threshold=0\r\n", "threshold=256\r\n",
                                 "threshold=two\r\n", "threshold=2\r\nthreshold=2\r\n"}) {
    std::string text = textOf(sampleShare());
    replace(text, "threshold=2\r\n", line);
    const auto file = parse(text);
    expectKey(file);
    EXPECT_FALSE(file->identity) << line;
    EXPECT_TRUE(file->identityDamaged) << line;
    EXPECT_EQ(file->share, (KeyShare{3, 0})) << line;
  }
}

TEST(ShareFile, AWholeKeyHasNoThreshold) {
  std::string text = textOf(sample());
  replace(text, "crc=", "threshold=2\r\ncrc=");
  const auto file = parse(text);
  expectKey(file);
  EXPECT_FALSE(file->share);
  EXPECT_TRUE(file->identityDamaged);
}

TEST(ShareFile, WithoutItsNumberTheDiskIsDamaged) {
  std::string text = textOf(sampleShare());
  replace(text, "pwd=3:", "pwd=");
  expectDamaged(parse(text), "check character");
  text = textOf(sampleShare());
  replace(text, "pwd=3:", "pwd=4:");
  expectDamaged(parse(text), "number");
}

TEST(ShareFile, IsNotWrittenWithoutNumberOrThreshold) {
  EXPECT_FALSE(formatKeyFile(sampleShare(0, 2)));
  EXPECT_FALSE(formatKeyFile(sampleShare(3, 1)));
  KeyFile typed = sampleShare(3, 0);
  typed.identity.reset();
  const auto file = parse(textOf(typed));
  expectKey(file);
  EXPECT_EQ(file->share, (KeyShare{3, 0}));
}

TEST(ShareFile, AShareInAnUnknownLineIsNotKept) {
  std::string text = textOf(sampleShare());
  const std::string pwd(formatPwd(sample().key, 3)->text());
  replace(text, "crc=", "note=" + pwd + "\r\ncrc=");
  const auto file = parse(text);
  expectKey(file);
  EXPECT_TRUE(file->unknown.empty());
}

}  // namespace
}  // namespace hal
