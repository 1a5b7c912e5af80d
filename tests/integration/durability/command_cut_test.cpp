// The power goes while a command makes or changes a server, its key slots or media: the real programs are
// ended before a call that changes a file, and of a real file system only what they had synced is left. There
// is one consistent state then that some medium opens, and the command run once more comes to its end.
#include <gtest/gtest.h>

#include <future>
#include <iostream>
#include <random>

#include "tests/integration/durability/kept_rows.h"
#include "tests/support/kill_at.h"
#include "tests/support/lossy_disk.h"
#include "tests/support/programs.h"
#include "tests/support/run.h"
#include "tests/support/setting.h"

namespace tests {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

class CommandCut : public ::testing::Test {
 protected:
  void SetUp() override {
    std::cout << "seed " << seed_ << "\n";
    if (!disk_.unable().empty()) GTEST_SKIP() << "cannot mount a file system: " << disk_.unable();
    if (!canTrace()) GTEST_SKIP() << "may not trace another process";
  }
  // A server with two media.
  void found() {
    done({"setup", "--data-dir", data(), "--medium", image("key"), "--backup-medium", image("spare"),
          "--organisation", "Acme"});
    KeptRows::put(data(), path("key.img"));
  }
  std::string path(const std::string& name) const { return (disk_.root() / name).string(); }
  std::string data() const { return path("D"); }
  std::string image(const std::string& name) const { return "image:" + path(name + ".img"); }
  static Words command(Words words) {
    words.insert(words.begin(), leastKmsd());
    words.insert(words.end(), {"--config", "/dev/null"});
    return words;
  }
  Words on(Words words) const {
    words.insert(words.end(), {"--data-dir", data()});
    return words;
  }
  static Ran kmsd(const Words& words) { return run(command(words)); }
  static void done(const Words& words) {
    const Ran ran = kmsd(words);
    EXPECT_EQ(ran.exit, 0) << words.front() << ": " << ran.out << ran.err;
  }
  // 0: the medium is sound and opens the server in `dir`.
  int opens(const std::string& medium, const std::string& dir = "D") const {
    return kmsd({"medium", "check", image(medium), "--data-dir", path(dir)}).exit;
  }
  // Both media open, the server is whole, and whichever opened it found all that was there.
  void expectWhole(const std::string& dir = "D") {
    auto spare = std::async(std::launch::async, [&] { return opens("spare", dir); });
    EXPECT_EQ(opens("key", dir), 0);
    EXPECT_EQ(spare.get(), 0);
    KeptRows::expectAll(path(dir), path(dice_() % 2 == 0 ? "key.img" : "spare.img"));
  }
  std::string slots() const { return kmsd(on({"medium", "list", "--slots", "--json"})).out; }
  static std::size_t count(const std::string& text, const std::string& what) {
    std::size_t number = 0;
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++number;
    return number;
  }
  std::string mediumId(const std::string& name) const {
    const std::string out = kmsd({"medium", "check", image(name), "--json"}).out;
    const std::string key = "\"medium\":\"";
    const std::size_t at = out.find(key);
    return at == std::string::npos ? "" : out.substr(at + key.size(), 36);
  }
  // Runs the command again and again on the disk as it is now, each time cut off at a random one of its
  // changes, and asks `check` whether what is left is sound; it is given whether it was cut off.
  template <class Check>
  void cuts(const Words& words, Check check) {
    if (HasFatalFailure() || HasFailure()) return;
    disk_.keep();
    const KilledRun whole = runKilledAt(command(words), disk_.root(), 0);
    ASSERT_EQ(whole.exit, 0);
    ASSERT_GT(whole.changes, 2U);
    const auto most = setting("KEYDISK_SLOT_KILLS", 2, 1);
    std::uint64_t cut = 0;
    while (cut < most && !HasFailure()) {
      const std::uint64_t n = 1 + dice_() % whole.changes;
      SCOPED_TRACE("cut at change " + std::to_string(n) + " of " + std::to_string(whole.changes));
      disk_.begin();
      const bool was = runKilledAt(command(words), disk_.root(), n).killed;
      disk_.cut();
      cut += was ? 1 : 0;
      check(was);
    }
    std::cout << cut << " cuts in " << whole.changes << " changes\n";
  }

  const std::uint64_t seed_ = setting("KEYDISK_SEED", std::random_device()(), std::random_device()());
  std::mt19937_64 dice_{seed_};
  LossyDisk disk_;
};

TEST_F(CommandCut, Setup) {
  const Words setup = {"setup",      "--data-dir",      data(),         "--medium",
                       image("key"), "--backup-medium", image("spare"), "--no-ca"};
  cuts(setup, [&](bool was) {
    const bool made = fs::exists(path("D/security"));
    EXPECT_TRUE(made || was) << "what it said was done is lost";
    if (!made) {  // what was written to the media opens nothing, so others are as good
      done({"setup", "--data-dir", data(), "--medium", image("key2"), "--backup-medium", image("spare2"),
            "--no-ca"});
    }
    EXPECT_EQ(opens(made ? "key" : "key2"), 0);
    EXPECT_EQ(opens(made ? "spare" : "spare2"), 0);
  });
}

TEST_F(CommandCut, Copy) {
  found();
  cuts({"medium", "copy", image("key"), image("copy")}, [&](bool was) {
    EXPECT_EQ(opens("key"), 0);
    const bool sound = kmsd({"medium", "check", image("copy")}).exit == 0;
    EXPECT_TRUE(sound || was) << "what it said was done is lost";
    if (!sound) {
      fs::remove(path("copy.img"));
      done({"medium", "copy", image("key"), image("copy")});
    }
    EXPECT_EQ(opens("copy"), 0) << "half a copy is none";
    KeptRows::expectAll(data(), path("copy.img"));
  });
}

TEST_F(CommandCut, Add) {
  found();
  cuts(on({"medium", "add", image("third"), "--medium", image("key")}), [&](bool was) {
    expectWhole();
    const std::size_t there = count(slots(), "\"slot\":");
    EXPECT_EQ(there == 3, opens("third") == 0) << "a slot counts when its medium opens it, and not before";
    EXPECT_TRUE(there == 3 || was) << "what it said was done is lost";
    if (there == 3) return;
    done(on({"medium", "add", image("fourth"), "--medium", image("key")}));
    EXPECT_EQ(opens("fourth"), 0);
  });
}

TEST_F(CommandCut, RekeyInPlace) {
  found();
  const std::string old = mediumId("key");
  const Words rekey = on({"rekey", image("key"), "--medium", image("spare"), "--no-rotate"});
  cuts(rekey, [&](bool was) {
    expectWhole();
    if (was) done(rekey);
    expectWhole();
    EXPECT_NE(mediumId("key"), old);
    const std::string all = slots();
    EXPECT_EQ(count(all, "\"slot\":"), 2U) << all;
    EXPECT_EQ(count(all, old), 0U) << all;
  });
}

TEST_F(CommandCut, RekeyWithANewRootKey) {
  found();
  const Words rekey = on({"rekey", image("key"), "--medium", image("spare")});
  cuts(rekey, [&](bool was) {
    expectWhole();
    if (was) done(rekey);
    expectWhole();
    const std::string all = slots();
    EXPECT_EQ(count(all, "\"slot\":"), 2U) << all;
    EXPECT_EQ(count(all, "\"root_generation\":1"), 0U) << all;
  });
}

TEST_F(CommandCut, Rotate) {
  found();
  const Words rotate = on({"rotate", "--medium", image("key"), "--medium", image("spare")});
  cuts(rotate, [&](bool was) {
    expectWhole();
    if (was) done(rotate);
    expectWhole();
    EXPECT_EQ(count(slots(), "\"root_generation\":1"), 0U);
  });
}

// What the command does after the renewal is cut off, too; run again, it comes to new token keys.
TEST_F(CommandCut, RotateWithNewTokenKeys) {
  found();
  const Words rotate = on({"rotate", "--medium", image("key"), "--medium", image("spare"), "--tokens"});
  cuts(rotate, [&](bool) {
    expectWhole();
    const Ran again = kmsd(rotate);
    EXPECT_EQ(again.exit, 0) << again.err;
    EXPECT_NE(again.out.find(" of the token keys makes new tokens"), std::string::npos) << again.out;
    expectWhole();
    EXPECT_EQ(count(slots(), "\"root_generation\":1"), 0U);
  });
}

TEST_F(CommandCut, Retire) {
  found();
  const std::string lost = mediumId("spare");
  const Words retire = on({"medium", "retire", lost, "--medium", image("key")});
  cuts(retire, [&](bool was) {
    KeptRows::expectAll(data(), path("key.img"));
    const bool gone = count(slots(), lost) == 0;
    EXPECT_EQ(opens("spare") == 0, !gone);
    EXPECT_TRUE(gone || was) << "what it said was done is lost";
    const Ran again = kmsd(retire);
    EXPECT_EQ(again.exit, gone ? 1 : 0) << again.err;
    done(on({"rotate", "--medium", image("key")}));  // ends what is left
    KeptRows::expectAll(data(), path("key.img"));
    EXPECT_EQ(opens("spare"), 4);
  });
}

TEST_F(CommandCut, Restore) {
  found();
  done({"backup", path("kms.kdb"), "--data-dir", data()});
  const Words restore = {"restore", path("kms.kdb"), "--data-dir", data(), "--replace", "--accept-unsigned"};
  cuts(restore, [&](bool was) {
    expectWhole();  // the old state or the new one
    EXPECT_TRUE(was || fs::exists(path("D/security/restored"))) << "what it said was done is lost";
    done(restore);
    expectWhole();
  });
}

TEST_F(CommandCut, RestoreOnAnotherHost) {
  found();
  done({"backup", path("kms.kdb"), "--data-dir", data()});
  const Words restore = {"restore", path("kms.kdb"), "--data-dir", path("E"), "--accept-unsigned"};
  cuts(restore, [&](bool was) {
    const bool there = fs::exists(path("E/security"));
    EXPECT_TRUE(there || was) << "what it said was done is lost";
    if (!there) done(restore);
    expectWhole("E");
  });
}

TEST_F(CommandCut, RemoveAll) {
  found();
  const Words remove = {"setup", "--remove-all", "--data-dir", data()};
  cuts(remove, [&](bool was) {
    const bool aside = fs::exists(path("D/security.bak"));
    EXPECT_NE(aside, fs::exists(path("D/security"))) << "it has one name";
    EXPECT_TRUE(aside || was) << "what it said was done is lost";
    if (aside) fs::rename(path("D/security.bak"), path("D/security"));
    expectWhole();
    done(remove);
  });
}

}  // namespace
}  // namespace tests
