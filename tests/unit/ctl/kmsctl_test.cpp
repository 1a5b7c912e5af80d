// The built kmsctl against a server in this process that answers from a script.
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <mutex>
#include <sstream>

#include "daemon/http/problem.h"
#include "daemon/http/server.h"
#include "hal/base/rng.h"
#include "kms/tokens/token_text.h"
#include "tests/support/run.h"
#include "tests/support/scratch.h"

namespace tests {
namespace {

using kmsd::http::Request;
using kmsd::http::Respond;
using kmsd::http::Response;

constexpr const char* kIssued =
    R"({"token":"kms_abc","accessor":"ACC","user":"alice","kind":"access","scopes":["s"],)"
    R"("issued_at":"2026-01-01T00:00:00Z","expires_at":"2026-01-02T00:00:00Z","ca_sha256":null})";

class Kmsctl : public ::testing::Test {
 protected:
  void SetUp() override {
    server = std::make_unique<kmsd::http::Server>(
        kmsd::http::ServerOptions{.threads = 1},
        [this](const Request& request, const Respond& respond) { respond(answer(request)); });
    const auto listening = server->listenUnix(socket);
    ASSERT_TRUE(listening) << listening.error().what;
    server->start();
  }

  Response answer(const Request& request) {
    const std::lock_guard lock(mutex);
    std::string line = request.method + " " + request.path;
    for (const auto& [name, value] : request.query) line += " " + name + "=" + value;
    line += " " + std::string(base::view(request.body));
    if (!request.authorization.empty()) line += " (" + std::string(base::view(request.authorization)) + ")";
    seen.push_back(line);
    if (script.empty()) return kmsd::http::problem(500, "internal", "the script is over");
    Response response = std::move(script.front());
    script.erase(script.begin());
    return response;
  }
  static Response good(std::string_view body, int status = 200) {
    Response response;
    response.status = status;
    response.body = base::secretText(body);
    return response;
  }
  Ran ctl(std::vector<std::string> words, const std::string& input = {}) {
    std::vector<std::string> command = {std::string(KEYDISK_BINARY_DIR) + "/kmsctl", "--server",
                                        "unix:" + socket.string()};
    command.insert(command.end(), words.begin(), words.end());
    return run(command, input);
  }
  void say(Response response) {
    const std::lock_guard lock(mutex);
    script.push_back(std::move(response));
  }

  Scratch scratch;
  std::filesystem::path socket = scratch / "kms.sock";
  std::mutex mutex;
  std::vector<Response> script;
  std::vector<std::string> seen;
  std::unique_ptr<kmsd::http::Server> server;
};

// A program that does not read what it is given ends; the test goes on.
TEST(Run, OutlivesAProgramThatDoesNotRead) {
  const std::string input(60'000, 'x');
  for (int i = 0; i < 20; ++i) EXPECT_EQ(run({"true"}, input).exit, 0);
  // What it runs is not made deaf to the signal by that.
  EXPECT_EQ(run({"sh", "-c", "kill -PIPE $$"}).exit, 128 + SIGPIPE);
}

TEST_F(Kmsctl, PrintsAnIssuedTokenAlone) {
  say(good(kIssued, 201));
  const Ran plain = ctl({"token", "issue", "--user", "alice", "--ttl", "1h", "--scope", "s", "--scope", "t"});
  EXPECT_EQ(plain.exit, 0) << plain.err;
  EXPECT_EQ(plain.out, "kms_abc\n");
  EXPECT_NE(plain.err.find("ACC"), std::string::npos);
  EXPECT_EQ(plain.err.find("kms_abc"), std::string::npos);
  EXPECT_EQ(seen.at(0), R"(POST /v1/tokens {"user":"alice","kind":"access","ttl":3600,"scopes":["s","t"]})");
  say(good(kIssued, 201));
  const Ran json = ctl({"--json", "token", "issue", "--user", "alice"});
  EXPECT_EQ(json.out, std::string(kIssued) + "\n");
  EXPECT_EQ(json.err, "");
}

TEST_F(Kmsctl, VerifyTellsByItsExitCode) {
  say(good(R"({"active":true,"user":"alice","kind":"access","scopes":[],"accessor":"A","expires_at":"x"})"));
  const Ran active = ctl({"token", "verify", "-"}, "kms_abc\n");
  EXPECT_EQ(active.exit, 0);
  EXPECT_TRUE(active.out.starts_with("active\n")) << active.out;
  EXPECT_EQ(seen.at(0), R"(POST /v1/tokens/verify {"token":"kms_abc"})");
  say(good(R"({"active":false})"));
  const Ran inactive = ctl({"token", "verify", "ABCD-EFGH-JKMN", "--user", "alice"});
  EXPECT_EQ(inactive.exit, 1);
  EXPECT_EQ(inactive.out, "not active\n");
  EXPECT_EQ(seen.at(1), R"(POST /v1/tokens/verify {"user":"alice","token":"ABCD-EFGH-JKMN"})");
  EXPECT_EQ(ctl({"token", "verify"}).exit, 2);
  EXPECT_EQ(ctl({"token", "verify", "x", "--accessor", "y"}).exit, 2);
}

TEST_F(Kmsctl, FollowsEveryPage) {
  for (const bool json : {false, true}) {
    say(good(R"({"items":[{"name":"a","role":"user"}],"next":"7"})"));
    say(good(R"({"items":[],"next":"9"})"));
    say(good(R"({"items":[{"name":"b","role":"admin"}],"next":null})"));
    const Ran list = ctl(json ? std::vector<std::string>{"--json", "user", "list"}
                              : std::vector<std::string>{"user", "list"});
    EXPECT_EQ(list.exit, 0) << list.err;
    EXPECT_NE(list.out.find(json ? R"([{"name":"a","role":"user"},{"name":"b","role":"admin"}],"next":null)"
                                 : "b     admin"),
              std::string::npos)
        << list.out;
  }
  EXPECT_EQ(seen.at(2), "GET /v1/users after=9 ");
  say(good(R"({"items":[],"next":"7"})"));
  say(good(R"({"items":[],"next":"7"})"));
  EXPECT_EQ(ctl({"user", "list"}).exit, 8);  // never round and round
}

TEST_F(Kmsctl, TurnsProblemsIntoExitCodes) {
  const std::tuple<int, const char*, int> cases[] = {
      {503, "sealed", 3},           {503, "awaiting_medium", 5}, {503, "foreign", 4},
      {404, "not_found", 1},        {401, "unauthenticated", 6}, {403, "forbidden", 6},
      {409, "conflict", 9},         {400, "invalid_request", 2}, {500, "internal", 8},
      {503, "database_corrupt", 8}, {418, "teapot", 8}};
  for (const auto& [status, code, exit] : cases) {
    say(kmsd::http::problem(status, code, "because\x1b[2J\nof it"));
    const Ran ran = ctl({"user", "show", "alice"});
    EXPECT_EQ(ran.exit, exit) << code;
    EXPECT_EQ(ran.out, "");
    EXPECT_EQ(ran.err, "kmsctl: because\\x1B[2J\\nof it\n");
  }
  say(good("not json"));
  EXPECT_EQ(ctl({"status"}).exit, 8);
}

TEST_F(Kmsctl, PrintsARefusalAsTheOneDocumentOfJson) {
  const Response refusal = kmsd::http::problem(503, "sealed", "because");
  const std::string document(base::view(refusal.body));
  const std::vector<std::vector<std::string>> commands = {{"user", "show", "alice"},
                                                          {"user", "list"},
                                                          {"user", "add", "alice"},
                                                          {"token", "issue", "--user", "a"},
                                                          {"token", "list"},
                                                          {"seal"},
                                                          {"unseal"},
                                                          {"audit", "verify"}};
  for (std::vector<std::string> words : commands) {
    say(refusal);
    words.insert(words.begin(), "--json");
    const Ran ran = ctl(words);
    EXPECT_EQ(ran.exit, 3) << words[1];
    EXPECT_EQ(ran.out, document + "\n") << words[1];
    EXPECT_EQ(ran.err, "kmsctl: because\n") << words[1];
  }
  // Of several, each has its item.
  say(kmsd::http::problem(409, "conflict", "there is one"));
  say(good(R"({"name":"b","role":"user"})", 201));
  const Ran both = ctl({"--json", "user", "add", "a", "b"});
  EXPECT_EQ(both.exit, 1);
  EXPECT_EQ(both.out, R"({"items":[{"name":"a","code":"conflict","detail":"there is one"},)"
                      R"({"name":"b","role":"user"}],"next":null})"
                      "\n");
  say(refusal);
  const Ran list = ctl({"--json", "token", "issue", "--users-file", "-"}, "alice\n");
  EXPECT_EQ(list.exit, 3);
  EXPECT_EQ(list.out, R"({"items":[],"next":null,"problem":)" + document + "}\n");
}

TEST_F(Kmsctl, GivesUpOnASilentServerAsOnOneThatIsNotThere) {
  Response late = good(R"({"state":"sealed"})");
  late.delay = std::chrono::seconds(60);
  say(std::move(late));
  const Ran ran = ctl({"--timeout", "1s", "status"});
  EXPECT_EQ(ran.exit, 7);
  EXPECT_NE(ran.err.find("did not answer in time"), std::string::npos) << ran.err;
  EXPECT_NE(ran.err.find("--timeout"), std::string::npos) << ran.err;
}

TEST_F(Kmsctl, SaysThatNoTokenWasGiven) {
  for (const char* verb : {"verify", "renew", "revoke"}) {
    for (const char* input : {"", "\n", " \r\n"}) {
      const Ran ran = ctl({"token", verb, "-"}, input);
      EXPECT_EQ(ran.exit, 2);
      EXPECT_EQ(ran.err, "kmsctl: no token was given: standard input is empty\n");
    }
  }
  EXPECT_EQ(ctl({"token", "verify", ""}).exit, 2);
  std::ofstream(scratch / "empty") << "\n";
  const Ran bearer = ctl({"--token-file", (scratch / "empty").string(), "status"});
  EXPECT_EQ(bearer.exit, 2);
  EXPECT_NE(bearer.err.find("there is no token in it"), std::string::npos) << bearer.err;
  EXPECT_TRUE(seen.empty());
}

TEST_F(Kmsctl, TakesNoTokenForAUserName) {
  // With a slip in the check characters, cut short, and a one-time token.
  const std::string access = "kms_" + std::string(30, 'q') + "WERTZ-_0123456789abcdefg";
  for (const std::string& token : {access, access.substr(0, 40), std::string("ABCD-0FGH-JKMN")}) {
    for (const char* verb : {"issue", "revoke"}) {
      const std::string report = scratch / (verb + token);
      const Ran ran = ctl({"token", verb, "--users-file", "-", "--report", report}, token + "\n");
      EXPECT_EQ(ran.exit, 1);
      EXPECT_NE(ran.err.find("line 1: not a user name but what seems to be a token"), std::string::npos)
          << ran.err;
      std::stringstream all;
      all << ran.out << ran.err << std::ifstream(report).rdbuf();
      EXPECT_EQ(all.str().find(token), std::string::npos) << all.str();
    }
  }
  EXPECT_TRUE(seen.empty());
  for (const char* name : {"kms_backup", "node-east-rack", "DB01-EAST-0001-A", "ABCD-EFGH-UVWX"}) {
    say(good(R"({"items":[{"user":"x","active":false}]})"));
    EXPECT_EQ(ctl({"token", "revoke", "--users-file", "-"}, std::string(name) + "\n").exit, 0) << name;
  }
}

TEST_F(Kmsctl, SaysWhenNobodyAnswers) {
  server->stop();
  const Ran gone = ctl({"status"});
  EXPECT_EQ(gone.exit, 7);
  EXPECT_NE(gone.err.find("is kmsd running?"), std::string::npos);
  EXPECT_EQ(std::count(gone.err.begin(), gone.err.end(), '\n'), 1);
}

TEST_F(Kmsctl, AddsSeveralUsersAndTriesEach) {
  say(kmsd::http::problem(409, "conflict", "there is one"));
  say(good(R"({"name":"b","role":"user"})", 201));
  const Ran both = ctl({"user", "add", "a", "b", "--uid", "7", "--dns", "x", "--dns", "y"});
  EXPECT_EQ(both.exit, 1);
  EXPECT_EQ(both.out, "added b (user)\n");
  EXPECT_EQ(seen.at(0), R"(POST /v1/users {"name":"a","dns":["x","y"],"uid":7})");
  say(kmsd::http::problem(409, "conflict", "there is one"));
  EXPECT_EQ(ctl({"user", "add", "a"}).exit, 9);
  EXPECT_EQ(ctl({"user", "add", "a", "--uid", "x"}).exit, 2);
  EXPECT_EQ(ctl({"user", "set", "a"}).exit, 2);
  say(good(R"({"name":"a/b","role":"user"})"));
  EXPECT_EQ(ctl({"user", "set", "a/b", "--no-uid"}).exit, 0);
  EXPECT_EQ(seen.back(), R"(PATCH /v1/users/a/b {"uid":null})");
}

TEST_F(Kmsctl, TakesSecretsFromFilesAndStdin) {
  std::ofstream(scratch / "bearer") << "kms_bearer\n";
  const std::string status = R"({"state":"unsealed","reason":null,"medium":"m"})";
  say(good(status));
  const Ran ran = ctl({"--token-file", (scratch / "bearer").string(), "unseal", "--pwd-file", "-"}, "0123\n");
  EXPECT_EQ(ran.exit, 0) << ran.err;
  EXPECT_EQ(seen.at(0), R"(POST /v1/unseal {"pwd":"0123"} (Bearer kms_bearer))");
  EXPECT_NE(ran.out.find("unsealed"), std::string::npos);
  EXPECT_EQ(ctl({"unseal", "--pwd-file", "-", "--passphrase-file", "-"}).exit, 2);
  EXPECT_NE(ctl({"unseal", "--typed"}).exit, 0);  // no terminal here
  EXPECT_EQ(seen.size(), 1U);
  say(good(status));
  EXPECT_EQ(ctl({"--json", "status"}).out, status + "\n");
}

TEST_F(Kmsctl, ReportsNoTokenWhoseLineWasNotWritten) {
  std::ofstream(scratch / "users") << "alice\n";
  const std::string report = scratch / "report";
  const std::string issued = R"({"items":[)" + std::string(kIssued) + "]}";
  const std::string command = std::string(KEYDISK_BINARY_DIR) + "/kmsctl --server unix:" + socket.string() +
                              " token issue --kind enrol --users-file " + (scratch / "users").string();
  const auto held = [&] {
    std::stringstream text;
    text << std::ifstream(report).rdbuf();
    return text.str();
  };
  const Ran json = run({"sh", "-c", command + " --json --report " + report + " > /dev/full"});
  EXPECT_EQ(json.exit, 8) << json.err;
  EXPECT_TRUE(seen.empty()) << "asked for a token that there is no place for";
  say(good(issued));
  const Ran full = run({"sh", "-c", command + " --report " + report + " > /dev/full"});
  EXPECT_EQ(full.exit, 8) << full.err;
  EXPECT_NE(full.err.find("cannot write standard output"), std::string::npos) << full.err;
  EXPECT_NE(held().find("\nsent\talice\t"), std::string::npos) << held();
  EXPECT_EQ(held().find("\nok\t"), std::string::npos) << held();
  say(good(issued));
  const Ran lost = run({"sh", "-c", command + " > /dev/full"});
  EXPECT_NE(lost.err.find("lost from alice to alice"), std::string::npos) << lost.err;
  say(good(issued));
  const Ran again = run({"sh", "-c", command + " --report " + report});
  EXPECT_EQ(again.exit, 0) << again.err;
  EXPECT_NE(held().find("\nok\talice\tACC\t"), std::string::npos) << held();
  const std::string output = scratch / "tokens";
  const Ran moved = run({"sh", "-c", command + " --report " + report + " --output " + output});
  EXPECT_EQ(moved.exit, 0) << moved.err;
  EXPECT_NE(moved.err.find("before is not in this file"), std::string::npos) << moved.err;
}

TEST_F(Kmsctl, SaysOnlyTheRefusalWhenAListIsRefused) {
  const std::tuple<int, const char*, int> cases[] = {
      {400, "invalid_request", 2}, {401, "unauthenticated", 6}, {403, "forbidden", 6}};
  for (const auto& [status, code, exit] : cases) {
    for (const bool reported : {false, true}) {
      std::vector<std::string> words = {"token", "issue", "--kind", "enrol", "--users-file", "-"};
      if (reported) words.insert(words.end(), {"--report", scratch / code});
      say(kmsd::http::problem(status, code, "because"));
      const Ran ran = ctl(words, "alice\nbob\n");
      EXPECT_EQ(ran.exit, exit) << code;
      EXPECT_EQ(ran.err, "kmsctl: because\n");
    }
  }
  say(kmsd::http::problem(503, "sealed", "because"));
  const Ran later = ctl({"token", "issue", "--kind", "enrol", "--users-file", "-"}, "alice\nbob\n");
  EXPECT_EQ(later.exit, 3);
  EXPECT_NE(later.err.find("from alice to bob"), std::string::npos) << later.err;
}

TEST_F(Kmsctl, QuotesNoLineOfAListThatMayBeAToken) {
  // An access token whose check characters fit, bare and in lines as --output has them.
  auto token = kms::makeAccessToken("0123456789ABCDEFGHJKMNPQR0", base::systemRng());
  ASSERT_TRUE(token);
  const std::string text(base::view(*token));
  const std::string lines = text + "\nalice\t" + text + "\t2026-01-02T00:00:00Z\n" +
                            "alice\tABCD-EFGH-JKMN\t2026-01-02T00:00:00Z\n";
  for (const char* option : {"--accessors-file", "--users-file", "--tokens-file"}) {
    const bool bare = option == std::string("--tokens-file");  // the first line would be one
    const std::string report = scratch / option;
    const std::string input = bare ? lines.substr(lines.find('\n') + 1) : lines;
    for (const bool json : {false, true}) {
      std::vector<std::string> words = {"token", "revoke", option, "-", "--report", report};
      if (json) words.insert(words.begin(), "--json");
      const Ran ran = ctl(words, input);
      EXPECT_EQ(ran.exit, 1) << ran.err;
      std::stringstream all;
      all << std::ifstream(report).rdbuf() << ran.out << ran.err;
      for (const std::string secret : {text.c_str(), "ABCD-EFGH"})
        EXPECT_EQ(all.str().find(secret), std::string::npos) << option << all.str();
      EXPECT_NE(ran.err.find("from column 3 of the report"), std::string::npos) << ran.err;
    }
  }
  EXPECT_TRUE(seen.empty());
  const Ran accessors = ctl({"token", "revoke", "--accessors-file", "-"}, "short\n");
  EXPECT_TRUE(accessors.err.starts_with("kmsctl: line 1: not an accessor (26 letters and digits)\n"))
      << accessors.err;
  const Ran users = ctl({"token", "revoke", "--users-file", "-"},
                        "a\x01"
                        "b\n");
  EXPECT_TRUE(users.err.starts_with("kmsctl: line 1: not a user name\n")) << users.err;
}

TEST_F(Kmsctl, FailsWhereAnOutputCannotBeMade) {
  std::ofstream(scratch / "users") << "alice\n";
  for (const char* option : {"--output", "--report"}) {
    const Ran ran = ctl({"token", "issue", "--users-file", (scratch / "users").string(), option,
                         (scratch / "none/tokens").string()});
    EXPECT_EQ(ran.exit, 8) << ran.err;
    EXPECT_NE(ran.err.find("none/tokens"), std::string::npos) << ran.err;
  }
  EXPECT_TRUE(seen.empty());
}

}  // namespace
}  // namespace tests
