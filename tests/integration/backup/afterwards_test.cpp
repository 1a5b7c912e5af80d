// What must hold after a server was restored, got other key slots, went on where it had been moved away, or
// met a damaged slot: numbers of revocation lists, the header that names the media, the audit log.
#include <set>

#include "tests/integration/backup/database.h"
#include "tests/integration/backup/hosts.h"
#include "tests/support/programs.h"

namespace tests {
namespace {

namespace fs = std::filesystem;

class Afterwards : public Hosts {
 protected:
  static fs::path database(const Server& host) { return host.data() / "security/kms.db"; }
  Ran fetch(const Server& host, const std::string& path) const {
    return run({"curl", "-sS", "--unix-socket", host.socket(), "-o", (old_.safe() / "fetched").string(), "-w",
                "%{http_code}", "http://localhost" + path});
  }
  std::uint64_t crlNumber(const Server& host) const {
    const Ran got = fetch(host, "/crl.der");
    EXPECT_EQ(got.out, "200") << got.err;
    const Ran said = run({"openssl", "crl", "-inform", "DER", "-in", (old_.safe() / "fetched").string(),
                          "-noout", "-crlnumber"});
    const std::size_t at = said.out.find("0x");
    EXPECT_NE(at, said.out.npos) << said.out << said.err;
    return at == said.out.npos ? 0 : std::stoull(said.out.substr(at + 2), nullptr, 16);
  }
  std::string issue(const std::string& user) {
    const fs::path request = old_.safe() / (user + ".csr");
    const Ran made = run({"openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                          "-nodes", "-keyout", (old_.safe() / (user + ".key")).string(), "-subj",
                          "/CN=" + user, "-out", request.string()});
    EXPECT_EQ(made.exit, 0) << made.err;
    const auto issued =
        old_.ctlJson({"cert", "issue", "--user", user, "--profile", "client", "--csr", request}).as_object();
    return std::string(issued.at("serial").as_string());
  }
  // The slots that D/security/header names are those of the database, and so is the server.
  void expectMirror(const Server& host, std::size_t slots) const {
    std::multiset<std::string> named;
    std::string server;
    std::ifstream in(host.data() / "security/header");
    for (std::string line; std::getline(in, line);) {
      if (line.starts_with("slot=")) named.insert(line.substr(5));
      if (line.starts_with("server=")) server = line.substr(7);
    }
    std::multiset<std::string> there;
    std::string bytes;
    for (const char c : server)
      if (c != '-') bytes += c;
    eachRow(database(host), "SELECT lower(hex(header)) FROM slots", [&](sqlite3_stmt* row) {
      there.insert(reinterpret_cast<const char*>(sqlite3_column_text(row, 0)));
    });
    EXPECT_EQ(named, there);
    EXPECT_EQ(named.size(), slots);
    for (const std::string& slot : named) EXPECT_EQ(slot.substr(32, 32), bytes) << "another server's";
  }
  // By the kmsd whose new slots cost least.
  Ran offline(const Server& host, std::vector<std::string> words) const {
    words.insert(words.begin(), leastKmsd());
    words.insert(words.end(), {"--data-dir", host.data()});
    return run(words);
  }
  std::string mediumId(const std::string& name) const {
    const auto said = boost::json::parse(old_.kmsd({"medium", "check", disk(old_, name), "--json"}).out);
    return std::string(said.as_object().at("medium").as_string());
  }
  static std::string hex(const std::string& text) {
    std::string all;
    for (const char c : text) {
      all += "0123456789abcdef"[c >> 4];
      all += "0123456789abcdef"[c & 15];
    }
    return all;
  }
  static std::size_t count(const std::string& text, const std::string& what) {
    std::size_t found = 0;
    for (std::size_t at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++found;
    return found;
  }
  static std::string audit(const Server& host) { return slurp(host.data() / "security/audit/000001.jsonl"); }
};

TEST_F(Afterwards, ListsOfAnOlderStateHaveHigherNumbersThanAllBefore) {
  open(old_);
  for (const char* user : {"alice", "bob"}) ASSERT_ENDS(old_.ctl({"user", "add", user}), 0);
  const std::string first = issue("alice");
  const std::string second = issue("bob");
  ASSERT_ENDS(old_.ctl({"backup", backup()}), 0);
  std::uint64_t highest = crlNumber(old_);
  for (const std::string& serial : {first, second}) {
    ASSERT_ENDS(old_.ctl({"cert", "revoke", serial}), 0);
    const std::uint64_t before = highest;
    ASSERT_TRUE(waitUntil([&] { return (highest = crlNumber(old_)) > before; })) << "no new list";
  }
  ASSERT_EQ(old_.stop(), 0);

  ASSERT_ENDS(offline(old_, {"restore", backup(), "--replace"}), 0);
  old_.start();
  old_.expectState("sealed", "backup_older");
  // What was published before is of another state; nothing is, until somebody has accepted this one.
  for (const char* path : {"/crl.der", "/crl.pem", "/delta-crl.der"})
    EXPECT_NE(fetch(old_, path).out, "200") << path;
  ASSERT_ENDS(old_.ctl({"unseal", "--accept-older"}), 0);
  ASSERT_TRUE(waitUntil([&] { return fetch(old_, "/crl.der").out == "200"; }));
  const std::uint64_t after = crlNumber(old_);
  EXPECT_GT(after, highest);
  const Ran list =
      run({"openssl", "crl", "-inform", "DER", "-in", (old_.safe() / "fetched").string(), "-noout", "-text"});
  EXPECT_TRUE(says(list.out, "No Revoked Certificates"));  // as was said: they count again
  ASSERT_ENDS(old_.ctl({"cert", "revoke", first}), 0);
  EXPECT_TRUE(waitUntil([&] { return crlNumber(old_) > after; }));
}

TEST_F(Afterwards, TheHeaderTellsTheTruthAfterEachChangeOfTheSlots) {
  expectMirror(old_, 2);
  const std::string key = disk(old_);
  const std::string spare = disk(old_, "spare.img");
  const std::string third = disk(old_, "third.img");
  ASSERT_ENDS(offline(old_, {"medium", "add", third, "--medium", key, "--label", "Third"}), 0);
  expectMirror(old_, 3);
  ASSERT_ENDS(offline(old_, {"backup", backup(), "--medium", key}), 0);
  ASSERT_ENDS(offline(old_, {"rekey", third, "--medium", key, "--medium", spare}), 0);
  expectMirror(old_, 3);
  ASSERT_ENDS(offline(old_, {"rotate", "--medium", key, "--medium", spare, "--medium", third}), 0);
  expectMirror(old_, 3);
  ASSERT_ENDS(offline(old_, {"medium", "retire", mediumId("third.img"), "--medium", key, "--medium", spare}),
              0);
  expectMirror(old_, 2);
  EXPECT_FALSE(says(slurp(old_.data() / "security/header"), hex("Third")));
  // A backup of before it was retired names it again; one that is restored elsewhere says the same there.
  prepare(new_);
  ASSERT_ENDS(offline(new_, {"restore", backup()}), 0);
  expectMirror(new_, 3);
  EXPECT_TRUE(says(slurp(new_.data() / "security/header"), hex("Third")));
  ASSERT_ENDS(offline(old_, {"restore", backup(), "--replace"}), 0);
  expectMirror(old_, 3);
  old_.insert("key.img");
  old_.start({"--accept-older"});
  old_.expectState("unsealed", "");
  expectMirror(old_, 3);
}

TEST_F(Afterwards, ATakenOffMarkOfAMoveIsOnRecord) {
  ASSERT_ENDS(offline(old_, {"backup", backup(), "--final", "--medium", disk(old_)}), 0);
  const fs::path mark = old_.data() / "security/moved";
  ASSERT_TRUE(fs::exists(mark));
  old_.insert("key.img");
  // Without a database there is nothing to record it in: the mark waits.
  fs::rename(database(old_), old_.safe() / "kms.db");
  old_.start({"--unmove"});
  old_.expectState("sealed", "database_missing");
  ASSERT_EQ(old_.stop(), 0);
  EXPECT_TRUE(fs::exists(mark));
  fs::rename(old_.safe() / "kms.db", database(old_));
  const std::vector<std::string> start = {"run", "--listen", "unix:" + old_.socket().string(), "--medium",
                                          "image:" + old_.drive().string()};
  EXPECT_EQ(offline(old_, start).exit, 6);

  for (int round = 0; round < 2; ++round) {  // the second time there is no mark any more
    old_.start({"--unmove"});
    old_.expectState("unsealed", "");
    EXPECT_FALSE(fs::exists(mark));
    EXPECT_EQ(old_.ctl({"audit", "verify", "--store"}).exit, 0);
    ASSERT_EQ(old_.stop(), 0);
    EXPECT_EQ(count(audit(old_), "\"server_moved\""), 2U) << audit(old_);
    EXPECT_EQ(count(audit(old_), "the mark of the move was taken off (--unmove)"), 1U);
  }
}

// Who opens with another medium need not restart the server.
TEST_F(Afterwards, ADamagedSlotStopsItsOwnMediumOnly) {
  for (const char* damage : {"header=zeroblob(104)", "header=substr(header,1,103)", "header=x'00'",
                             "wrapped=substr(wrapped,1,59)"}) {
    SCOPED_TRACE(damage);
    fs::copy_file(database(old_), old_.safe() / "sound.db", fs::copy_options::overwrite_existing);
    sql(database(old_), std::string("UPDATE slots SET ") + damage + " WHERE id=(SELECT min(id) FROM slots)");
    old_.insert("key.img");
    old_.start();
    old_.expectState("sealed", "key_mismatch");
    const pid_t before = old_.pid();
    EXPECT_TRUE(says(field(old_, "detail"), "a key slot of the database is damaged"));
    EXPECT_TRUE(says(field(old_, "detail"), "insert another key medium"));
    EXPECT_EQ(old_.status().at("event").as_int64(), 5057);
    old_.pull("key.img");
    old_.insert("spare.img");
    old_.expectState("unsealed", "");
    EXPECT_EQ(old_.pid(), before);
    ASSERT_ENDS(old_.ctl({"user", "list"}), 0);
    ASSERT_EQ(old_.stop(), 0);
    old_.pull("spare.img");
    sql(database(old_), "ATTACH '" + (old_.safe() / "sound.db").string() +
                            "' AS sound; DELETE FROM slots; INSERT INTO slots SELECT * FROM sound.slots;");
  }
  sql(database(old_), "UPDATE slots SET header=zeroblob(104)");
  old_.insert("key.img");
  old_.start();
  old_.expectState("sealed", "database_corrupt");
}

}  // namespace
}  // namespace tests
