// Bad requests and bad times by CMP: each is refused in CMP's own words, and nothing is changed by it: no row
// is written, and the token is as good as before.
#include <fstream>

#include "kms/pki/cmp_oids.h"
#include "tests/support/meanwhile_store.h"
#include "tests/unit/pki/cmp_say.h"

namespace tests {
namespace {

using namespace kms::pki;

class CmpFault : public CmpWire {
 protected:
  // Rows of every table that an enrolment writes to.
  std::string rows() {
    std::string text;
    for (const auto table : {kms::Table::Users, kms::Table::Tokens, kms::Table::Certificates,
                             kms::Table::Archive, kms::Table::Revocations})
      EXPECT_OK(store->read([&](kms::StoreReader& reader) -> base::Result<void> {
        auto all = reader.list(table, 0, 1000);
        if (!all) return std::move(all).error();
        for (const auto& row : *all)
          text += std::to_string(row.key) + "." + std::to_string(row.revision) + " ";
        text += "| ";
        return {};
      }));
    return text;
  }
  // Refuses it with this bit, and changes nothing.
  void refuses(const Wire& wire, CmpFailure bit, const std::string& what) {
    const std::string before = rows();
    const auto heard = say(wire);
    EXPECT_EQ(heard.failure, failure(bit)) << what << ": " << heard.failure.value_or(99);
    EXPECT_TRUE(heard.certificate.empty()) << what;
    EXPECT_EQ(rows(), before) << what;
  }
  void refusesRequest(const std::vector<std::string>& arguments, CmpFailure bit,
                      const std::string& subject = "/CN=alice") {
    refuses(asAlice(CmpBody::P10cr, requestOf(arguments, subject)), bit,
            arguments.empty() ? subject : arguments.back());
  }
  void put(const std::string& name, base::BytesView content) const {
    std::ofstream(file(name), std::ios::binary) << base::asText(content);
  }
  base::Bytes get(const std::string& name) const {
    std::ifstream in(file(name), std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    return {base::asBytes(text).begin(), base::asBytes(text).end()};
  }
  // `openssl req` with these arguments; a P-256 key where they name none.
  base::Bytes requestOf(std::vector<std::string> arguments, const std::string& subject) const {
    std::vector<std::string> command{"req",   "-new",     "-nodes", "-keyout", "@a.key", "-subj",
                                     subject, "-outform", "DER",    "-out",    "@a.der"};
    if (std::ranges::find(arguments, "-newkey") == arguments.end())
      command.insert(command.end(), {"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"});
    command.insert(command.end(), arguments.begin(), arguments.end());
    const Ran ran = openssl(command);
    EXPECT_EQ(ran.exit, 0) << ran.err;
    return get("a.der");
  }
  // The public key that openssl makes.
  base::Bytes keyOf(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"genpkey", "-out", "@k.pem"});
    EXPECT_EQ(openssl(arguments).exit, 0) << arguments.back();
    EXPECT_EQ(openssl({"pkey", "-in", "@k.pem", "-pubout", "-outform", "DER", "-out", "@k.der"}).exit, 0);
    return get("k.der");
  }
  // CertReqMessages for a key that proves nothing.
  static base::Bytes unproven(base::BytesView spki) {
    Der der;
    der.sequence([&] {
      der.sequence([&] {
        der.sequence([&] {
          der.small(0);
          der.sequence([&] { der.element(contextTag(6), DerReader(spki).value(kSequence)); });
        });
        der.nest(contextTag(1), [&] {
          der.sequence([&] { der.oid(oid::kEcdsaSha256); });
          der.bits(base::Bytes(64));
        });
      });
    });
    return std::move(der).take();
  }
  static base::Bytes rsaKey(std::size_t bits) {
    Der numbers;
    numbers.sequence([&] {
      numbers.natural(base::Bytes(bits / 8, std::byte{0xC5}));
      numbers.small(65537);
    });
    Der der;
    der.sequence([&] {
      der.sequence([&] {
        der.oid(oid::kRsa);
        der.null();
      });
      der.bits(numbers.view());
    });
    return std::move(der).take();
  }
  void serveOver(kms::Store& over) {
    server_.reset();
    certificates = std::make_unique<CertificateService>(*vault, over, *authority, *tokens, clock,
                                                        base::systemRng(), policy, pki, Addresses{}, "Acme");
    backend = makeCmpBackend(*certificates, *authority, *users, [this] { return crl; });
    server_ = *CmpServer::create(*backend, clock, base::systemRng());
  }
  void stillEnrols() {
    const auto heard = say(asAlice(CmpBody::Ir, crmfOf(newKey(), "alice")));
    EXPECT_FALSE(heard.failure);
    EXPECT_FALSE(heard.certificate.empty());
  }
};

TEST_F(CmpFault, OfRequests) {
  auto good = requestOf({}, "/CN=alice");
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, good.size() / 2, good.size() - 1})
    refuses(asAlice(CmpBody::P10cr, {good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)}),
            CmpFailure::BadCertTemplate, "cut");
  auto forged = good;
  forged.back() ^= std::byte{1};
  refuses(asAlice(CmpBody::P10cr, forged), CmpFailure::BadPop, "another signature");
  refusesRequest({"-sha1"}, CmpFailure::BadPop);
  refusesRequest({"-newkey", "rsa:1024"}, CmpFailure::BadCertTemplate);
  refusesRequest({"-newkey", "ed448"}, CmpFailure::BadCertTemplate);
  refusesRequest({"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"}, CmpFailure::BadCertTemplate);
  for (const char* extension :
       {"basicConstraints=critical,CA:TRUE", "keyUsage=keyCertSign", "keyUsage=cRLSign",
        "extendedKeyUsage=OCSPSigning", "basicConstraints=DER:3005"})
    refusesRequest({"-addext", extension}, CmpFailure::BadCertTemplate);
  for (const char* names : {"DNS:b.example.org", "IP:127.0.0.1", "URI:https://example.org",
                            "email:bob@example.org", "otherName:1.3.6.1.4.1.311.20.2.3;UTF8:bob"})
    refusesRequest({"-addext", std::string("subjectAltName=") + names}, CmpFailure::NotAuthorized);
  for (const char* subject : {"/CN=bob", "/CN=alice/CN=bob", "/CN=alice/UID=0", "/O=Another/CN=alice"})
    refusesRequest({}, CmpFailure::NotAuthorized, subject);
  stillEnrols();
}

TEST_F(CmpFault, OfKeys) {
  for (const auto& kind :
       {std::vector<std::string>{"-algorithm", "ED448"},
        {"-algorithm", "X25519"},
        {"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-224"},
        {"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:brainpoolP256r1"},
        {"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:explicit"},
        {"-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"}})
    refuses(asAlice(CmpBody::Ir, unproven(keyOf(kind))), CmpFailure::BadCertTemplate, kind.back());
  for (const std::size_t bits : {std::size_t{512}, std::size_t{2040}, std::size_t{8200}, std::size_t{65'536}})
    refuses(asAlice(CmpBody::Ir, unproven(rsaKey(bits))), CmpFailure::BadCertTemplate, std::to_string(bits));
  refuses(asAlice(CmpBody::Ir, unproven(newKey().publicKey().spki())), CmpFailure::BadPop, "no proof");
  stillEnrols();
}

TEST_F(CmpFault, OfTheClock) {
  const auto ir = [&] { return asAlice(CmpBody::Ir, crmfOf(newKey(), "alice")); };
  ASSERT_OK(issue({.user = "alice"}));  // the time of now is known for good
  clock.advance(-std::chrono::minutes(10));
  refuses(ir(), CmpFailure::TimeNotAvailable, "the clock is behind");
  EXPECT_FALSE(say(asAlice(CmpBody::Genm, informationOf({}))).failure);
  clock.advance(std::chrono::minutes(10));
  // Clients without a clock enrol all the same; times that are asked for are not those that are given.
  Der validity;
  validity.nest(contextTag(4), [&] {
    validity.nest(contextTag(0), [&] { validity.time(clock.now() + std::chrono::hours(24 * 365)); });
    validity.nest(contextTag(1), [&] { validity.time(clock.now() + std::chrono::hours(24 * 3650)); });
  });
  const auto own = newKey();
  auto future = asAlice(CmpBody::Ir, crmfOf(own, "alice", {}, validity.view()));
  future.time = clock.now() + std::chrono::hours(24 * 365 * 20);
  const auto heard = say(future);
  ASSERT_FALSE(heard.failure);
  const auto made = parseCertificate(heard.certificate);
  ASSERT_OK(made);
  EXPECT_LE(made->notBefore, clock.now());
  EXPECT_LE(made->notAfter, clock.now() + pki.life);
}

TEST_F(CmpFault, OfTheAuthority) {
  base::Time end;
  {
    const auto hold = authority->current();
    ASSERT_OK(hold);
    end = (*hold)->authority.certificate.notAfter;
  }
  clock.advance(end - clock.now() - std::chrono::minutes(2));
  secret = token("alice");
  clock.advance(std::chrono::minutes(2));
  for (int i = 0; i < 3; ++i) {
    refuses(asAlice(CmpBody::Ir, crmfOf(newKey(), "alice")), CmpFailure::SystemUnavail, "it has ended");
    clock.advance(std::chrono::minutes(4));
  }
}

TEST_F(CmpFault, OfASealInTheMiddle) {
  MeanwhileStore between(*store);
  serveOver(between);
  ASSERT_FALSE(say(asAlice(CmpBody::Ir, crmfOf(newKey(), "alice"))).failure);  // numbers are reserved
  secret = token("alice");
  const std::string before = rows();
  const auto message = messageOf(asAlice(CmpBody::Ir, crmfOf(newKey(), "alice")));
  between.meanwhile = [&] { vault->seal(); };
  EXPECT_REASON(post(message), base::Reason::Sealed);
  EXPECT_FALSE(between.meanwhile);
  EXPECT_EQ(rows(), before);
  unseal();
  EXPECT_FALSE(hear(post(message)->message).failure) << "the same message, once it is open again";
  serveOver(*store);
}

}  // namespace
}  // namespace tests
