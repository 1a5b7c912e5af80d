// Who may say what in CMP: each message for each caller. The table is the specification; the test prints it
// again with what it got. Everything that is asked for is alice's: her name, her certificate. Whatever is
// refused must have changed nothing.
//
//   ok  done           na  notAuthorized    tpl badCertTemplate   cid badCertId
//   mac badMessageCheck, signed and never under a secret          snt signerNotTrusted, signed    req
//   badRequest
#include <iomanip>
#include <iostream>
#include <map>
#include <sstream>

#include "kms/pki/cmp_oids.h"
#include "kms/pki/name.h"
#include "tests/support/matrix_table.h"
#include "tests/unit/pki/cmp_say.h"

namespace tests {
namespace {

using namespace kms::pki;

// bare: no protection. wrong: alice, and a token that is none. lent: alice with bob's token. used, expired,
// access: alice with such a token of hers. own, recover: with her pending one. bob: bob with his own. cert,
// client, held ...: signed with that certificate of alice; bobs, with bob's. foreign: of another authority;
// forged: of another authority that has copied name and serial number of hers. cmp, ocsp, ca: with the
// server's own.
constexpr std::string_view kMatrix = R"(
#        bare wrong lent used expired access own recover bob | cert client bobs revoked held old open encr server foreign forged cmp ocsp ca
ir       mac  mac   mac  mac  mac     mac    ok  ok      na  | ok   ok     na   snt     snt  snt snt  snt  snt    snt     snt    snt snt  snt
cr       mac  mac   mac  mac  mac     mac    ok  ok      na  | ok   ok     na   snt     snt  snt snt  snt  snt    snt     snt    snt snt  snt
p10cr    mac  mac   mac  mac  mac     mac    ok  ok      na  | ok   ok     na   snt     snt  snt snt  snt  snt    snt     snt    snt snt  snt
kur      mac  mac   mac  mac  mac     mac    na  na      na  | ok   ok     na   snt     snt  snt snt  snt  snt    snt     snt    snt snt  snt
rr       mac  mac   mac  mac  mac     mac    ok  ok      cid | ok   ok     cid  snt     snt  snt snt  snt  snt    snt     snt    snt snt  snt
certConf mac  mac   mac  mac  mac     mac    ok  ok      cid | ok   ok     cid  snt     snt  snt snt  snt  snt    snt     snt    snt snt  snt
genm     mac  mac   mac  mac  mac     mac    ok  ok      ok  | ok   ok     ok   snt     snt  snt snt  snt  snt    snt     snt    snt snt  snt
pollReq  mac  mac   mac  mac  mac     mac    req req     req | req  req    req  snt     snt  snt snt  snt  snt    snt     snt    snt snt  snt
nested   mac  mac   mac  mac  mac     mac    req req     req | req  req    req  snt     snt  snt snt  snt  snt    snt     snt    snt snt  snt
unknown  mac  mac   mac  mac  mac     mac    req req     req | req  req    req  snt     snt  snt snt  snt  snt    snt     snt    snt snt  snt
)";

const std::map<std::string, unsigned, std::less<>> kTypes = {
    {"ir", 0},        {"cr", 2},    {"p10cr", 4},    {"kur", 7},     {"rr", 11},
    {"certConf", 24}, {"genm", 21}, {"pollReq", 25}, {"nested", 20}, {"unknown", 30}};
const std::map<std::string, CmpFailure, std::less<>> kFailures = {
    {"mac", CmpFailure::BadMessageCheck}, {"snt", CmpFailure::SignerNotTrusted},
    {"na", CmpFailure::NotAuthorized},    {"cid", CmpFailure::BadCertId},
    {"req", CmpFailure::BadRequest},      {"tpl", CmpFailure::BadCertTemplate}};

class CmpMatrix : public CmpWire {
 protected:
  // Whoever sends the message.
  struct Caller {
    std::string user;
    std::string secret{};
    std::optional<PrivateKey> key{};
    base::Bytes certificate{};
    bool bare = false;
  };
  struct Named {
    PrivateKey key;
    IssuedCertificate issued;
  };

  void person(const std::string& name) {
    ASSERT_OK(addUser(name, {.dns = std::vector<std::string>{"a.example.org"}}));
  }
  std::string oneTime(const std::string& user, kms::TokenKind kind = kms::TokenKind::Enrol,
                      std::optional<std::chrono::seconds> ttl = {}) {
    auto issued = issue({.user = user, .kind = kind, .ttl = ttl});
    EXPECT_OK(issued);
    return std::string(base::view(issued->token));
  }
  Named named(const std::string& user, Profile profile = Profile::Signing) {
    Named out{newKey(), {}};
    auto made = await<IssuedCertificate>([&](auto reply) {
      certificates->issue(admin, user, profile, {out.key.publicKey(), {}}, reply);
    });
    EXPECT_OK(made);
    if (made) out.issued = *std::move(made);
    return out;
  }
  void end(const Named& one, RevocationReason reason) {
    EXPECT_OK(await<CertificateView>(
        [&](auto reply) { certificates->revoke(admin, one.issued.serial, reason, reply); }));
  }
  // By a token, with its confirmation or without.
  Named enrolled(const std::string& user, bool confirmed) {
    Named out{newKey(), {}};
    EnrolOrder order{
        .user = user, .token = base::secretText(oneTime(user)), .request = {out.key.publicKey(), {}}};
    auto made = await<IssuedCertificate>([&](auto reply) { certificates->enrol(std::move(order), reply); });
    EXPECT_OK(made);
    if (made) out.issued = *std::move(made);
    if (confirmed) {
      EXPECT_OK(await<void>([&](auto reply) {
        certificates->confirm(out.issued.serial, *digestOf("SHA256", out.issued.certificate), true, reply);
      }));
    }
    return out;
  }
  static Caller with(const std::string& user, Named one) {
    return {.user = user, .key = std::move(one.key), .certificate = std::move(one.issued.certificate)};
  }
  Caller ofServer(const Issuer& signer) const {
    const auto encoded = signer.key.encode();
    return {.user = {}, .key = *PrivateKey::parse(encoded->bytes()), .certificate = signer.certificate.der};
  }
  // Signed by another authority, in the name of ours where `copied` is given.
  Caller ofAnother(const std::string& me, const base::Bytes* copied) {
    auto above = newKey();
    Subject subject;
    subject.commonName = "Another";
    const auto root =
        signAuthority(above, subject, newSerial(base::systemRng()), clock.now(), std::chrono::hours(9));
    Issuer another{*parseCertificate(*root), std::move(above)};
    auto own = newKey();
    CertificateOrder order;
    order.profile = Profile::Signing;
    order.subject.commonName = me;
    order.key = &own.publicKey();
    order.serial = newSerial(base::systemRng());
    if (copied != nullptr) {
      const auto parsed = parseCertificate(*copied);
      order.serial = *parsed->ourSerial();
      another.certificate.subject = parsed->issuer;
    }
    order.notBefore = clock.now();
    order.notAfter = clock.now() + std::chrono::hours(1);
    const auto der = signCertificate(another, order, {});
    EXPECT_OK(der);
    return {.user = me, .key = std::move(own), .certificate = *der};
  }

  Caller byToken(std::string_view what, const std::string& me, const std::string& bob) {
    if (what == "bare") return {.user = me, .secret = oneTime(me), .bare = true};
    if (what == "wrong") return {.user = me, .secret = "0000-0000-0000"};
    if (what == "lent") return {.user = me, .secret = oneTime(bob)};
    if (what == "recover") return {.user = me, .secret = oneTime(me, kms::TokenKind::Recover)};
    if (what == "bob") return {.user = bob, .secret = oneTime(bob)};
    if (what == "access") {
      auto issued = issue({.user = me});
      return {.user = me, .secret = std::string(base::view(issued->token))};
    }
    Caller caller{.user = me, .secret = oneTime(me, kms::TokenKind::Enrol, std::chrono::seconds(5))};
    if (what == "expired") clock.advance(std::chrono::seconds(6));
    if (what == "used") {
      EXPECT_OK(redeem(me, kms::TokenKind::Enrol, caller.secret));
    }
    return caller;
  }
  Caller byCertificate(std::string_view what, const std::string& me, const std::string& bob) {
    if (what == "cert") return with(me, named(me));
    if (what == "client") return with(me, named(me, Profile::Client));
    if (what == "bobs") return with(bob, named(bob));
    if (what == "encr") return with(me, named(me, Profile::Encryption));
    if (what == "server") return with(me, named(me, Profile::Server));
    if (what == "open") return with(me, enrolled(me, false));
    if (what == "foreign") return ofAnother(me, nullptr);
    const auto hold = authority->current();
    EXPECT_OK(hold);
    if (what == "cmp") return ofServer((*hold)->cmp);
    if (what == "ocsp") return ofServer((*hold)->ocsp);
    if (what == "ca") return ofServer((*hold)->authority);
    if (what == "old") {
      pki.life = std::chrono::seconds(5);
      auto old = named(me);
      pki.life = PkiPolicy{}.life;
      clock.advance(std::chrono::seconds(6));
      return with(me, std::move(old));
    }
    auto one = named(me);
    if (what == "forged") return ofAnother(me, &one.issued.certificate);
    end(one, what == "held" ? RevocationReason::Hold : RevocationReason::KeyCompromise);
    return with(me, std::move(one));
  }

  // Puts in what this message asks for.
  void fill(Wire& wire, const std::string& me, const Caller& caller) {
    const auto fresh = newKey();
    switch (static_cast<unsigned>(wire.type)) {
      case 0:
      case 2:
      case 7:
        wire.content = crmfOf(fresh, me);
        return;
      case 4:
        wire.content = p10Of(fresh, me);
        return;
      case 11:
        wire.content = revocationOf(named(me).issued.certificate, RevocationReason::KeyCompromise);
        return;
      case 24:
        return fillConfirmation(wire, me, caller);
      default:
        wire.content = informationOf({});
    }
  }
  static base::Bytes p10Of(const PrivateKey& key, const std::string& name) {
    Subject subject;
    subject.commonName = name;
    Der der;
    der.sequence([&] {
      der.small(0);
      writeName(der, subject);
      der.raw(key.publicKey().spki());
      der.nest(contextTag(0), [] {});
    });
    return *signContent(key, der.view());
  }
  // Of what alice has enrolled a moment ago, in the same transaction.
  void fillConfirmation(Wire& wire, const std::string& me, const Caller& caller) {
    const bool hers = !caller.key && !caller.bare && caller.user == me &&
                      backend->sharedSecret(me)->sequence != 0 && caller.secret != "0000-0000-0000" && !lent_;
    Wire first = asAlice(CmpBody::Ir, crmfOf(newKey(), me));
    first.user = me;
    first.secret = hers ? caller.secret : oneTime(me);
    const auto heard = say(first);
    ASSERT_FALSE(heard.certificate.empty());
    wire.content = certConfOf(hashOf(heard.certificate));
    wire.recipNonce = nonceOf(heard);
  }

  std::string stateOfAll(const std::string& me, const std::string& bob) {
    std::string text;
    for (const std::string& user : {me, bob})
      for (const auto& one : certificatesOf(user))
        text += serialText(one.serial) + std::to_string(static_cast<int>(one.state)) + " ";
    return text;
  }

  std::string got(const Heard& heard) {
    if (!heard.failure) return heard.message.type == CmpBody::Error ? "error" : "ok";
    for (const auto& [name, bit] : kFailures)
      if (heard.failure == failure(bit)) return name;
    return std::to_string(*heard.failure);
  }

  std::string cell(const std::string& message, std::string_view what) {
    const std::string me = "alice" + std::to_string(++cells_);
    const std::string bob = "bob" + std::to_string(cells_);
    person(me);
    person(bob);
    lent_ = what == "lent";
    const bool token = std::string_view("bare wrong lent used expired access own recover bob").find(what) !=
                       std::string_view::npos;
    const Caller caller = token ? byToken(what, me, bob) : byCertificate(what, me, bob);
    Wire wire;
    wire.type = static_cast<CmpBody>(kTypes.at(message));
    wire.time = clock.now();
    fill(wire, me, caller);
    wire.user = caller.user;
    wire.secret = caller.secret;
    wire.bare = caller.bare;
    wire.key = caller.key ? &*caller.key : nullptr;
    wire.certificate = caller.certificate;
    const std::string before = stateOfAll(me, bob);
    const auto heard = say(wire);
    std::string result = got(heard);
    if (result == "mac" || result == "snt") {
      EXPECT_TRUE(isSigned(heard)) << message << " " << what;
    } else {
      EXPECT_EQ(heard.mac, token) << message << " " << what;
      EXPECT_TRUE(token ? isUnder(heard, caller.secret) : isSigned(heard)) << message << " " << what;
    }
    if (result != "ok") {
      EXPECT_EQ(stateOfAll(me, bob), before) << message << " " << what;
    }
    return result;
  }

 private:
  int cells_ = 0;
  bool lent_ = false;
};

TEST_F(CmpMatrix, EachMessageAnswersEachCallerAsTheTableSays) {
  const auto lines = wordsOf(kMatrix);
  const Words& callers = lines.front();
  for (const Words& line : lines) {
    ASSERT_EQ(line.size(), callers.size()) << line.front();
    std::cout << std::left << std::setw(9) << line.front();
    for (std::size_t i = 1; i < line.size(); ++i) {
      std::string shown = line[i];
      if (&line != &callers) {
        shown = cell(line.front(), callers[i]);
        EXPECT_EQ(shown, line[i]) << line.front() << " by " << callers[i];
        if (shown != line[i]) shown += '!';
      }
      std::cout << std::setw(9) << shown;
    }
    std::cout << "\n";
  }
}

}  // namespace
}  // namespace tests
