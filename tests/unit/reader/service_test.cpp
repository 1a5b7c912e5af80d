#include "hal/reader_service.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <future>

#include "drivers/mock/drive.h"
#include "drivers/mock/driver.h"

namespace {

using base::Code;
using base::Deadline;
using base::Reason;
using drivers::mock::Content;
using drivers::mock::Drive;
namespace reader = hal::reader;
using Milliseconds = std::chrono::milliseconds;

const hal::DriverEntry kTable[] = {{&drivers::mock::kInfo, drivers::mock::make}};

// A service over one or two mock drives, and this test as its kmsd.
class Service {
 public:
  explicit Service(hal::ReaderServiceOptions options = {}) : registry_(kTable), options_(options) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) std::abort();
    channel_ = std::make_unique<hal::ReaderChannel>(base::Fd(ends[0]));
    end_ = std::async(std::launch::async, [this, end = ends[1]] {
      hal::ReaderService service(base::Fd(end), registry_, options_);
      auto how = service.run();
      if (!how && how.error().code == Code::Timeout)
        for (const auto& drive : {a, b}) drive->release();  // in life, the process ends
      return how;
    });
  }
  ~Service() {
    if (channel_) channel_->shutdown();
    a->release();
    b->release();
  }

  void send(base::Result<base::SecretBuffer> frame) {
    ASSERT_TRUE(frame);
    ASSERT_TRUE(channel_->send(frame->bytes(), soon()));
  }
  reader::Frame next() {
    auto frame = channel_->receive(soon());
    if (!frame) throw std::runtime_error(frame.error().what);
    return *std::move(frame);
  }
  // The next frame that is no list told unasked.
  reader::Frame reply() {
    for (;;) {
      auto frame = next();
      if (frame.request != 0 || frame.type != reader::Type::Slots) return frame;
    }
  }
  std::vector<hal::Slot> nextSlots() {
    auto frame = next();
    if (frame.type != reader::Type::Slots) throw std::runtime_error("no slots");
    return *reader::parseSlots(frame.body.bytes());
  }
  void open(std::vector<std::string> uris = {"mock:a", "mock:b"}, bool writable = false) {
    send(reader::encode(0, reader::Open{reader::kVersion, writable, std::move(uris)}));
  }
  void opened(bool writable = false) {
    open({"mock:a", "mock:b"}, writable);
    ASSERT_EQ(next().type, reader::Type::Ready);
    ASSERT_EQ(nextSlots().size(), 2U);
  }
  base::Error failure() {
    auto frame = reply();
    if (frame.type != reader::Type::Failed) throw std::runtime_error("no failure");
    return reader::parseFailure(frame.body.bytes());
  }
  base::Result<void> end() {
    channel_->shutdown();
    return end_.get();
  }
  base::Result<void> ended() { return end_.get(); }

  std::shared_ptr<Drive> a = Drive::add("a");
  std::shared_ptr<Drive> b = Drive::add("b");

 private:
  static Deadline soon() { return Deadline::in(std::chrono::seconds(20)); }
  hal::Registry registry_;
  hal::ReaderServiceOptions options_;
  std::unique_ptr<hal::ReaderChannel> channel_;
  std::future<base::Result<void>> end_;
};

const hal::MediumId kA{"mock", "a"};

TEST(ReaderService, TellsItsDriversThenItsSlotsInOrder) {
  Service service;
  service.b->insert(Content::Blank);
  service.open();
  auto frame = service.next();
  ASSERT_EQ(frame.type, reader::Type::Ready);
  const auto ready = reader::parseReady(frame.body.bytes());
  ASSERT_TRUE(ready);
  ASSERT_EQ(ready->drivers.size(), 1U);
  EXPECT_EQ(ready->drivers[0].scheme, "mock");
  const auto slots = service.nextSlots();
  ASSERT_EQ(slots.size(), 2U);
  EXPECT_EQ(slots[0].id.uri(), "mock:a");
  EXPECT_FALSE(slots[0].present);
  EXPECT_TRUE(slots[1].present);
  EXPECT_TRUE(service.end());
}

TEST(ReaderService, TellsOfAnInsertedAndAPulledMedium) {
  Service service;
  service.opened();
  service.a->insert(Content::Blank);
  EXPECT_TRUE(service.nextSlots()[0].present);
  service.a->pull();
  EXPECT_FALSE(service.nextSlots()[0].present);
}

TEST(ReaderService, RefusesAnUnknownUriAndAWrongVersion) {
  Service service;
  service.open({"tape:1"});
  auto frame = service.next();
  ASSERT_EQ(frame.type, reader::Type::Refused);
  const auto error = reader::parseFailure(frame.body.bytes());
  EXPECT_EQ(error.code, Code::Invalid);
  EXPECT_NE(error.what.find("mock:NAME"), std::string::npos);
  EXPECT_FALSE(service.ended());

  Service other;
  other.send(reader::encode(0, reader::Open{99, false, {}}));
  EXPECT_EQ(other.next().type, reader::Type::Refused);
}

TEST(ReaderService, ReadsAKeyText) {
  Service service;
  service.opened();
  service.a->insert("[config]\r\npwd=X\r\n");
  service.send(reader::encode(7, reader::Read{kA, Milliseconds(5000)}));
  const auto frame = service.reply();
  ASSERT_EQ(frame.type, reader::Type::KeyText);
  EXPECT_EQ(frame.request, 7U);
  EXPECT_EQ(reader::parseKeyText(frame.body.bytes())->text(), "[config]\r\npwd=X\r\n");
}

TEST(ReaderService, PassesOnWhatIsWrongWithAMedium) {
  Service service;
  service.opened();
  service.a->insert(Content::Blank);
  service.send(reader::encode(7, reader::Read{kA, Milliseconds(5000)}));
  EXPECT_EQ(service.failure().reason, Reason::Blank);
  service.a->insert(Content::NotFat);
  service.send(reader::encode(8, reader::Read{kA, Milliseconds(5000)}));
  EXPECT_EQ(service.failure().reason, Reason::NotFat);
  service.send(reader::encode(9, reader::Read{{"mock", "nowhere"}, Milliseconds(5000)}));
  EXPECT_EQ(service.failure().code, Code::NotFound);
}

TEST(ReaderService, GivesUpAStalledMediumAtTheDeadline) {
  Service service;
  service.opened();
  service.a->insert(Content::Blank);
  service.a->script({drivers::mock::stall()});
  service.send(reader::encode(7, reader::Read{kA, Milliseconds(50)}));
  EXPECT_EQ(service.failure().code, Code::Timeout);
}

TEST(ReaderService, WritesOnlyWhereItMay) {
  Service reading;
  reading.opened();
  reading.a->insert(Content::Blank);
  const auto text = [] { return *base::SecretBuffer::copyOf(base::asBytes("[config]\r\npwd=Y\r\n")); };
  reading.send(reader::encode(1, reader::Write{kA, hal::Overwrite::Key, Milliseconds(5000), text()}));
  EXPECT_EQ(reading.failure().code, Code::Denied);
  EXPECT_FALSE(reading.a->text());

  Service writing({.writable = true});
  writing.opened(true);
  writing.a->insert(Content::Blank);
  writing.send(reader::encode(1, reader::Write{kA, hal::Overwrite::Empty, Milliseconds(5000), text()}));
  EXPECT_EQ(writing.reply().type, reader::Type::Written);
  EXPECT_EQ(writing.a->text(), "[config]\r\npwd=Y\r\n");
}

TEST(ReaderService, NotesOnMediaOnlyWhereItMay) {
  const base::Bytes sector(512, std::byte{7});
  const auto note = [&] { return reader::encode(1, reader::WriteEpoch{kA, Milliseconds(5000), 0, sector}); };
  Service reading;
  reading.opened();
  reading.a->insert(Content::Blank);
  reading.send(note());
  EXPECT_EQ(reading.failure().code, Code::Denied);

  Service refused;
  refused.send(reader::encode(0, reader::Open{reader::kVersion, false, {"mock:a"}, true}));
  EXPECT_EQ(refused.reply().type, reader::Type::Refused);

  // A mock's medium is no disk; and the right to note is none to make media.
  Service noting({.epoch = true});
  noting.send(reader::encode(0, reader::Open{reader::kVersion, false, {"mock:a", "mock:b"}, true}));
  EXPECT_EQ(noting.reply().type, reader::Type::Ready);
  noting.a->insert(Content::Blank);
  noting.send(note());
  EXPECT_EQ(noting.failure().code, Code::Unsupported);
  noting.send(reader::encode(2, reader::ReadEpoch{kA, Milliseconds(5000)}));
  EXPECT_EQ(noting.failure().code, Code::Unsupported);
  auto text = *base::SecretBuffer::copyOf(base::asBytes("[config]\r\npwd=Y\r\n"));
  noting.send(reader::encode(3, reader::Write{kA, hal::Overwrite::Key, Milliseconds(5000), std::move(text)}));
  EXPECT_EQ(noting.failure().code, Code::Denied);
  EXPECT_FALSE(noting.a->text());
}

TEST(ReaderService, AnswersAPing) {
  Service service;
  service.opened();
  service.send(reader::encodePing());
  const auto frame = service.reply();
  EXPECT_EQ(frame.type, reader::Type::Pong);
  EXPECT_TRUE(reader::parsePulse(frame));
}

TEST(ReaderService, ScansWhenAsked) {
  Service service;
  service.opened();
  service.send(reader::encode(3, reader::Scan{Milliseconds(5000)}));
  const auto frame = service.reply();
  ASSERT_EQ(frame.type, reader::Type::Slots);
  EXPECT_EQ(frame.request, 3U);
}

TEST(ReaderService, ShowsADriveThatCannotBeLookedAt) {
  Service service;
  service.opened();
  service.a->refuse(base::Error{Code::Denied, "no permission", Reason::MediumNotPermitted});
  const auto slots = service.nextSlots();
  ASSERT_TRUE(slots[0].error);
  EXPECT_EQ(slots[0].error->reason, Reason::MediumNotPermitted);
}

TEST(ReaderService, OpensForWritingOnlyWhereItWasStartedForIt) {
  Service service(hal::ReaderServiceOptions{});
  service.open({"mock:a"}, true);
  auto frame = service.next();
  ASSERT_EQ(frame.type, reader::Type::Refused);
  EXPECT_EQ(reader::parseFailure(frame.body.bytes()).code, Code::Denied);
  EXPECT_FALSE(service.ended());
}

TEST(ReaderService, EndsOnRubbish) {
  Service service;
  service.opened();
  service.send(reader::encode(1, reader::Answer{1, true, {}}));
  const auto how = service.ended();
  ASSERT_FALSE(how);
  EXPECT_EQ(how.error().code, Code::Corrupt);

  Service padded;
  padded.opened();
  auto ping = *reader::encodePing();
  ping.bytes()[5] = std::byte{1};  // a request number
  padded.send(std::move(ping));
  EXPECT_EQ(padded.ended().error().code, Code::Corrupt);

  Service mute;
  mute.send(reader::encode(1, reader::Scan{Milliseconds(1)}));  // before Open
  EXPECT_FALSE(mute.ended());
}

TEST(ReaderService, AMediumThatHangsIsLeftToWhoAsked) {
  Service service;
  service.opened();
  service.a->insert(Content::Blank);
  service.a->script({drivers::mock::hang()});
  service.send(reader::encode(7, reader::Read{kA, Milliseconds(50)}));
  service.b->insert(Content::Blank);  // the other drive is watched on
  bool seen = false;
  while (!seen) seen = service.nextSlots()[1].present;
  service.a->release();
  EXPECT_EQ(service.reply().request, 7U);
}

}  // namespace
