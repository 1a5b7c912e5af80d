#include "daemon/http/server.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <future>
#include <thread>

#include "daemon/http/client.h"
#include "tests/support/scratch.h"
#include "tests/unit/http/wire.h"

namespace tests {
namespace {

using base::Code;
using base::Reason;
using kmsd::http::Client;
using kmsd::http::Request;
using kmsd::http::Respond;
using kmsd::http::Response;
using kmsd::http::Server;
using kmsd::http::ServerOptions;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::string_view kGet = "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n";

class HttpServer : public ::testing::Test {
 protected:
  void run(ServerOptions options = {}) {
    options.threads = 2;
    server = std::make_unique<Server>(
        options, [this](const Request& request, Respond respond) { handle(request, std::move(respond)); });
    const auto listening = server->listenUnix(path);
    ASSERT_TRUE(listening) << listening.error().what;
    server->start();
  }
  ~HttpServer() override {
    server.reset();
    for (std::thread& thread : threads) thread.join();
  }

  void handle(const Request& request, Respond respond) {
    ++requests;
    Response response;
    response.contentType = "text/plain";
    response.body = base::secretText(request.method + " " + request.path + " ");
    response.body.insert(response.body.end(), request.body.begin(), request.body.end());
    if (request.path == "/drop") return;
    if (request.path == "/throw") throw std::runtime_error("a defect");
    if (request.path == "/held") response.delay = seconds(1);
    if (request.path == "/long") response.delay = seconds(60);
    if (request.path == "/twice") respond(response);
    if (request.path == "/peer") response.body = base::secretText(std::to_string(request.peer->uid));
    if (request.path == "/groups")
      response.body = base::secretText(std::to_string(request.peer->groups.back()));
    if (request.path == "/later") {
      threads.emplace_back([respond, response, this] {
        release.get_future().wait();
        respond(response);
      });
      return;
    }
    respond(std::move(response));
  }

  std::string ask(std::string_view text) {
    Wire wire(path);
    wire.send(text);
    return wire.answer();
  }
  static std::string post(std::size_t size, std::string_view more = "") {
    return "POST /echo HTTP/1.1\r\nHost: h\r\n" + std::string(more) +
           "Content-Length: " + std::to_string(size) + "\r\n\r\n" + std::string(size, 'b');
  }

  Scratch scratch;
  std::filesystem::path path = scratch / "run/kms.sock";
  std::atomic<int> requests = 0;
  std::promise<void> release;
  std::vector<std::thread> threads;
  std::unique_ptr<Server> server;
};

TEST_F(HttpServer, KeepsTheConnectionAndServesPipelinedRequestsInTurn) {
  run();
  Wire wire(path);
  ASSERT_TRUE(
      wire.send(std::string(kGet) + post(3) + "GET /held HTTP/1.1\r\nHost: h\r\n\r\n" + std::string(kGet)));
  EXPECT_NE(wire.answer().find("GET /echo "), std::string::npos);
  EXPECT_NE(wire.answer().find("POST /echo bbb"), std::string::npos);
  EXPECT_NE(wire.answer().find("GET /held "), std::string::npos);
  EXPECT_NE(wire.answer().find("GET /echo "), std::string::npos);
  ASSERT_TRUE(wire.send(kGet));
  EXPECT_NE(wire.answer().find("200 OK"), std::string::npos);
}

TEST_F(HttpServer, SpeaksOldHttpChunksHeadAndContinue) {
  run();
  Wire old(path);
  old.send("GET /echo HTTP/1.0\r\n\r\n");
  EXPECT_NE(old.answer().find("200 OK"), std::string::npos);
  EXPECT_TRUE(old.ends());
  EXPECT_NE(ask("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
                "chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
                .find("POST /echo abc"),
            std::string::npos);
  Wire head(path);
  head.send("HEAD /echo HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_NE(head.answer(true).find("Content-Length: 11"), std::string::npos);
  head.send(kGet);
  EXPECT_TRUE(head.answer().starts_with("HTTP/1.1 200"));
  Wire patient(path);
  patient.send("POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_TRUE(patient.answer().starts_with("HTTP/1.1 100"));
  patient.send("ok");
  EXPECT_NE(patient.answer().find("POST /echo ok"), std::string::npos);
}

TEST_F(HttpServer, AnswersBadRequestsWithProblemDocuments) {
  ServerOptions options;
  options.bodyMost = 1000;
  options.headerMost = 2000;
  run(options);
  const std::string long_(4000, 'x');
  const std::pair<std::string, int> cases[] = {
      {"nonsense\r\n\r\n", 400},
      {"GET /a%zz HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"GET /echo HTTP/1.1\r\n\r\n", 400},
      {"GET /echo HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n", 400},
      {"GET /echo HTTP/1.1\r\nHost: h\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n", 400},
      {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n\r\n", 411},
      {post(1001), 413},
      {"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" +
           std::string(2000, 'x') + "\r\n0\r\n\r\n",
       413},
      {post(3, "Content-Encoding: gzip\r\n"), 415},
      {"GET /echo HTTP/1.1\r\nHost: h\r\nX: " + long_ + "\r\n\r\n", 431},
      {"GET /" + long_ + " HTTP/1.1\r\nHost: h\r\n\r\n", 431},
      {"BREW /echo HTTP/1.1\r\nHost: h\r\n\r\n", 501},
      {"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
      {"GET /throw HTTP/1.1\r\nHost: h\r\n\r\n", 500},
      {"GET /drop HTTP/1.1\r\nHost: h\r\n\r\n", 500},
  };
  for (const auto& [text, status] : cases) {
    const std::string answer = ask(text);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 " + std::to_string(status))) << text.substr(0, 60) << "\n"
                                                                          << answer;
    EXPECT_NE(answer.find("application/problem+json"), std::string::npos) << text.substr(0, 60);
    EXPECT_NE(answer.find("\"status\":" + std::to_string(status)), std::string::npos) << text.substr(0, 60);
  }
  EXPECT_NE(ask(kGet).find("200 OK"), std::string::npos);
}

TEST_F(HttpServer, DropsSlowAndSilentClientsOnly) {
  ServerOptions options;
  options.requestTimeout = seconds(1);
  options.idleTimeout = seconds(2);
  run(options);
  Wire silent(path);
  Wire slow(path);
  Wire half(path);
  ASSERT_TRUE(slow.send("GET /echo HTT"));
  ASSERT_TRUE(half.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc"));
  EXPECT_NE(ask(kGet).find("200 OK"), std::string::npos);
  EXPECT_TRUE(slow.ends(seconds(10)));
  EXPECT_TRUE(half.ends(seconds(10)));
  EXPECT_TRUE(silent.ends(seconds(10)));
  EXPECT_EQ(requests, 1);
}

TEST_F(HttpServer, HoldsAnswersBackWithoutAThread) {
  run();
  std::vector<std::unique_ptr<Wire>> held;
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) {
    held.push_back(std::make_unique<Wire>(path));
    held.back()->send("GET /held HTTP/1.1\r\nHost: h\r\n\r\n");
  }
  EXPECT_NE(ask(kGet).find("200 OK"), std::string::npos);
  for (const auto& wire : held) EXPECT_NE(wire->answer().find("GET /held"), std::string::npos);
  EXPECT_GE(std::chrono::steady_clock::now() - start, seconds(1));
}

TEST_F(HttpServer, TurnsAwayWhoIsTooMany) {
  ServerOptions options;
  options.connectionsMost = 2;
  options.connectionsForRoot = 0;  // so that it does not matter who runs the test
  run(options);
  auto first = std::make_unique<Wire>(path);
  Wire second(path);
  for (Wire* wire : {first.get(), &second}) {
    wire->send(kGet);
    ASSERT_NE(wire->answer().find("200 OK"), std::string::npos);
  }
  Wire third(path);
  EXPECT_TRUE(third.answer().starts_with("HTTP/1.1 503"));
  EXPECT_TRUE(third.ends());
  first.reset();
  const auto by = base::Deadline::in(seconds(20));
  std::string answer;
  while (!answer.starts_with("HTTP/1.1 200") && !by.expired()) answer = ask(kGet);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200"));
}

// A connection whose other end is `user` for the kernel. The raw call changes this one thread, which ends.
std::unique_ptr<Wire> wireOf(uid_t user, const std::filesystem::path& path) {
  std::unique_ptr<Wire> wire;
  std::thread([&] {
    if (::syscall(SYS_setresuid, -1, user, -1) == 0) wire = std::make_unique<Wire>(path);
  }).join();
  return wire;
}

TEST_F(HttpServer, OneUserTakesNoPlaceOfOthersOrOfRoot) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can stand for several users";
  ServerOptions options;
  options.connectionsMost = 6;
  options.connectionsForRoot = 2;
  options.connectionsOfOneUser = 3;
  run(options);
  ASSERT_EQ(::chmod(scratch.path().c_str(), 0755), 0);
  std::vector<std::unique_ptr<Wire>> held;
  const auto served = [&](uid_t user) {
    auto wire = wireOf(user, path);
    if (!wire || !wire->connected()) return false;
    wire->send(kGet);
    const std::string answer = wire->answer();
    held.push_back(std::move(wire));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200") || answer.starts_with("HTTP/1.1 503")) << answer;
    return answer.starts_with("HTTP/1.1 200");
  };
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(served(65534));
  EXPECT_FALSE(served(65534));
  EXPECT_TRUE(served(65533));
  EXPECT_FALSE(served(65533));  // the last two are root's
  EXPECT_TRUE(served(0));
  EXPECT_TRUE(served(0));
  EXPECT_FALSE(served(0));
}

TEST_F(HttpServer, ServesManyAtOnce) {
  run();
  std::vector<std::unique_ptr<Wire>> all;
  for (int i = 0; i < 500; ++i) all.push_back(std::make_unique<Wire>(path));
  for (const auto& wire : all) ASSERT_TRUE(wire->connected() && wire->send(post(100)));
  for (const auto& wire : all) ASSERT_NE(wire->answer().find("200 OK"), std::string::npos);
  EXPECT_EQ(requests, 500);
}

TEST_F(HttpServer, StopsWhenRequestsUnderWayAreAnswered) {
  run();
  Wire idle(path);
  Wire held(path);
  Wire busy(path);
  held.send("GET /long HTTP/1.1\r\nHost: h\r\n\r\n");
  busy.send("GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
  const auto by = base::Deadline::in(seconds(20));
  while (requests < 2 && !by.expired()) std::this_thread::yield();
  auto stopped = std::async(std::launch::async, [&] { server->stop(); });
  EXPECT_TRUE(idle.ends());
  EXPECT_TRUE(held.ends());
  EXPECT_EQ(stopped.wait_for(milliseconds(0)), std::future_status::timeout);
  release.set_value();
  EXPECT_NE(busy.answer().find("Connection: close"), std::string::npos);
  stopped.get();
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_FALSE(Wire(path).connected());
}

TEST_F(HttpServer, StopsInTimeAndSurvivesALateAnswer) {
  ServerOptions options;
  options.stopTimeout = seconds(1);
  run(options);
  Wire stuck(path);
  stuck.send("GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
  const auto by = base::Deadline::in(seconds(20));
  while (requests < 1 && !by.expired()) std::this_thread::yield();
  server->stop();
  server.reset();
  release.set_value();  // the answer comes to nobody
}

TEST_F(HttpServer, TellsWhoIsThereAndAnswersOnce) {
  run();
  EXPECT_TRUE(
      ask("GET /peer HTTP/1.1\r\nHost: h\r\n\r\n").ends_with("\r\n\r\n" + std::to_string(::geteuid())));
  EXPECT_TRUE(
      ask("GET /groups HTTP/1.1\r\nHost: h\r\n\r\n").ends_with("\r\n\r\n" + std::to_string(::getegid())));
  Wire wire(path);
  wire.send("GET /twice HTTP/1.1\r\nHost: h\r\n\r\n" + std::string(kGet));
  EXPECT_NE(wire.answer().find("GET /twice"), std::string::npos);
  EXPECT_NE(wire.answer().find("GET /echo"), std::string::npos);
}

TEST_F(HttpServer, TakesItsPathOnlyFromTheDead) {
  run();
  struct stat there {};
  ASSERT_EQ(::stat(path.c_str(), &there), 0);
  EXPECT_EQ(there.st_mode & 07777U, 0666U);
  ASSERT_EQ(::stat(path.parent_path().c_str(), &there), 0);
  EXPECT_EQ(there.st_mode & 07777U, 0755U);

  Server second({}, [](const Request&, Respond) {});
  const auto live = second.listenUnix(path);
  ASSERT_FALSE(live);
  EXPECT_EQ(live.error().reason, Reason::AddressInUse);
  const auto tooLong = second.listenUnix(scratch / std::string(120, 'x'));
  ASSERT_FALSE(tooLong);
  EXPECT_EQ(tooLong.error().code, Code::Invalid);
  std::ofstream(scratch / "file") << "x";
  const auto file = second.listenUnix(scratch / "file");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().reason, Reason::AddressInUse);
  EXPECT_TRUE(std::filesystem::exists(scratch / "file"));

  // A dead server's socket: bound, its owner gone without removing it.
  const auto dead = scratch / "dead.sock";
  {
    const base::Fd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, dead.c_str(), sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  EXPECT_TRUE(second.listenUnix(dead));

  // Another's socket at our path is not ours to remove.
  std::filesystem::rename(path, scratch / "moved.sock");
  std::ofstream(path) << "another's";
  server->stop();
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(HttpServer, ServesItsOwnClient) {
  run();
  auto client = Client::connectUnix(path, base::Deadline::in(seconds(20)));
  ASSERT_TRUE(client) << client.error().what;
  for (int i = 0; i < 2; ++i) {
    Request request;
    request.method = "POST";
    request.path = "/a b/\xC3\xBC";
    request.contentType = "text/plain";
    request.body = base::secretText("body");
    const auto response = (*client)->call(request, base::Deadline::in(seconds(20)));
    ASSERT_TRUE(response) << response.error().what;
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(base::view(response->body), "POST /a b/\xC3\xBC body");
  }
  Request slow;
  slow.method = "GET";
  slow.path = "/long";
  const auto late = (*client)->call(slow, base::Deadline::in(milliseconds(200)));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::Timeout);
  const auto nobody = Client::connectUnix(scratch / "none", base::Deadline::in(seconds(5)));
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().reason, Reason::ServerUnreachable);
}

TEST_F(HttpServer, ItsClientReadsTheRefusalOfABodyItCouldNotSend) {
  run();
  auto client = Client::connectUnix(path, base::Deadline::in(seconds(20)));
  ASSERT_TRUE(client);
  Request request;
  request.method = "POST";
  request.path = "/echo";
  request.contentType = "text/plain";
  request.body = base::SecretText(200 * 1024, 'x');
  const auto response = (*client)->call(request, base::Deadline::in(seconds(20)));
  ASSERT_TRUE(response) << response.error().what;
  EXPECT_EQ(response->status, 413);
}

}  // namespace
}  // namespace tests
