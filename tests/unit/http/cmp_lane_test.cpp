// CMP under a secret with many iterations has a thread of its own: however many strangers ask for that, all
// others are answered.
#include "kms/pki/cmp_oids.h"
#include "kms/pki/cmp_protection.h"
#include "kms/pki/der.h"
#include "tests/unit/http/api_fixture.h"

namespace tests {
namespace {

namespace pki = kms::pki;
using kmsd::http::Background;

// A genm under a MAC that is wrong, as strangers can send it.
base::Bytes strangersMessage(std::uint64_t iterations) {
  const auto algorithm = [](pki::Der& der, std::string_view oid) { der.sequence([&] { der.oid(oid); }); };
  pki::Der pbm;
  pbm.sequence([&] {
    pbm.oid(pki::oid::kPasswordBasedMac);
    pbm.sequence([&] {
      pbm.element(pki::kOctetString, std::string_view("saltsaltsaltsalt"));
      algorithm(pbm, pki::oid::kSha256);
      pbm.small(iterations);
      algorithm(pbm, pki::oid::kHmacSha256);
    });
  });
  pki::Der body;
  body.nest(pki::contextTag(static_cast<unsigned>(pki::CmpBody::Genm)), [&] { body.sequence([] {}); });
  pki::Der name;
  name.sequence([] {});
  pki::Der recipient;
  recipient.nest(pki::contextTag(4), [&] { recipient.sequence([] {}); });
  const base::Bytes algorithmDer = std::move(pbm).take();
  const base::Bytes sender = std::move(name).take();
  const base::Bytes to = std::move(recipient).take();
  const base::Bytes header =
      pki::writeCmpHeader({.sender = sender,
                           .recipient = to,
                           .time = base::systemClock().now(),
                           .algorithm = algorithmDer,
                           .senderKid = base::asBytes(std::string_view("stranger")),
                           .transaction = base::asBytes(std::string_view("0123456789abcdef")),
                           .senderNonce = base::asBytes(std::string_view("fedcba9876543210")),
                           .recipNonce = {}});
  return pki::writeCmpMessage(header, body.view(), base::Bytes(32), {});
}

class CmpLane : public Api {
 protected:
  void SetUp() override {
    Api::SetUp();
    makeAuthority();
  }
  Request cmp(std::uint64_t iterations) {
    Request request = make("POST", "/.well-known/cmp", base::asText(strangersMessage(iterations)));
    request.contentType = "application/pkixcmp";
    request.transport = kmsd::http::Transport::Http;
    return request;
  }
  // Keeps the thread busy, and every place behind it taken, until let go.
  void fill(Background& lane) {
    std::promise<void> running;
    ASSERT_TRUE(lane.run([&running, go = released] {
      running.set_value();
      go.wait();
    }));
    running.get_future().wait();
    while (lane.run([] {})) {
    }
  }
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
};

TEST_F(CmpLane, KnowsWhatTakesLong) {
  EXPECT_FALSE(pki::CmpServer::takesLong(strangersMessage(500)));
  EXPECT_FALSE(pki::CmpServer::takesLong(strangersMessage(1'000)));
  EXPECT_TRUE(pki::CmpServer::takesLong(strangersMessage(1'001)));
  EXPECT_TRUE(pki::CmpServer::takesLong(strangersMessage(100'000)));
  EXPECT_FALSE(pki::CmpServer::takesLong(strangersMessage(100'001))) << "it is refused unread";
  EXPECT_FALSE(pki::CmpServer::takesLong({}));
}

TEST_F(CmpLane, WhenItIsFullAllElseIsAnswered) {
  fill(*enrolling);
  const Response full = ask(cmp(100'000));
  EXPECT_EQ(full.status, 503);
  EXPECT_EQ(code(full), "unavailable");
  EXPECT_TRUE(std::ranges::any_of(full.headers, [](const auto& one) { return one.first == "Retry-After"; }));
  EXPECT_EQ(as(kStranger, "GET", "/v1/status").status, 200);
  const Response quick = ask(cmp(500));
  EXPECT_EQ(quick.status, 200) << "few iterations need no place";
  EXPECT_EQ(quick.contentType, "application/pkixcmp");
  release.set_value();
  const auto by = base::Deadline::in(std::chrono::seconds(30));
  Response slow = ask(cmp(2'000));
  while (slow.status == 503 && !by.expired()) slow = ask(cmp(2'000));
  EXPECT_EQ(slow.status, 200);
  EXPECT_EQ(slow.contentType, "application/pkixcmp");
}

// Making keys: the encryption pairs of users, and the authority's.
TEST_F(CmpLane, KeysAreMadeBesideAllElse) {
  fill(*keys);
  const Response authority = as(0, "POST", "/v1/ca");
  EXPECT_EQ(authority.status, 503) << base::view(authority.body);
  EXPECT_EQ(as(kStranger, "GET", "/v1/status").status, 200);
  EXPECT_EQ(as(0, "GET", "/v1/users").status, 200);
  release.set_value();
}

}  // namespace
}  // namespace tests
