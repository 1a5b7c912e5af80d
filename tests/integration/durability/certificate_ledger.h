// CertificateLedger: one client of a certificate authority under load. It asks for random changes, one after
// the other, and writes down what was acknowledged. Whatever happened to the server since, check() asks
// whether all of that holds.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "kms/pki/certificate.h"
#include "kms/pki/crl.h"

namespace tests {

// What a client can ask of a server, over whatever way. A result that is no error is an acknowledgement;
// after an error the change may have happened or not.
class CertificateDesk {
 public:
  struct Issued {
    kms::pki::Serial serial{};
    base::Bytes der;
    std::string key;  // of the desk's own form
  };
  enum class Status : std::uint8_t { Unconfirmed, Active, Held, Revoked };
  struct Seen {
    Status status = Status::Active;
    base::Bytes der;
  };
  virtual ~CertificateDesk() = default;
  virtual base::Result<void> addUser(const std::string& name) = 0;
  // By the administrator.
  virtual base::Result<Issued> issue(const std::string& user) = 0;
  // With a new one-time token. Confirmed by the client's word in confirm(), or implicitly.
  virtual base::Result<Issued> enrol(const std::string& user, bool implicit) = 0;
  virtual base::Result<void> confirm(const Issued& issued) = 0;
  virtual base::Result<Issued> renew(const Issued& old) = 0;
  virtual base::Result<void> revoke(const kms::pki::Serial& serial, kms::pki::RevocationReason reason) = 0;
  virtual base::Result<Seen> show(const kms::pki::Serial& serial) = 0;
};

class CertificateLedger {
 public:
  // `name` begins the names of its users; no two ledgers share one.
  CertificateLedger(std::string name, std::uint64_t seed) : name_(std::move(name)), random_(seed) {}

  // One random request. Error: it was not acknowledged.
  base::Result<void> step(CertificateDesk& desk);
  // Holds the server against what was acknowledged, and fails the test where it does not fit: all of the last
  // `recent` certificates, and as many older ones at random. What was left open is taken as it is found, and
  // must stay so; what was left unconfirmed is revoked.
  void check(CertificateDesk& desk, std::size_t recent = SIZE_MAX);

  struct Counts {
    std::size_t issued = 0;
    std::size_t enrolled = 0;
    std::size_t renewed = 0;
    std::size_t revoked = 0;
    std::size_t released = 0;
  };
  Counts counts() const;
  // Serial numbers of all that was acknowledged; fails the test where one was given before.
  void collectSerials(std::set<kms::pki::Serial>& into) const;
  // What lists and OCSP must say of each certificate whose state is known: whether it is revoked or held.
  // Of the last `recent`.
  void collectStates(std::map<kms::pki::Serial, bool>& into, std::size_t recent = SIZE_MAX) const;
  // Those that are revoked for good.
  void collectRevoked(std::set<kms::pki::Serial>& into) const;

 private:
  enum class State : std::uint8_t { Good, Held, Revoked, Open };
  struct Entry {
    CertificateDesk::Issued issued;
    State state = State::Good;
    bool confirmed = true;  // known to be
    bool usable = true;     // confirmed, or implicitly
  };

  base::Result<void> addUser(CertificateDesk& desk);
  base::Result<void> issue(CertificateDesk& desk);
  base::Result<void> enrol(CertificateDesk& desk);
  base::Result<void> renew(CertificateDesk& desk);
  base::Result<void> revoke(CertificateDesk& desk);
  base::Result<void> hold(CertificateDesk& desk);
  base::Result<void> release(CertificateDesk& desk);
  base::Result<void> change(CertificateDesk& desk, Entry& entry, State to, kms::pki::RevocationReason why);
  void add(CertificateDesk::Issued issued, bool confirmed, bool usable);
  void checkOne(CertificateDesk& desk, Entry& entry);
  Entry* some(State state);  // that can be used; null: none was met
  const std::string& someUser();
  std::size_t below(std::size_t limit) { return static_cast<std::size_t>(random_() % limit); }

  std::string name_;
  std::mt19937_64 random_;
  std::size_t tried_ = 0;           // users asked for
  std::vector<std::string> users_;  // acknowledged
  std::vector<Entry> entries_;
  Counts counts_;
};

}  // namespace tests
