// kmsd's commands as they are typed: what each says and its exit code. The programs come from the build
// directory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "tests/support/run.h"
#include "tests/support/scratch.h"

namespace tests {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class CommandsTest : public ::testing::Test {
 protected:
  Ran kmsd(std::vector<std::string> words, const std::string& input = {}) {
    words.insert(words.begin(), std::string(KEYDISK_BINARY_DIR) + "/kmsd");
    words.insert(words.end(), {"--config", "/dev/null"});
    return run(words, input);
  }
  // Exit code and one line on stderr, which says `what`; nothing on stdout.
  void refused(const std::vector<std::string>& words, int exit, const std::string& what,
               const std::string& input = {}) {
    const Ran ran = kmsd(words, input);
    EXPECT_EQ(ran.exit, exit) << ran.err;
    EXPECT_EQ(std::ranges::count(ran.err, '\n'), 1) << ran.err;
    EXPECT_THAT(ran.err, AllOf(::testing::StartsWith("kmsd: "), HasSubstr(what)));
    EXPECT_EQ(ran.out, "");
  }
  std::string image(const std::string& name) { return "image:" + path(name); }
  std::string path(const std::string& name) { return (scratch_ / name).string(); }
  std::vector<std::string> setup(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"setup", "--data-dir", path("D"), "--medium", image("key.img")});
    return more;
  }
  void makeServer() {
    const Ran ran = kmsd(setup({"--backup-medium", image("spare.img"), "--organisation", "Acme"}));
    ASSERT_EQ(ran.exit, 0) << ran.err;
  }
  std::string bytes(const std::string& name) {
    std::ifstream in(scratch_ / name, std::ios::binary);
    std::stringstream out;
    out << in.rdbuf();
    return out.str();
  }
  // From `medium check --json`.
  std::string mediumId(const std::string& name) {
    const std::string out = kmsd({"medium", "check", image(name), "--json"}).out;
    const std::string key = "\"medium\":\"";
    const std::size_t at = out.find(key);
    return at == std::string::npos ? "" : out.substr(at + key.size(), 36);
  }

  Scratch scratch_;
};

TEST_F(CommandsTest, WrongLinesAreUsageErrors) {
  refused({"stup"}, 2, "there is no verb 'stup'; did you mean 'setup'? See 'kmsd --help'");
  refused({"run", "--medum", "x"}, 2, "no option '--medum' here; did you mean '--medium'?");
  refused({"medium"}, 2, "needs a second word: list, check, create, copy, show");
  refused({"medium", "check"}, 2, "argument URI is missing");
  refused({"setup", "--data-dir", path("D")}, 2, "--medium URI is missing");
  refused({"run", "--listen", "https://localhost:443", "--tls-key", "k.pem", "--data-dir", path("D")}, 2,
          "--tls-certificate FILE and --tls-key FILE go together");
  refused({"run", "--on-removal", "burn", "--data-dir", path("D")}, 2, "keep, seal or grace");
  refused(setup({"--organisation", "a\nb"}), 2, "organisation");
}

TEST_F(CommandsTest, HelpAndVersionAnswer) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"--help"},
                                                {"setup", "--help"},
                                                {"run", "--help"},
                                                {"medium", "list", "--help"},
                                                {"medium", "check", "--help"},
                                                {"medium", "create", "--help"},
                                                {"medium", "copy", "--help"},
                                                {"medium", "show", "--help"},
                                                {"--version"}}) {
    const Ran ran = kmsd(words);
    EXPECT_EQ(ran.exit, 0);
    EXPECT_EQ(ran.err, "");
    EXPECT_FALSE(ran.out.empty());
  }
}

TEST_F(CommandsTest, AUriThatNoDriverKnowsListsTheDrivers) {
  for (const char* uri : {"tape:0", "nonsense", ""}) {
    refused({"medium", "check", uri}, 2, "image");
    refused({"setup", "--data-dir", path("D"), "--medium", uri}, 2, "floppy");
  }
  EXPECT_FALSE(std::filesystem::exists(path("D")));
}

TEST_F(CommandsTest, SetupMakesAServerAndItsMedia) {
  const Ran ran = kmsd(setup({"--backup-medium", image("spare.img"), "--organisation", "Acme"}));
  ASSERT_EQ(ran.exit, 0) << ran.err;
  EXPECT_EQ(ran.err, "");
  EXPECT_THAT(ran.out, AllOf(HasSubstr("for Acme"), HasSubstr("\"Acme 1\""), HasSubstr("\"Acme 2\""),
                             HasSubstr("kmsd run --data-dir " + path("D"))));
  struct stat found {};
  ASSERT_EQ(::lstat(path("D/security").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0700U);
  for (const char* file : {"D/security/kms.db", "D/security/header", "key.img"}) {
    ASSERT_EQ(::lstat(path(file).c_str(), &found), 0) << file;
    EXPECT_EQ(found.st_mode & 07777, 0600U) << file;
  }
  EXPECT_FALSE(std::filesystem::exists(path("D/security.new")));
  EXPECT_NE(mediumId("key.img"), mediumId("spare.img"));
  for (const char* medium : {"key.img", "spare.img"}) {
    const Ran check = kmsd({"medium", "check", image(medium), "--data-dir", path("D")});
    EXPECT_EQ(check.exit, 0) << check.err;
    EXPECT_THAT(check.out, HasSubstr("It opens the server."));
  }
}

TEST_F(CommandsTest, SetupWithoutABackupWarns) {
  const Ran ran = kmsd(setup());
  EXPECT_EQ(ran.exit, 0);
  EXPECT_THAT(ran.err, HasSubstr("WARNING: there is no backup medium"));
}

TEST_F(CommandsTest, SetupRefusesADirectoryThatIsTaken) {
  makeServer();
  const std::string before = bytes("key.img");
  refused(setup(), 9, "already holds a server");
  refused(setup({"--destroy-key", mediumId("key.img")}), 9, "already holds a server");
  EXPECT_EQ(bytes("key.img"), before);
  std::filesystem::create_directory(path("other"));
  std::ofstream(path("other/letter.txt")) << "x";
  refused({"setup", "--data-dir", path("other"), "--medium", image("n.img")}, 8, "letter.txt");
  refused({"setup", "--data-dir", path("no/such"), "--medium", image("n.img")}, 8, "there is no directory");
  EXPECT_FALSE(std::filesystem::exists(path("n.img")));
}

TEST_F(CommandsTest, SetupKeepsAKeyUnlessItsIdIsGiven) {
  makeServer();
  const std::string before = bytes("key.img");
  const std::string id = mediumId("key.img");
  const std::vector<std::string> again = {"setup", "--data-dir", path("E"), "--medium", image("key.img")};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), again.begin(), again.end());
    return more;
  };
  refused(again, 6, "--destroy-key " + id);
  refused(with({"--format"}), 6, "holds a key");
  refused(with({"--destroy-key", mediumId("spare.img")}), 2, "fits none of the media");
  EXPECT_EQ(bytes("key.img"), before);
  EXPECT_FALSE(std::filesystem::exists(path("E")));
  EXPECT_EQ(kmsd(with({"--destroy-key", id})).exit, 0);
  EXPECT_NE(mediumId("key.img"), id);
}

TEST_F(CommandsTest, SetupChecksEveryMediumBeforeItWritesOne) {
  makeServer();
  refused(
      {"setup", "--data-dir", path("E"), "--medium", image("new.img"), "--backup-medium", image("key.img")},
      6, "holds a key");
  refused(
      {"setup", "--data-dir", path("E"), "--medium", image("new.img"), "--backup-medium", image("new.img")},
      2, "named twice");
  EXPECT_FALSE(std::filesystem::exists(path("new.img")));
  EXPECT_FALSE(std::filesystem::exists(path("E")));
}

TEST_F(CommandsTest, OtherDataAreLostOnlyWithFormat) {
  std::ofstream(path("data.img")) << std::string(1'474'560, 'x');
  const std::string before = bytes("data.img");
  const std::vector<std::string> words = {"setup", "--data-dir", path("D"), "--medium", image("data.img")};
  refused(words, 6, "--format");
  EXPECT_EQ(bytes("data.img"), before);
  auto with = words;
  with.push_back("--format");
  EXPECT_EQ(kmsd(with).exit, 0);
}

TEST_F(CommandsTest, AVolumeWithFilesIsLostOnlyWithFormat) {
  ASSERT_EQ(run({"mformat", "-C", "-f", "1440", "-i", path("files.img"), "::"}).exit, 0);
  ASSERT_EQ(run({"mcopy", "-i", path("files.img"), "-", "::A.TXT"}, "some text").exit, 0);
  const std::string before = bytes("files.img");
  refused(setup({"--backup-medium", image("files.img")}), 6, "format");
  EXPECT_EQ(bytes("files.img"), before);
  EXPECT_FALSE(std::filesystem::exists(path("D/security")));
  const Ran formatted = kmsd({"setup", "--data-dir", path("D"), "--medium", image("files.img"), "--format"});
  EXPECT_EQ(formatted.exit, 0) << formatted.err;
}

TEST_F(CommandsTest, AKeyIsLostOnlyWhenAllElseHasGoneWell) {
  makeServer();
  const std::string before = bytes("key.img");
  refused({"setup", "--data-dir", path("E"), "--medium", image("key.img"), "--destroy-key",
           mediumId("key.img"), "--backup-medium", image("nowhere/b.img")},
          5, "cannot make a file");
  EXPECT_EQ(bytes("key.img"), before);
  EXPECT_FALSE(std::filesystem::exists(path("E")));
}

TEST_F(CommandsTest, RootMakesTheServerOfTheDirectorysOwner) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to act for another user";
  std::filesystem::create_directory(path("D"));
  ::chmod(scratch_.path().c_str(), 0755);
  ASSERT_EQ(::chown(path("D").c_str(), 4711, 4711), 0);
  makeServer();
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path("D"))) {
    struct stat found {};
    ASSERT_EQ(::lstat(entry.path().c_str(), &found), 0);
    EXPECT_EQ(found.st_uid, 4711U) << entry.path();
  }
}

TEST_F(CommandsTest, AMissingFileIsNoNo) {
  refused({"medium", "create", image("new.img"), "--pwd-file", path("none")}, 8, "cannot open");
  EXPECT_EQ(kmsd({"medium", "check", "floppy:/dev/none"}).exit, 5);
}

TEST_F(CommandsTest, AnEmptyVolumeIsUsedAsItIs) {
  ASSERT_EQ(run({"mformat", "-C", "-f", "1440", "-i", path("key.img"), "::"}).exit, 0);
  const Ran made = kmsd(setup());
  EXPECT_EQ(made.exit, 0) << made.err;
}

TEST_F(CommandsTest, AWrongLineNamesTheHelpOfItsVerb) {
  refused({"medium", "check", "image:a", "image:b"}, 2, "see 'kmsd medium check --help'");
}

TEST_F(CommandsTest, ReadOnlyMediaAreRefused) {
  ASSERT_EQ(run({"mformat", "-C", "-f", "1440", "-i", path("key.img"), "::"}).exit, 0);
  std::filesystem::permissions(path("key.img"), std::filesystem::perms(0444));
  const std::string before = bytes("key.img");
  refused(setup(), 6, "write-protected");
  EXPECT_EQ(bytes("key.img"), before);
}

TEST_F(CommandsTest, MediaThatAreTooSmallAreRefused) {
  std::ofstream(path("small.img")) << std::string(512, '\0');
  refused({"setup", "--data-dir", path("D"), "--medium", image("small.img")}, 4, "small");
  EXPECT_FALSE(std::filesystem::exists(path("D/security")));
  EXPECT_FALSE(std::filesystem::exists(path("D/security.new")));
}

TEST_F(CommandsTest, LeftoversOfAnInterruptedSetupAreCleared) {
  std::filesystem::create_directories(path("D/security.new"));
  ::chmod(path("D").c_str(), 0700);
  std::ofstream(path("D/security.new/kms.db")) << "half";
  makeServer();
  EXPECT_FALSE(std::filesystem::exists(path("D/security.new")));
}

TEST_F(CommandsTest, RemoveAllPutsAside) {
  makeServer();
  const std::string database = bytes("D/security/kms.db");
  EXPECT_EQ(kmsd({"setup", "--remove-all", "--data-dir", path("D")}).exit, 0);
  EXPECT_EQ(bytes("D/security.bak/kms.db"), database);
  refused({"setup", "--remove-all", "--data-dir", path("D")}, 8, "holds no server");
  const Ran again = kmsd({"setup", "--data-dir", path("D"), "--medium", image("key2.img")});
  ASSERT_EQ(again.exit, 0) << again.err;
  EXPECT_EQ(kmsd({"setup", "--remove-all", "--data-dir", path("D")}).exit, 0);
  EXPECT_TRUE(std::filesystem::exists(path("D/security.bak.1/kms.db")));
}

TEST_F(CommandsTest, RunRefusesDirectoriesThatAreNotFit) {
  const auto runOn = [&](const std::string& dir) {
    return std::vector<std::string>{"run",      "--data-dir",    path(dir), "--listen", "unix:" + path("s"),
                                    "--medium", image("key.img")};
  };
  refused(runOn("none"), 8, "there is no data directory");
  std::filesystem::create_directory(path("empty"));
  refused(runOn("empty"), 8, "holds no server");
  makeServer();
  ::chmod(path("D/security").c_str(), 0755);
  refused(runOn("D"), 6, "chmod 0700");
  ::chmod(path("D/security").c_str(), 0700);
  ::chmod(path("D/security/kms.db").c_str(), 0640);
  refused(runOn("D"), 6, "chmod 0600");
}

TEST_F(CommandsTest, MediumCheckTellsValidBadAndNone) {
  makeServer();
  EXPECT_EQ(kmsd({"medium", "check", image("key.img")}).exit, 0);
  refused({"medium", "check", image("none.img")}, 5, "none.img");
  std::ofstream(path("blank.img")) << std::string(1'474'560, '\0');
  refused({"medium", "check", image("blank.img")}, 4, "blank.img");
  const Ran json = kmsd({"medium", "check", image("blank.img"), "--json"});
  EXPECT_EQ(json.exit, 4);
  EXPECT_EQ(json.err, "");
  EXPECT_THAT(json.out, AllOf(HasSubstr("\"valid\":false"), HasSubstr("\"reason\":\"unformatted\"")));
}

TEST_F(CommandsTest, AForeignDiskDoesNotOpen) {
  makeServer();
  ASSERT_EQ(kmsd({"setup", "--data-dir", path("E"), "--medium", image("other.img")}).exit, 0);
  const Ran ran = kmsd({"medium", "check", image("other.img"), "--data-dir", path("D"), "--json"});
  EXPECT_EQ(ran.exit, 4);
  EXPECT_THAT(ran.out,
              AllOf(HasSubstr("\"valid\":true"), HasSubstr("\"opens\":false"), HasSubstr("foreign")));
}

TEST_F(CommandsTest, CopyIsExactAndVerified) {
  makeServer();
  const Ran ran = kmsd({"medium", "copy", image("key.img"), image("copy.img")});
  EXPECT_EQ(ran.exit, 0) << ran.err;
  EXPECT_EQ(mediumId("copy.img"), mediumId("key.img"));
  EXPECT_EQ(kmsd({"medium", "check", image("copy.img"), "--data-dir", path("D")}).exit, 0);
  refused({"medium", "copy", image("key.img"), image("key.img")}, 2, "named twice");
  refused({"medium", "copy", image("key.img"), image("spare.img")}, 6, "holds a key");
  refused({"medium", "copy", image("none.img"), image("x.img")}, 5, "none.img");
  EXPECT_FALSE(std::filesystem::exists(path("x.img")));
}

TEST_F(CommandsTest, CreateTakesTypedCharactersAndChecksThem) {
  refused({"medium", "create", image("typed.img"), "--pwd-file", "-"}, 4, "", "00000000000000\n");
  refused({"medium", "create", image("typed.img"), "--pwd-file", "-"}, 4, "", "too short\n");
  refused({"medium", "create", image("typed.img")}, 2, "--pwd-file");
  refused({"medium", "create", image("typed.img"), "--server-id", "x", "--pwd-file", "-"}, 2, "--medium-id",
          "y");
  EXPECT_FALSE(std::filesystem::exists(path("typed.img")));
}

TEST_F(CommandsTest, AMediumMadeOfTheCharactersOpensTheServer) {
  makeServer();
  const std::string text = run({"mtype", "-i", path("key.img"), "::KMSPWD.INI"}).out;
  const std::string pwd = text.substr(text.find("pwd=") + 4, 14);
  const Ran made = kmsd({"medium", "create", image("typed.img"), "--pwd-file", "-"}, pwd + "\n");
  EXPECT_EQ(made.exit, 0) << made.err;
  EXPECT_EQ(made.out.find(pwd), std::string::npos);
  EXPECT_EQ(kmsd({"medium", "check", image("typed.img"), "--data-dir", path("D")}).exit, 0);
  refused({"medium", "create", image("x.img"), "--type", "--pwd-file", "-"}, 2, "exclude");
}

TEST_F(CommandsTest, ShowNeedsATerminal) {
  makeServer();
  refused({"medium", "show", image("key.img")}, 6, "on a terminal only");
  refused({"setup", "--data-dir", path("E"), "--medium", "prompt:"}, 8, "terminal");
  EXPECT_FALSE(std::filesystem::exists(path("E")));
}

TEST_F(CommandsTest, ListShowsMediaAndDrivers) {
  makeServer();
  const Ran ran = kmsd({"medium", "list", "--medium", "image:" + scratch_.path().string()});
  EXPECT_EQ(ran.exit, 0) << ran.err;
  EXPECT_THAT(ran.out, AllOf(HasSubstr("key.img"), HasSubstr("\"Acme 2\""), HasSubstr("floppy:")));
  const Ran json = kmsd({"medium", "list", "--medium", image("key.img"), "--json"});
  EXPECT_THAT(json.out,
              AllOf(HasSubstr("\"present\":true"), HasSubstr(mediumId("key.img")), HasSubstr("\"items\"")));
}

TEST_F(CommandsTest, AFullOutputIsNoSuccess) {
  const Ran ran = run({"sh", "-c", std::string("exec ") + KEYDISK_BINARY_DIR + "/kmsd --help >/dev/full"});
  EXPECT_EQ(ran.exit, 8);
  EXPECT_THAT(ran.err, HasSubstr("could not be written"));
}

TEST_F(CommandsTest, TlsFilesNeedAnHttpsAddress) {
  for (const std::string option : {"--tls-certificate", "--tls-key", "--tls-client-ca"}) {
    const std::vector<std::string> bare = {"run", "--data-dir", path("D"), option, path("x.pem")};
    refused(bare, 2, option + " is for https");
    std::vector<std::string> clear = bare;
    clear.insert(clear.end(), {"--listen", "http://127.0.0.1:0"});
    refused(clear, 2, "--listen https://HOST:PORT");
  }
}

}  // namespace
}  // namespace tests
