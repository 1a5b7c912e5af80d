// Servers that are put aside, and what root leaves in a data directory that is the service's.
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/backup/hosts.h"

namespace tests {
namespace {

constexpr uid_t kService = 61'234;

class PutAside : public Hosts {
 protected:
  // What does not belong to the service.
  static std::vector<std::string> strangers(const std::filesystem::path& root) {
    std::vector<std::string> all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
      struct stat found {};
      if (::lstat(entry.path().c_str(), &found) != 0 || found.st_uid != kService)
        all.push_back(entry.path().string());
    }
    return all;
  }
};

TEST_F(PutAside, RootLeavesNothingOfItsOwnInTheServicesDirectory) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root acts as another";
  ASSERT_ENDS(old_.kmsd({"backup", backup(), "--data-dir", old_.data(), "--unsigned"}), 0);
  prepare(new_);
  ASSERT_EQ(::chmod(new_.data().parent_path().c_str(), 0711), 0);
  ASSERT_EQ(::mkdir(new_.data().c_str(), 0700), 0);
  ASSERT_EQ(::chown(new_.data().c_str(), kService, kService), 0);
  const std::vector<std::string> restore = {"restore", backup(), "--data-dir", new_.data(),
                                            "--accept-unsigned"};
  ASSERT_ENDS(new_.kmsd(restore), 0);
  EXPECT_EQ(strangers(new_.data()), std::vector<std::string>{});
  // Before it was ever started, so that there is no lock yet.
  ASSERT_ENDS(new_.kmsd({"setup", "--remove-all", "--data-dir", new_.data()}), 0);
  EXPECT_EQ(strangers(new_.data()), std::vector<std::string>{});
  ASSERT_ENDS(new_.kmsd(restore), 0);
  const auto plan = new_.kmsd({"move", "plan", "--data-dir", new_.data()});
  const std::string server = plan.out.substr(plan.out.find("server ") + 7, 36);
  ASSERT_ENDS(new_.kmsd({"setup", "--abandon", server, "--data-dir", new_.data()}), 0);
  EXPECT_EQ(strangers(new_.data()), std::vector<std::string>{});
}

// All media are lost: a new server is set up in the same place, and what there was stays.
TEST_F(PutAside, AnAbandonedServerMakesRoomForANewOne) {
  open(old_);
  const std::string server = field(old_, "server");
  ASSERT_ENDS(old_.kmsd({"setup", "--abandon", server, "--data-dir", old_.data()}), 6);  // it runs
  ASSERT_EQ(old_.stop(), 0);
  ASSERT_ENDS(old_.kmsd({"setup", "--abandon", "a server", "--data-dir", old_.data()}), 2);
  ASSERT_ENDS(old_.kmsd({"setup", "--abandon", server, "--data-dir", old_.data()}), 0);
  ASSERT_ENDS(old_.kmsd({"setup", "--data-dir", old_.data(), "--medium", disk(old_, "new.img")}), 0);
  old_.pull("key.img");
  old_.insert("new.img");
  old_.start();
  old_.expectState("unsealed", "");
  EXPECT_NE(field(old_, "server"), server);
  ASSERT_EQ(old_.stop(), 0);
  // The medium was found after all.
  ASSERT_ENDS(old_.kmsd({"setup", "--remove-all", "--data-dir", old_.data()}), 0);
  for (const auto& entry : std::filesystem::directory_iterator(old_.data()))
    if (entry.path().filename().string().starts_with("security.bak-abandoned-"))
      std::filesystem::rename(entry.path(), old_.data() / "security");
  old_.pull("new.img");
  old_.insert("key.img");
  old_.start();
  old_.expectState("unsealed", "");
  EXPECT_EQ(field(old_, "server"), server);
}

// The plan of a server whose key is split is one that can be followed.
TEST_F(PutAside, PlanOfSharesIsFollowed) {
  prepare(new_);
  std::vector<std::string> setup = {"setup", "--data-dir", new_.data(), "--shares", "2/3"};
  for (const char* name : {"1.img", "2.img", "3.img"}) {
    setup.emplace_back("--medium");
    setup.push_back(disk(new_, name));
  }
  ASSERT_ENDS(new_.kmsd(setup), 0);
  const Ran plan = new_.kmsd({"move", "plan", "--data-dir", new_.data()});
  ASSERT_ENDS(plan, 0);
  for (const char* what : {"any 2 of the 3 shares of set", "--final --unsigned\n", "--accept-unsigned\n"})
    EXPECT_TRUE(says(plan.out, what));
  EXPECT_EQ(plan.out.find("--medium"), plan.out.npos) << plan.out;
  ASSERT_ENDS(new_.kmsd({"backup", backup(), "--data-dir", new_.data(), "--final", "--unsigned"}), 0);
  ASSERT_ENDS(new_.kmsd({"setup", "--remove-all", "--data-dir", new_.data()}), 0);
  const Ran restored = new_.kmsd({"restore", backup(), "--data-dir", new_.data(), "--accept-unsigned"});
  ASSERT_ENDS(restored, 0);
  new_.insert("3.img");
  new_.start();
  new_.expectState("sealed", "shares_needed");
  new_.insert("1.img");
  new_.expectState("unsealed", "");
}

TEST_F(PutAside, PlanNamesTheDriveOfTheConfiguration) {
  const std::vector<std::string> asked = {"move", "plan", "--data-dir", old_.data()};
  EXPECT_TRUE(says(old_.kmsd(asked).out, "--final --medium floppy:A:\n"));
  auto named = asked;
  named.insert(named.end(), {"--medium", "usb:", "--medium", "card:"});
  const std::string plan = old_.kmsd(named).out;
  EXPECT_TRUE(says(plan, "--final --medium usb:\n"));
  EXPECT_TRUE(says(plan, ".kdb usb:\n"));
}

}  // namespace
}  // namespace tests
