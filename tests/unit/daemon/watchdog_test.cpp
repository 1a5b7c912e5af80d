#include "daemon/watchdog.h"

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <future>
#include <optional>

#include "daemon/cli.h"
#include "daemon/reader_client.h"
#include "kms/audit/audit_log.h"
#include "tests/support/server.h"

namespace kmsd {
namespace {

using namespace std::chrono_literals;
using tests::waitUntil;

// What the watchdog told, and a part that answers, keeps silent, or holds its answers back.
struct Scene {
  std::atomic<int> beats = 0;
  std::atomic<int> silences = 0;
  std::atomic<int> returns = 0;
  std::atomic<bool> stuck = false;
  std::mutex mutex;
  std::vector<std::function<void()>> owed;

  Watchdog::Part part() {
    return {"the part", [this](std::function<void()> answer) {
              if (!stuck) return answer();
              const std::lock_guard lock(mutex);
              owed.push_back(std::move(answer));
            }};
  }
  Watchdog::Events events() {
    return {[this] { ++beats; },
            [this](const std::string& name) { silences += name == "the part" ? 1 : 100; },
            [this](const std::string&) { ++returns; }};
  }
  void answerAll() {
    const std::lock_guard lock(mutex);
    for (const auto& answer : owed) answer();
    owed.clear();
  }
};

Watchdog::Part healthy(std::atomic<int>& turns) {
  return {"another", [&turns](const std::function<void()>& answer) {
            ++turns;
            answer();
          }};
}

TEST(Watchdog, BeatsWhileEveryPartAnswers) {
  Scene scene;
  std::atomic<int> turns = 0;
  const Watchdog watchdog(5ms, {healthy(turns), scene.part()}, scene.events());
  EXPECT_TRUE(waitUntil([&] { return scene.beats >= 3; }));
  EXPECT_EQ(scene.silences, 0);
}

TEST(Watchdog, FallsSilentWithAPartAndBeatsAgainWithIt) {
  Scene scene;
  std::atomic<int> turns = 0;
  const Watchdog watchdog(5ms, {healthy(turns), scene.part()}, scene.events());
  ASSERT_TRUE(waitUntil([&] { return scene.beats >= 1; }));
  scene.stuck = true;
  ASSERT_TRUE(waitUntil([&] { return scene.silences == 1; }));
  const int before = scene.beats;
  const int turn = turns;
  ASSERT_TRUE(waitUntil([&] { return turns >= turn + 5; })) << "the others are still asked";
  EXPECT_EQ(scene.beats, before);
  EXPECT_EQ(scene.silences, 1) << "told once";
  {
    const std::lock_guard lock(scene.mutex);
    EXPECT_EQ(scene.owed.size(), 1U);
  }
  scene.stuck = false;
  scene.answerAll();
  EXPECT_TRUE(waitUntil([&] { return scene.beats > before && scene.returns == 1; }));
}

TEST(Watchdog, EndsWhileAPartOwesItsAnswer) {
  Scene scene;
  scene.stuck = true;
  {
    const Watchdog watchdog(5ms, {scene.part()}, scene.events());
    ASSERT_TRUE(waitUntil([&] { return scene.silences == 1; }));
  }
  scene.answerAll();
  EXPECT_EQ(scene.beats, 0);
}

TEST(Watchdog, EndsAtOnceHoweverLongItsTurns) {
  Scene scene;
  const auto began = std::chrono::steady_clock::now();
  {
    const Watchdog watchdog(1h, {scene.part()}, scene.events());
    ASSERT_TRUE(waitUntil([&] { return scene.beats == 1; })) << "the first beat comes at once";
  }
  EXPECT_LT(std::chrono::steady_clock::now() - began, 10s);
}

// The keeper opens on its own thread, and cannot answer meanwhile.
TEST(Watchdog, WaitsLongerThanTheSlowestOpeningTakes) {
  std::ifstream unit(std::string(KEYDISK_SOURCE_DIR) + "/daemon/dist/kmsd.service.in");
  constexpr std::string_view kKey = "WatchdogSec=";
  std::optional<std::chrono::seconds> span;
  for (std::string line; std::getline(unit, line);)
    if (line.starts_with(kKey)) span = *parseSpan(line.substr(kKey.size()));
  ASSERT_TRUE(span);
  const std::chrono::milliseconds medium = ReaderOptions{}.readTimeout;
  constexpr std::chrono::seconds kScrypt{2};
  EXPECT_LT(medium + kScrypt + kms::AuditLog::kOpeningMost, *span / 2);
}

}  // namespace
}  // namespace kmsd
