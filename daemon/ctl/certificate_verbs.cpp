#include <array>
#include <iostream>
#include <span>

#include "daemon/ctl/bulk_verbs.h"
#include "daemon/ctl/output.h"
#include "daemon/ctl/remote.h"
#include "daemon/ctl/verbs.h"
#include "hal/base/file.h"
#include "kms/pki/certificate.h"
#include "kms/pki/der.h"

namespace kmsd::ctl {
namespace {

constexpr std::string_view kCertificates = "/v1/certificates";
constexpr std::size_t kRequestMost = 32 * 1024;  // bytes

Fields certificateFields(const Document& certificate) {
  return {{"serial", certificate.text("serial")},   {"user", certificate.text("user")},
          {"profile", certificate.text("profile")}, {"status", certificate.text("status")},
          {"reason", certificate.text("reason")},   {"revoked", certificate.text("revoked_at")},
          {"from", certificate.text("not_before")}, {"until", certificate.text("not_after")}};
}

Exit printCertificate(const Parsed& parsed, const Document& certificate, bool pem) {
  if (parsed.has("json")) return printSecretLine(certificate.json());
  std::cout << formatFields(certificateFields(certificate));
  if (pem) std::cout << certificate.text("certificate");
  return Exit::Yes;
}

// Private keys in DER begin with a number.
bool beginsAsRequest(const std::string& der) {
  kms::pki::DerReader reader(base::asBytes(der));
  return reader.enter(kms::pki::kSequence).next(kms::pki::kSequence);
}

// Requests come as PEM or DER; JSON takes text. What is none is not sent, least of all a private key.
base::Result<std::string> requestIn(const std::string& file) {
  const auto invalid = [&](const char* what) { return base::Error{base::Code::Invalid, file + what}; };
  auto text = base::readSmallFile(file, kRequestMost);
  if (!text) return text;
  const auto has = [&](const char* what) { return text->find(what) != text->npos; };
  if (has("PRIVATE KEY-----")) {
    base::wipe(std::as_writable_bytes(std::span(*text)));
    return invalid(
        " holds a private key, which was not sent and goes nowhere; give the request that is made with it, "
        "as by 'openssl req -new -key'");
  }
  if (text->empty()) return invalid(" is empty; give a certification request (PKCS#10)");
  if (has(" REQUEST-----")) return text;
  if (!beginsAsRequest(*text)) return invalid(" holds no certification request (PKCS#10, in PEM or DER)");
  return kms::pki::pem("CERTIFICATE REQUEST", base::asBytes(*text));
}

// The certificate alone goes to stdout, what is known of it to stderr.
Exit runIssue(const Parsed& parsed) {
  const auto request = requestIn(parsed.text("csr"));
  if (!request) return fail(request.error());
  Body body;
  body.text("user", parsed.text("user")).text("profile", parsed.text("profile")).text("csr", *request);
  return callThen(parsed, "POST", std::string(kCertificates), &body, [&](const Answer& answer) {
    if (parsed.has("json")) return printSecretLine(answer.document.json());
    std::cerr << formatFields(certificateFields(answer.document));
    std::cout << answer.document.text("certificate");
    return Exit::Yes;
  });
}

// The address of the certificate with this serial, however it is written. What is none is no part of an
// address.
base::Result<std::string> addressOf(const std::string& serial) {
  const auto known = kms::pki::parseSerial(serial);
  if (!known)
    return base::Error{base::Code::NotFound, "'" + printable(serial) +
                                                 "' is no serial number; give the 32 hexadecimal digits that "
                                                 "'kmsctl cert list' shows"};
  return std::string(kCertificates) + "/" + kms::pki::serialText(*known);
}

Exit runShow(const Parsed& parsed) {
  const auto address = addressOf(parsed.arguments().front());
  if (!address) return fail(address.error());
  return callThen(parsed, "GET", *address, nullptr,
                  [&](const Answer& answer) { return printCertificate(parsed, answer.document, true); });
}

Exit runRevoke(const Parsed& parsed) {
  if (parsed.has("users-file")) return runBulkCertificateRevoke(parsed);
  if (parsed.has("report")) return fail(Exit::Usage, "--report goes with --users-file");
  if (parsed.arguments().empty())
    return fail(Exit::Usage, "give SERIAL for one certificate, or --users-file for all of many users");
  const auto address = addressOf(parsed.arguments().front());
  if (!address) return fail(address.error());
  Body body;
  body.text("reason", parsed.text("reason"));
  return callThen(parsed, "POST", *address + "/revoke", &body,
                  [&](const Answer& answer) { return printCertificate(parsed, answer.document, false); });
}

Exit runList(const Parsed& parsed) {
  auto remote = Remote::open(parsed);
  if (!remote) return fail(remote.error());
  Query query;
  if (parsed.has("user")) query["user"] = parsed.text("user");
  JsonList all;
  std::vector<std::vector<std::string>> rows;
  const Exit exit = remote->each(parsed, std::string(kCertificates), query, [&](const Document& one) {
    if (parsed.has("json")) return all.add(one);
    rows.push_back({one.text("serial"), one.text("user"), one.text("profile"), one.text("status"),
                    one.text("not_after")});
  });
  if (exit != Exit::Yes) return exit;
  if (parsed.has("json")) {
    std::cout << all.text() << "\n";
  } else {
    std::cout << formatTable({"SERIAL", "USER", "PROFILE", "STATUS", "UNTIL"}, rows);
  }
  return Exit::Yes;
}

Exit runCrlShow(const Parsed& parsed) {
  return callThen(parsed, "GET", "/v1/ca", nullptr, [&](const Answer& answer) {
    const auto crl = answer.document.part("crl");
    if (!crl) return fail(Exit::No, "there is no CRL yet; the server makes one when it is unsealed");
    if (parsed.has("json")) return printSecretLine(crl->json());
    std::cout << formatFields({{"made", crl->text("this_update")},
                               {"holds until", crl->text("next_update")},
                               {"bytes", crl->text("bytes")}});
    return Exit::Yes;
  });
}

constexpr std::array kSerial = {ArgumentSpec{"SERIAL", "the serial number, 32 hexadecimal digits"}};

constexpr std::array kSerialOrList = {
    ArgumentSpec{"SERIAL", "the serial number, 32 hexadecimal digits", false}};

constexpr std::array kIssueOptions = {
    OptionSpec{"user", "U", "whose certificate it is", {}, false, true},
    OptionSpec{"csr", "F", "PEM or DER: the request with the key (PKCS#10)", {}, false, true},
    OptionSpec{"profile", "P", "what it is for", "user-signing", false, false, false,
               "user-signing user-encryption client server"},
};
constexpr std::array kRevokeOptions = {
    OptionSpec{"reason", "R", "why, which the CRL tells; hold can be taken back by release", "unspecified",
               false, false, false,
               "unspecified key-compromise affiliation-changed superseded cessation-of-operation "
               "privilege-withdrawn hold release"},
    OptionSpec{"users-file", "F",
               "every certificate of each user of this list, one a line, and the enrol tokens that wait for "
               "them; - reads it from stdin; prints user and number with tabs between them"},
    OptionSpec{"report", "F",
               "with a list: write here what became of each line; run again with it, the command goes on "
               "where it ended"},
};
constexpr std::array kListOptions = {OptionSpec{"user", "U", "only this user's"}};
constexpr std::array kVerbs = {
    VerbSpec{"cert issue",
             "issues a certificate for a user and a request, without a token",
             {},
             kIssueOptions,
             "kmsctl cert issue --user web1 --profile server --csr web1.csr >web1.crt\n"
             "kmsctl cert issue --user backup-job --profile client --csr job.csr >job.crt # for TLS",
             runIssue},
    VerbSpec{"cert list",
             "lists certificates",
             {},
             kListOptions,
             "kmsctl cert list                 # all, for issuers; else the own\n"
             "kmsctl cert list --user alice    # the newest first",
             runList},
    VerbSpec{"cert show",
             "shows one certificate",
             kSerial,
             {},
             "kmsctl cert show 5eb2a35f86a3c4d06e0f2e6f0a1c9b7d # its state, and PEM",
             runShow},
    VerbSpec{"cert revoke", "revokes a certificate for ever, or holds it; or all that many users have",
             kSerialOrList, kRevokeOptions,
             "kmsctl cert revoke 5eb2a35f86a3c4d06e0f2e6f0a1c9b7d --reason key-compromise\n"
             "kmsctl cert revoke 5eb2a35f86a3c4d06e0f2e6f0a1c9b7d --reason hold # until --reason release\n"
             "kmsctl cert revoke --users-file leavers --reason cessation-of-operation --report report",
             runRevoke},
    VerbSpec{"crl show",
             "shows when the CRL was made and until when it holds",
             {},
             {},
             "kmsctl crl show    # the list itself: http://SERVER/crl.der, http://SERVER/crl.pem",
             runCrlShow},
};

}  // namespace

std::span<const VerbSpec> certificateVerbs() noexcept { return kVerbs; }

}  // namespace kmsd::ctl
