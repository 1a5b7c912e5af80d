// What administrators get wrong with backups, each told in a clear line, and nothing lost.
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "tests/integration/backup/database.h"
#include "tests/integration/backup/hosts.h"

namespace tests {
namespace {

// Somebody else at work: holds a lock as long as it lives.
class Held {
 public:
  explicit Held(const std::filesystem::path& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    EXPECT_EQ(::flock(fd_, LOCK_EX | LOCK_NB), 0) << path;
  }
  ~Held() { ::close(fd_); }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

 private:
  int fd_;
};

class BadInput : public Hosts {
 protected:
  void SetUp() override {
    Hosts::SetUp();
    ASSERT_ENDS(makeBackup(), 0);
    prepare(new_);
    std::filesystem::create_directory(place());
  }
  Ran makeBackup() {
    return old_.kmsd({"backup", backup(), "--data-dir", old_.data(), "--medium", disk(old_)});
  }
  Ran restore() { return new_.kmsd({"restore", backup(), "--data-dir", new_.data()}); }
  std::filesystem::path place() const { return old_.safe() / "place"; }
  std::filesystem::path security() const { return old_.data() / "security"; }
  // Runs until `begun` holds, is sent SIGINT and gives its exit code; what it said goes into said().
  int interrupted(std::vector<std::string> command, const std::filesystem::path& begun) const {
    const pid_t child = ::fork();
    if (child == 0) {
      const int out = ::open(saidFile().c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
      ::dup2(out, 1);
      ::dup2(out, 2);
      std::vector<char*> argv;
      for (std::string& word : command) argv.push_back(word.data());
      argv.push_back(nullptr);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    EXPECT_TRUE(waitUntil([&] { return std::filesystem::exists(begun) || ::kill(child, 0) != 0; }));
    ::kill(child, SIGINT);
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  std::filesystem::path saidFile() const { return old_.safe() / "said"; }
};

TEST_F(BadInput, OfFiles) {
  std::ofstream(place() / "letter.txt") << "Dear Sir or Madam, this is no backup but a letter";
  std::ofstream(place() / "empty");
  for (const char* name : {"letter.txt", "empty"}) {
    for (const Ran& ran : {new_.kmsd({"restore", place() / name, "--data-dir", new_.data()}),
                           new_.kmsd({"backup", "check", place() / name})}) {
      EXPECT_EQ(ran.exit, 8);
      EXPECT_TRUE(says(ran.err, "not a backup of keydisk") || says(ran.err, "cut off in its header"));
    }
  }
  EXPECT_NE(new_.kmsd({"restore", place(), "--data-dir", new_.data()}).exit, 0);
  const Ran missing = new_.kmsd({"restore", place() / "none", "--data-dir", new_.data()});
  EXPECT_EQ(missing.exit, 1);
  EXPECT_TRUE(says(missing.err, "none"));
  EXPECT_FALSE(std::filesystem::exists(new_.data()));
  EXPECT_EQ(makeBackup().exit, 9);  // is there already
  const Ran nowhere = old_.kmsd({"backup", place() / "no/kms.kdb", "--data-dir", old_.data()});
  EXPECT_EQ(nowhere.exit, 1);
  EXPECT_TRUE(says(nowhere.err, "no"));
}

TEST_F(BadInput, OfOwnersAndModes) {
  std::filesystem::create_directory(new_.data());
  ::chmod(new_.data().c_str(), 0777);
  const Ran open = restore();
  EXPECT_EQ(open.exit, 6);
  EXPECT_TRUE(says(open.err, "chmod go-w"));
  std::filesystem::remove(new_.data());
  std::filesystem::create_directory_symlink(place(), new_.data());
  const Ran link = restore();
  EXPECT_EQ(link.exit, 6);
  EXPECT_TRUE(says(link.err, "symbolic link"));
  EXPECT_TRUE(std::filesystem::is_empty(place()));
  ::chmod((security() / "kms.db").c_str(), 0644);
  const Ran readable = old_.kmsd({"backup", place() / "kms.kdb", "--data-dir", old_.data()});
  EXPECT_EQ(readable.exit, 6);
  EXPECT_TRUE(says(readable.err, "chmod 0600"));
  EXPECT_TRUE(std::filesystem::is_empty(place()));
}

TEST_F(BadInput, TwoAtOnce) {
  std::filesystem::create_directory(new_.data());
  ::chmod(new_.data().c_str(), 0700);
  {
    const Held other(new_.data());
    const Ran second = restore();
    EXPECT_EQ(second.exit, 6);
    EXPECT_TRUE(says(second.err, "another setup or restore is under way"));
  }
  {
    const Held other(security() / "lock");  // as a daemon, a backup or a restore has it
    EXPECT_EQ(old_.kmsd({"backup", place() / "kms.kdb", "--data-dir", old_.data()}).exit, 6);
    EXPECT_EQ(old_.kmsd({"restore", backup(), "--data-dir", old_.data(), "--replace"}).exit, 6);
  }
  Ran first;
  std::thread thread([&] { first = restore(); });
  const Ran second = restore();
  thread.join();
  // One of them made it; the other found it at work or done.
  EXPECT_TRUE(first.exit == 0 || second.exit == 0) << first.err << second.err;
  for (const Ran& ran : {first, second})
    EXPECT_TRUE(ran.exit == 0 || ran.exit == 6 || ran.exit == 9) << ran.err;
  EXPECT_FALSE(std::filesystem::exists(new_.data() / "security.new"));
  carry("key.img");
  EXPECT_EQ(new_.kmsd({"medium", "check", disk(new_), "--data-dir", new_.data()}).exit, 0);
}

TEST_F(BadInput, InterruptedBackupsAndRestoresLeaveNothing) {
  grow(security() / "kms.db", 150);
  const auto target = place() / "kms.kdb";
  EXPECT_EQ(interrupted({old_.program("kmsd"), "backup", target, "--data-dir", old_.data()},
                        security() / "backup.db"),
            130)
      << slurp(saidFile());
  EXPECT_TRUE(says(slurp(saidFile()), "interrupted"));
  EXPECT_TRUE(std::filesystem::is_empty(place()));
  EXPECT_FALSE(std::filesystem::exists(security() / "backup.db"));

  open(old_);
  EXPECT_EQ(
      interrupted({old_.program("kmsctl"), "--server", "unix:" + old_.socket().string(), "backup", target},
                  security() / "backup.db"),
      130)
      << slurp(saidFile());
  EXPECT_TRUE(std::filesystem::is_empty(place()));
  EXPECT_TRUE(waitUntil([&] { return !std::filesystem::exists(security() / "backup.db"); }));
  ASSERT_ENDS(old_.ctl({"backup", target}), 0);

  EXPECT_EQ(interrupted({new_.program("kmsd"), "restore", target, "--data-dir", new_.data()},
                        new_.data() / "security.new/kms.db"),
            130)
      << slurp(saidFile());
  EXPECT_FALSE(std::filesystem::exists(new_.data()));
}

// The MAC is checked at the first opening, before anybody is served.
TEST_F(BadInput, AForgedMacOpensNothing) {
  ASSERT_ENDS(run({"python3", "-c",
                   "import hashlib,struct,sys\n"
                   "b=bytearray(open(sys.argv[1],'rb').read())\n"
                   "n=struct.unpack_from('<I',b,12)[0]\n"
                   "b[n-64]^=1\n"
                   "b[n-32:n]=hashlib.sha256(b[:n-32]).digest()\n"
                   "open(sys.argv[1],'wb').write(b)\n",
                   backup().string()}),
              0);
  ASSERT_ENDS(old_.kmsd({"backup", "check", backup()}), 0);  // without a key nobody can tell
  const Ran checked = old_.kmsd({"backup", "check", backup(), disk(old_)});
  EXPECT_EQ(checked.exit, 6) << checked.err;
  EXPECT_TRUE(says(checked.err, "MAC is wrong"));
  ASSERT_ENDS(restore(), 0);
  carry("key.img");
  new_.insert("key.img");
  new_.start();
  new_.expectState("sealed", "backup_forged");
  EXPECT_EQ(new_.ctl({"user", "list"}).exit, 3);
  const Ran refused = new_.ctl({"unseal", "--accept-older"});
  EXPECT_EQ(refused.exit, 6);
  EXPECT_TRUE(says(refused.err, "restore another backup"));  // --accept-unsigned would be of no use
  EXPECT_EQ(field(new_, "state"), "sealed");
}

}  // namespace
}  // namespace tests
