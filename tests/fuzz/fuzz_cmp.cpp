// CMP as strangers and users send it, through the whole server over services that live in memory. The first
// byte chooses: 'M' a message as it stands; 'B' and 'S' a body, whose tag is the second byte, in a message
// under alice's token or signed by her key.
#include <cstdint>
#include <cstdlib>

#include "kms/pki/cmp.h"
#include "kms/pki/cmp_oids.h"
#include "kms/pki/cmp_protection.h"

namespace {

using namespace kms::pki;

constexpr std::string_view kToken = "ABCDEFGHJKMN";

void require(bool holds) {
  if (!holds) std::abort();
}

base::Time now() { return base::Time(std::chrono::seconds(1'800'000'000)); }

class FixedClock final : public base::Clock {
 public:
  base::Time now() const override { return ::now(); }
};

PrivateKey newKey() {
  auto key = PrivateKey::generate(KeyKind::EcdsaP256);
  require(bool(key));
  return *std::move(key);
}

Issuer newAuthority() {
  auto key = newKey();
  const auto der = signAuthority(key, {"Authority", "Acme", "", {}}, newSerial(base::systemRng()), now(),
                                 std::chrono::hours(24));
  return {*parseCertificate(*der), std::move(key)};
}

Issuer newHolder(const Issuer& authority, Profile profile) {
  auto key = newKey();
  CertificateOrder order;
  order.profile = profile;
  order.subject = {"alice", "Acme", "", {}};
  order.key = &key.publicKey();
  order.serial = newSerial(base::systemRng());
  order.notBefore = now();
  order.notAfter = now() + std::chrono::hours(12);
  const auto der = signCertificate(authority, order, {});
  return {*parseCertificate(*der), std::move(key)};
}

// Alice, her token and her one certificate; she gets it again for whatever she asks.
class Services final : public CmpBackend {
 public:
  Services()
      : signers_{1, newAuthority(), newAuthority(), newAuthority(), {}, {}, {}, {}},
        alice_(newHolder(signers_.authority, Profile::Signing)) {
    signers_.chain.push_back(signers_.authority.certificate.der);
  }
  const Issuer& alice() const { return alice_; }

  base::Result<SharedSecret> sharedSecret(const std::string& user) override {
    return SharedSecret{base::secretText(kToken), user == "alice" ? 7 : 0, kms::TokenKind::Enrol};
  }
  void refuse(const std::string&, std::function<void(std::chrono::seconds)> then) override {
    then(std::chrono::seconds(0));
  }
  std::chrono::seconds holdBack(const std::string&) override { return {}; }
  void enrol(EnrolOrder order, kms::Reply<IssuedCertificate> reply) override {
    require(order.user == "alice" && order.proven && order.sequence == 7);
    issue(order.request, reply);
  }
  void renew(const Serial& old, CertificateRequest request, Confirm,
             kms::Reply<IssuedCertificate> reply) override {
    require(old == view().serial);
    issue(request, reply);
  }
  void confirm(const Serial& serial, base::BytesView, bool, kms::Reply<void> reply) override {
    require(serial == view().serial);
    reply({});
  }
  base::Result<CertificateView> authenticate(base::BytesView certificate) override {
    if (std::ranges::equal(certificate, alice_.certificate.der)) return view();
    return base::Error{base::Code::Denied, "not ours", base::Reason::CertificateRefused};
  }
  base::Result<CertificateView> show(const std::string& user, const Serial& serial) override {
    require(user == "alice");
    if (serial == view().serial) return view();
    return base::Error{base::Code::NotFound, "no such certificate"};
  }
  base::Result<std::vector<CertificateView>> newest(const std::string& user, std::size_t) override {
    require(user == "alice");
    return std::vector{view()};
  }
  void revoke(const std::string& user, const Serial& serial, RevocationReason reason,
              kms::Reply<CertificateView> reply) override {
    require(user == "alice" && serial == view().serial);
    require(parseRevocationReason(reasonName(reason)) == reason);
    reply(view());
  }
  base::Result<void> withSigners(const std::function<base::Result<void>(const Signers&)>& use) override {
    return use(signers_);
  }
  base::Bytes crl() override { return {}; }

 private:
  CertificateView view() const {
    CertificateView view;
    view.user = "alice";
    view.serial = *alice_.certificate.ourSerial();
    view.certificate = alice_.certificate.der;
    return view;
  }
  void issue(const CertificateRequest& request, const kms::Reply<IssuedCertificate>& reply) const {
    require(bool(PublicKey::parse(request.key.spki())));
    if (auto own = checkNames(request, {"alice", "Acme", "alice@example.org", {}}); !own)
      return reply(std::move(own).error());
    IssuedCertificate issued;
    issued.certificate = alice_.certificate.der;
    issued.serial = view().serial;
    issued.chain = signers_.chain;
    reply(std::move(issued));
  }
  Signers signers_;
  Issuer alice_;
};

base::Bytes macAlgorithm() {
  const auto algorithm = [](Der& der, std::string_view oid) { der.sequence([&] { der.oid(oid); }); };
  Der der;
  der.sequence([&] {
    der.oid(oid::kPasswordBasedMac);
    der.sequence([&] {
      der.element(kOctetString, std::string_view("saltsalt"));
      algorithm(der, oid::kSha256);
      der.small(kLeastIterations);
      algorithm(der, oid::kHmacSha256);
    });
  });
  return std::move(der).take();
}

base::Bytes around(const Issuer& alice, bool isSigned, std::uint8_t type, base::BytesView content) {
  Der body;
  body.element(contextTag(type), content);
  const base::Bytes mac = macAlgorithm();
  const auto pbm = parsePbm(mac);
  CmpAnswerHeader header;
  header.sender = base::asBytes(std::string_view("\x30\x00", 2));
  header.recipient = base::asBytes(std::string_view("\xA4\x02\x30\x00", 4));
  header.time = now();
  header.algorithm = isSigned ? alice.key.algorithm() : base::BytesView(mac);
  header.senderKid =
      isSigned ? base::BytesView(alice.certificate.keyIdentifier) : base::asBytes(std::string_view("alice"));
  header.transaction = base::asBytes(std::string_view("transaction"));
  header.senderNonce = base::asBytes(std::string_view("nonce of the client"));
  const auto written = writeCmpHeader(header);
  const auto covered = cmpProtectedPart(written, body.view());
  if (isSigned)
    return writeCmpMessage(written, body.view(), *alice.key.sign(covered), {alice.certificate.der});
  static const auto key = pbmKey(*pbm, pbm->salt, kToken);
  return writeCmpMessage(written, body.view(), *hmac(pbm->macDigest, *key, covered), {});
}

bool isTaken(std::uint8_t type) {
  for (const CmpBody known : {CmpBody::Ir, CmpBody::Cr, CmpBody::P10cr, CmpBody::Kur, CmpBody::Rr,
                              CmpBody::Genm, CmpBody::Error, CmpBody::CertConf})
    if (type == static_cast<std::uint8_t>(known)) return true;
  return false;
}

// Answered once, with a message that is one; `answer` points into `kept`.
CmpMessage ask(CmpServer& server, base::BytesView request, base::Bytes& kept) {
  int replies = 0;
  bool isMessage = true;
  server.handle(request, [&](base::Result<CmpAnswer> answer) {
    ++replies;
    if (answer) {
      kept = std::move(answer->message);
    } else {
      require(answer.error().code == base::Code::Invalid);
      isMessage = false;
    }
  });
  require(replies == 1);
  if (!isMessage) return {};
  auto read = parseCmpMessage(kept);
  require(bool(read));
  return *std::move(read);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Services services;
  static const FixedClock clock;
  static const auto server = *CmpServer::create(services, clock, base::systemRng());
  if (size < 2) return 0;
  const base::BytesView input(reinterpret_cast<const std::byte*>(data), size);
  base::Bytes kept;
  if (data[0] == 'M') {
    const auto answer = ask(*server, input.subspan(1), kept);
    require(kept.empty() || !answer.protection.empty());
  } else if (data[0] == 'B' || data[0] == 'S') {
    const auto type = static_cast<std::uint8_t>(data[1] % 31);
    const bool isSigned = data[0] == 'S';
    const auto request = around(services.alice(), isSigned, type, input.subspan(2));
    const auto answer = ask(*server, request, kept);
    if (request.size() > kMostDer) return 0;
    require(!kept.empty() && isPbm(answer.algorithm) != isSigned);
    if (!isTaken(type)) require(answer.type == CmpBody::Error);
  }
  return 0;
}
