#include <fstream>

#include "daemon/key_pem.h"
#include "kms/pki/digest.h"
#include "kms/pki/signer.h"
#include "tests/integration/durability/certificate_desks.h"

namespace tests {
namespace {

namespace json = boost::json;
using base::Result;
using kms::pki::serialText;
using Issued = CertificateDesk::Issued;
using Status = CertificateDesk::Status;

struct Asked {
  std::string csr;
  std::string key;
};

Result<Asked> newRequest() {
  auto key = kms::pki::PrivateKey::generate(kms::pki::KeyKind::EcdsaP256);
  if (!key) return std::move(key).error();
  auto request = kms::pki::requestCertificate(*key);
  if (!request) return std::move(request).error();
  auto encoded = key->encode();
  if (!encoded) return std::move(encoded).error();
  return Asked{kms::pki::pem("CERTIFICATE REQUEST", *request),
               std::string(base::view(kmsd::keyPem(encoded->bytes())))};
}

base::Error wrong(const std::string& what, const Answer& answer) {
  const auto code = answer.status == 404 ? base::Code::NotFound : base::Code::Internal;
  return {code, what + " was answered with " + std::to_string(answer.status) + ": " + answer.text("detail")};
}

Result<base::Bytes> certificateIn(const Answer& answer) {
  auto parsed = kms::pki::parsePemCertificates(answer.text("certificate"));
  if (!parsed) return std::move(parsed).error();
  return parsed->front().der;
}

// What an answer with the status 201 has issued.
Result<Issued> issuedIn(const std::string& what, const Result<Answer>& answer, std::string key) {
  if (!answer) return answer.error();
  if (answer->status != 201) return wrong(what, *answer);
  const auto serial = kms::pki::parseSerial(answer->text("serial"));
  if (!serial) return base::Error{base::Code::Internal, what + " gives no serial number"};
  auto der = certificateIn(*answer);
  if (!der) return std::move(der).error();
  return Issued{*serial, *std::move(der), std::move(key)};
}

Result<Status> statusIn(const Answer& answer) {
  const std::string text = answer.text("status");
  if (text == "active") return Status::Active;
  if (text == "unconfirmed") return Status::Unconfirmed;
  if (text == "held") return Status::Held;
  if (text == "revoked") return Status::Revoked;
  return base::Error{base::Code::Internal, "a certificate has the status \"" + text + "\""};
}

}  // namespace

Result<Issued> CertificateHttpDesk::issue(const std::string& user) {
  auto asked = newRequest();
  if (!asked) return std::move(asked).error();
  const auto answer = admin_.call("POST", "/v1/certificates", {{"user", user}, {"csr", asked->csr}});
  return issuedIn("issuing", answer, std::move(asked->key));
}

Result<Issued> CertificateHttpDesk::enrol(const std::string& user, bool implicit) {
  auto asked = newRequest();
  if (!asked) return std::move(asked).error();
  auto token = admin_.call("POST", "/v1/tokens", {{"user", user}, {"kind", "enrol"}});
  if (!token) return std::move(token).error();
  if (token->status != 201) return wrong("issuing a token", *token);
  pending_ = {{"user", user}, {"token", token->text("token")}};
  json::object body = pending_;
  body["csr"] = asked->csr;
  body["implicit_confirm"] = implicit;
  return issuedIn("enrolling", admin_.call("POST", "/v1/enrol", body), std::move(asked->key));
}

Result<void> CertificateHttpDesk::confirm(const Issued& issued) {
  json::object body = pending_;
  body["serial"] = serialText(issued.serial);
  body["certificate_sha256"] = base::toHex(kms::pki::sha256(issued.der));
  auto answer = admin_.call("POST", "/v1/enrol/confirm", body);
  if (!answer) return std::move(answer).error();
  if (answer->status != 200) return wrong("confirming", *answer);
  return {};
}

Result<Issued> CertificateHttpDesk::renew(const Issued& old) {
  auto asked = newRequest();
  if (!asked) return std::move(asked).error();
  const auto certificate = folder_ / "holder.crt";
  const auto key = folder_ / "holder.key";
  std::ofstream(certificate, std::ios::trunc) << kms::pki::pem("CERTIFICATE", old.der);
  std::ofstream(key, std::ios::trunc) << old.key;
  std::filesystem::permissions(key, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  HttpDesk holder(port_, {authority_, certificate, key});
  const auto answer = holder.call("POST", "/v1/certificates/renew", {{"csr", asked->csr}});
  return issuedIn("renewing", answer, std::move(asked->key));
}

Result<void> CertificateHttpDesk::revoke(const kms::pki::Serial& serial, kms::pki::RevocationReason reason) {
  auto answer = admin_.call("POST", "/v1/certificates/" + serialText(serial) + "/revoke",
                            {{"reason", reasonName(reason)}});
  if (!answer) return std::move(answer).error();
  if (answer->status != 200) return wrong("revoking", *answer);
  return {};
}

Result<CertificateDesk::Seen> CertificateHttpDesk::show(const kms::pki::Serial& serial) {
  auto answer = admin_.call("GET", "/v1/certificates/" + serialText(serial));
  if (!answer) return std::move(answer).error();
  if (answer->status != 200) return wrong("showing", *answer);
  auto status = statusIn(*answer);
  if (!status) return std::move(status).error();
  auto der = certificateIn(*answer);
  if (!der) return std::move(der).error();
  return Seen{*status, *std::move(der)};
}

}  // namespace tests
