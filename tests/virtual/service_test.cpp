// pcscd itself comes, goes and dies; and other programs use the card beside us.
#include <gtest/gtest.h>

#include "tests/support/run.h"
#include "tests/virtual/pcsc_bench.h"

namespace tests {
namespace {

using base::Code;

class ServiceTest : public PcscBench {
 protected:
  ServiceTest() { card->secret = bytesOf(packedText('A')); }
  // Waits until the driver tells that there is no pcscd.
  void expectAbsent() {
    const auto by = soon();
    for (auto all = slots(); all.empty() || !all[0].error || all[0].error->code != Code::Unavailable;
         all = slots()) {
      const auto changed = driver->waitForChange(by, {});
      ASSERT_TRUE(changed && *changed);
    }
    EXPECT_NE(slots()[0].error->what.find("pcscd"), std::string::npos);
  }
  void expectReadable() {
    const auto got = read(typist);
    ASSERT_TRUE(got) << got.error().what << "\n" << pcscd.log();
    EXPECT_EQ(*got, packedText('A'));
  }

  const std::shared_ptr<OpenPgpCard> card = std::make_shared<OpenPgpCard>();
  Typist typist;
};

TEST_F(ServiceTest, PcscdComesLater) {
  use();
  expectAbsent();
  EXPECT_EQ(read(typist).error().code, Code::Unavailable);
  const auto changed = driver->waitForChange(base::Deadline::in(std::chrono::milliseconds(100)), {});
  ASSERT_TRUE(changed);
  EXPECT_FALSE(*changed);
  pcscd.start();
  insert(card);
  expectReadable();
}

TEST_F(ServiceTest, PcscdIsKilledAndStoppedAndComesBack) {
  pcscd.start();
  use();
  insert(card);
  expectReadable();
  std::string stamp = look().stamp;
  for (const bool kill : {true, false}) {
    if (kill) {
      pcscd.kill();
    } else {
      pcscd.stop();
    }
    expectAbsent();
    EXPECT_FALSE(read(typist));
    pcscd.start();
    expectPresent(true);  // the card lay in the reader all the time
    expectReadable();
    EXPECT_NE(look().stamp, stamp);
    stamp = look().stamp;
  }
  links[0].reset();
  EXPECT_EQ(card->pin.given, 3U);
}

TEST_F(ServiceTest, PcscdDiesWhileAPersonTypes) {
  pcscd.start();
  use();
  insert(card);
  typist.before = [&] {
    pcscd.kill();
    pcscd.start();
    expectPresent(true);
    typist.before = {};
  };
  expectReadable();
  links[0].reset();
  EXPECT_EQ(card->pin.given, 1U);
}

TEST_F(ServiceTest, AnotherProgramUsesTheCardWhileAPersonTypes) {
  pcscd.start();
  use();
  insert(card);
  const auto other = [&] {
    const Ran ran = run({"opensc-tool", "--reader", Pcscd::reader(0), "--card-driver", "default",
                         "--send-apdu", "00:A4:04:00:06:D2:76:00:01:24:01:00"});
    EXPECT_EQ(ran.exit, 0) << ran.err;
    EXPECT_NE(ran.out.find("SW1=0x90, SW2=0x00"), std::string::npos) << ran.out;
  };
  other();
  typist.before = [&] {
    other();
    typist.before = {};
  };
  expectReadable();
  other();
  expectReadable();
}

TEST_F(ServiceTest, TheNextProgramReadsNoKeyWithoutAPin) {
  pcscd.start();
  use();
  insert(card);
  expectReadable();
  const Ran ran = run({"opensc-tool", "--reader", Pcscd::reader(0), "--card-driver", "default", "--send-apdu",
                       "00:A4:04:00:06:D2:76:00:01:24:01:00", "--send-apdu", "00:CA:01:03:00"});
  EXPECT_NE(ran.out.find("SW1=0x90, SW2=0x00"), std::string::npos) << ran.out << ran.err;
  EXPECT_NE(ran.out.find("SW1=0x69, SW2=0x82"), std::string::npos) << ran.out << ran.err;
}

}  // namespace
}  // namespace tests
