// What a client is told that asks for something bad, by each way in; and whether anything was changed by it.
#pragma once

#include "tests/integration/pki/desk.h"
#include "tests/support/matrix_table.h"

namespace tests {

// What the client was told: a bit of PKIFailureInfo, the status of HTTP or the exit code of kmsctl in `word`.
struct Told {
  std::string word;
  std::string code;  // of the problem document, where there is one
  std::string text;  // for people
};

class FaultDesk : public Pki {
 protected:
  void SetUp() override;

  // Asks for what `name`.csr, .b64 and .key want, as alice:
  //   ir, p10cr  openssl cmp with alice's token            kur     openssl cmp with alice's certificate
  //   est        simpleenroll with the token               reest   simplereenroll with the certificate
  //   keygen     serverkeygen with the certificate
  //   json       POST /v1/enrol with the token             renew   POST /v1/certificates/renew with it
  //   issue      kmsctl cert issue as an administrator
  //   enrol      kmsctl enrol into the directory NAME with the token
  Told ask(const std::string& way, const std::string& name);
  // As openssl cmp tells of it; of HTTP's refusals it shows only the status.
  static Told toldByCmp(const Ran& ran);
  static Told toldByKmsctl(const Ran& ran);
  // What the server says to a body from `file`.
  Told post(const std::string& path, const std::string& type, const std::string& file,
            std::vector<std::string> more = {}, const std::string& holder = {});

  // Every row that an enrolment writes to, with its revision, and the lines of the audit log.
  std::string state() const;
  // NAME.key, .csr, .req and .b64 in alice's name.
  void wish(const std::string& name) const;

  // The server on the same database, with other ports; before it starts, this is done to the database.
  void restart(const std::string& sql = {});
  // kmsctl seal and unseal, by the medium in its drive. They and restart() return once the audit log tells of
  // it, which is a moment after the server is so.
  void seal();
  void unseal();

  // How often the audit log tells of such an event.
  std::size_t told(const std::string& event) const;

  // All of it, once what was committed stands in its files.
  std::string auditLog() const;

  std::string subject_ = "/CN=alice";  // of ir and kur
  std::vector<std::string> cmpMore_;   // for ir and kur
  std::string token_;                  // alice's
};

}  // namespace tests
