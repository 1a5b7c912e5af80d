#include "tests/integration/pki/fault_desk.h"

#include <sqlite3.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

namespace tests {
namespace {

namespace fs = std::filesystem;

// What stands between the first `before` and the next `after` of it.
std::string between(const std::string& text, const std::string& before, const std::string& after) {
  const std::size_t at = text.find(before);
  if (at == text.npos) return {};
  const std::size_t begin = at + before.size();
  return text.substr(begin, text.find(after, begin) - begin);
}

// The server's database, beside the server.
class Database {
 public:
  explicit Database(const fs::path& file) {
    sqlite3* opened = nullptr;
    EXPECT_EQ(::sqlite3_open_v2(file.c_str(), &opened, SQLITE_OPEN_READWRITE, nullptr), SQLITE_OK);
    db_.reset(opened);
    EXPECT_EQ(::sqlite3_busy_timeout(db_.get(), 10'000), SQLITE_OK);
  }
  // What it selects.
  std::string run(const std::string& sql) {
    std::string text;
    const auto row = [](void* out, int columns, char** values, char** /*names*/) {
      for (int i = 0; i < columns; ++i) *static_cast<std::string*>(out) += std::string(values[i]) + ".";
      *static_cast<std::string*>(out) += " ";
      return 0;
    };
    EXPECT_EQ(::sqlite3_exec(db_.get(), sql.c_str(), row, &text, nullptr), SQLITE_OK)
        << sql << ": " << ::sqlite3_errmsg(db_.get());
    return text;
  }

 private:
  struct Close {
    void operator()(sqlite3* one) const noexcept { ::sqlite3_close(one); }
  };
  std::unique_ptr<sqlite3, Close> db_;
};

std::string auditIn(const fs::path& directory) {
  std::vector<fs::path> files;
  for (const auto& one : fs::directory_iterator(directory)) files.push_back(one.path());
  std::ranges::sort(files);
  std::ostringstream text;
  for (const fs::path& one : files) text << std::ifstream(one).rdbuf();
  return text.str();
}

}  // namespace

void FaultDesk::SetUp() {
  Pki::SetUp();
  enrol("alice", "alice");
  token_ = token("alice");
}

Told FaultDesk::toldByCmp(const Ran& ran) {
  const std::string all = ran.out + ran.err;
  Told told;
  told.word = between(all, "PKIFailureInfo: ", ";");
  told.text = between(all, "StatusString: \"", "\"");
  if (told.word.empty()) told = {between(all, "error:code=", ","), {}, {}};
  if (told.word.empty()) told = {"exit" + std::to_string(ran.exit), {}, all};
  return told;
}

Told FaultDesk::toldByKmsctl(const Ran& ran) {
  if (ran.exit != 0) {
    EXPECT_EQ(std::ranges::count(ran.err, '\n'), 1) << ran.err;
    EXPECT_EQ(ran.out, "");
  }
  return {std::to_string(ran.exit), {}, ran.err};
}

Told FaultDesk::post(const std::string& path, const std::string& type, const std::string& file,
                     std::vector<std::string> more, const std::string& holder) {
  more.insert(more.end(),
              {"-H", "Content-Type: " + type, "-D", this->file("headers"), "--data-binary", "@" + file});
  Told told;
  told.text = curl(path.starts_with("http") ? path : https_ + path, more, holder, &told.word);
  boost::system::error_code wrong;
  const auto problem = boost::json::parse(told.text, wrong);
  if (wrong || !problem.is_object() || told.word < "400") return told;
  EXPECT_NE(read("headers").find("application/problem+json"), std::string::npos) << path << told.text;
  told.code = problem.at("code").as_string().c_str();
  told.text = problem.at("detail").as_string().c_str();
  return told;
}

Told FaultDesk::ask(const std::string& way, const std::string& name) {
  const std::string key = file(name + ".key");
  if (way == "ir" || way == "kur") {
    std::vector<std::string> all = {"-cmd",     way,      "-newkey",  key,
                                    "-subject", subject_, "-certout", file("got.crt")};
    all.insert(all.end(), cmpMore_.begin(), cmpMore_.end());
    const std::vector<std::string> who =
        way == "ir" ? std::vector<std::string>{"-ref", "alice", "-secret", "pass:" + token_}
                    : std::vector<std::string>{"-cert",           file("alice.crt"), "-key",
                                               file("alice.key"), "-trusted",        file("ca.pem")};
    all.insert(all.end(), who.begin(), who.end());
    return toldByCmp(cmp(all));
  }
  if (way == "p10cr")
    return toldByCmp(cmp({"-cmd", "p10cr", "-ref", "alice", "-secret", "pass:" + token_, "-csr",
                          file(name + ".csr"), "-certout", file("got.crt")}));
  const std::string pkcs10 = "application/pkcs10";
  const std::string est = "/.well-known/est/";
  if (way == "est") return post(est + "simpleenroll", pkcs10, file(name + ".b64"), {"-u", "alice:" + token_});
  if (way == "reest") return post(est + "simplereenroll", pkcs10, file(name + ".b64"), {}, "alice");
  if (way == "keygen") return post(est + "serverkeygen", pkcs10, file(name + ".b64"), {}, "alice");
  if (way == "issue")
    return toldByKmsctl(server_.ctl({"cert", "issue", "--user", "alice", "--csr", file(name + ".csr")}));
  if (way == "enrol") {
    write("alice.token", token_ + "\n");
    return toldByKmsctl(server_.ctl({"enrol", "--user", "alice", "--token-file", file("alice.token"), "--out",
                                     file(name), "--no-pkcs12"}));
  }
  boost::json::object body{{"csr", read(name + ".csr")}};
  if (way == "json") {
    body["user"] = "alice";
    body["token"] = token_;
  }
  write("body.json", boost::json::serialize(body));
  return post(way == "json" ? "/v1/enrol" : "/v1/certificates/renew", "application/json", file("body.json"),
              {}, way == "json" ? "" : "alice");
}

std::string FaultDesk::auditLog() const {
  Database database(server_.data() / "security" / "kms.db");
  EXPECT_TRUE(waitUntil([&] { return database.run("SELECT count(*) FROM outbox") == "0. "; }));
  return auditIn(server_.data() / "security" / "audit");
}

std::string FaultDesk::state() const {
  std::istringstream log(auditLog());
  Database database(server_.data() / "security" / "kms.db");
  std::string text;
  for (const char* table :
       {"users", "tokens", "authorities", "certificates", "archive", "approvals", "revocations"})
    text += database.run(std::string("SELECT key, revision FROM ") + table) + "\n";
  // user_tokens is filled later, by the tidier.
  text += database.run("SELECT count(*) FROM look_up") + "\n";
  for (std::string line; std::getline(log, line);)
    if (line.find("\"checkpoint\"") == line.npos) text += line + "\n";  // those come by time
  return text;
}

void FaultDesk::wish(const std::string& name) const {
  newKey(name);
  request(name, "alice");
  openssl({"req", "-inform", "DER", "-in", file(name + ".req"), "-out", file(name + ".csr")});
}

std::size_t FaultDesk::told(const std::string& event) const {
  const std::string log = auditLog();
  const std::string name = "\"name\":\"" + event + "\"";
  std::size_t count = 0;
  for (auto at = log.find(name); at != log.npos; at = log.find(name, at + 1)) ++count;
  return count;
}

void FaultDesk::restart(const std::string& sql) {
  ASSERT_EQ(server_.stop(), 0);
  const std::size_t seen = server_.log().size();
  const std::size_t opened = told("unsealed");
  if (!sql.empty()) Database(server_.data() / "security" / "kms.db").run(sql);
  server_.start({"--listen", "https://127.0.0.1:0", "--listen", "http://127.0.0.1:0", "--tls-certificate",
                 file("tls.crt"), "--tls-key", file("tls.key")});
  server_.expectState("unsealed", "");
  EXPECT_TRUE(waitUntil([&] { return told("unsealed") > opened; }));
  const std::string log = server_.log().substr(seen);
  http_ = "127.0.0.1:" + between(log, "listening on http://127.0.0.1:", "\n");
  https_ = "https://localhost:" + between(log, "listening on https://127.0.0.1:", "\n");
}

void FaultDesk::seal() {
  const std::size_t closed = told("sealed");
  const Ran ran = server_.ctl({"seal"});
  EXPECT_EQ(ran.exit, 0) << ran.err;
  EXPECT_TRUE(waitUntil([&] { return told("sealed") > closed; }));
}

void FaultDesk::unseal() {
  const std::size_t opened = told("unsealed");
  const Ran ran = server_.ctl({"unseal"});
  EXPECT_EQ(ran.exit, 0) << ran.err;
  server_.expectState("unsealed", "");
  EXPECT_TRUE(waitUntil([&] { return told("unsealed") > opened; }));
}

}  // namespace tests
