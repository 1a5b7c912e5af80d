// UserMove: hands users over to another server, and takes them from one. A user goes with his names, his
// certificates and the keys that the archive has; what he has at the source is revoked there when the receipt
// of the import comes back. Safe to use from several threads.
#pragma once

#include <string>

#include "kms/pki/certificate_service.h"
#include "kms/pki/user_package.h"
#include "kms/tokens/durable_clock.h"

namespace kms::pki {

struct ExportedUser {
  base::Bytes package;
  Thumbprint source{};  // of this server's authority, which the importing server asks for
  unsigned certificates = 0;
  unsigned keys = 0;
  std::optional<std::string> next;  // there is more of this user, behind the certificate with this serial
};

struct ImportedUser {
  std::string name;
  Role role = Role::User;
  unsigned certificates = 0;  // that were not here before
  unsigned keys = 0;          // of those
  bool again = false;         // the user was imported before
  base::Bytes receipt;        // empty: more packages of this user follow
};

struct MovedUser {
  std::string name;
  RevokedUser revoked;
};

// All are for administrators, wait for the disk, and are called from a thread that has no Vault::Hold and is
// in no job or reply. Errors of all: Denied / Forbidden; Unavailable / Sealed; Corrupt / DatabaseCorrupt;
// those of the store.
class UserMove {
 public:
  // REQUIRES: all outlive it.
  UserMove(Vault& vault, Store& store, Authority& authority, CertificateService& certificates,
           TokenService& tokens, const base::Clock& clock, base::Rng& rng, const Policy& policy,
           std::string organisation);

  // The certificate that other servers seal users to: the one there is, while a third of its life is left.
  // Errors: NotFound / NoAuthority; Unavailable / ClockBack, AuthorityEnded.
  base::Result<base::Bytes> certificate(const Actor& by);

  // Seals the user to `recipient`, a certificate of the other server, which the administrator has compared,
  // in as many packages as it takes: `after` is empty, then what `next` of the one before said. The user goes
  // on here. Approval is used up by the last one. Errors: NotFound; Invalid (a recipient that has ended or
  // cannot encrypt; `after`); Denied / ApprovalNeeded; NotFound / NoAuthority; Conflict (the user got a
  // certificate meanwhile).
  base::Result<ExportedUser> exportUser(const Actor& by, const std::string& name, base::BytesView recipient,
                                        const std::string& after = {});

  // Everything is checked before anything is written, in one transaction. `source`: SHA-256 of the
  // certificate of the authority that the package must come from. The user gets the lesser of the role that
  // he had and `most`, and no uid. Once more: what is missing is added, and the receipt given again. Errors:
  // Invalid (altered, another source's, sealed for another server, a name or key that is none); Conflict
  // (another user has this name; the package before this one was not taken).
  base::Result<ImportedUser> importUser(const Actor& by, base::BytesView package, const Thumbprint& source,
                                        Role most);

  // Revokes what the user has here, if the other server has all of it. That is looked at and revoked in one
  // transaction: whoever has got a certificate since the export, by a renewal too, is refused, and loses
  // nothing. Tokens do not move: all that he has at this moment end, and those that he gets later stay. Again
  // is no error, and ends the tokens that he has got meanwhile. Errors: Invalid (no receipt); NotFound;
  // Denied / Forbidden (not for what this server has exported); Conflict (the user has got certificates
  // since).
  base::Result<MovedUser> confirm(const Actor& by, base::BytesView receipt);

 private:
  base::Result<UserRow> userOf(const std::string& name);
  base::Result<std::optional<std::string>> gather(MoveDocument& document, UserRow& user,
                                                  const std::string& after);
  base::Result<base::Bytes> seal(const MoveDocument& document, base::BytesView recipient,
                                 std::int64_t authority);
  base::Result<void> finishExport(const Actor& by, const MoveDocument& document, const UserRow& was);
  base::Result<base::SecretBuffer> openOwn(const UserPackage& package);

  Vault& vault_;
  Store& store_;
  Authority& authority_;
  CertificateService& certificates_;
  TokenService& tokens_;
  base::Rng& rng_;
  const Policy& policy_;
  const std::string organisation_;
  DurableClock clock_;
};

// The same in all exports of this user; nobody but the source can work it out.
UserOrigin originOf(OpenKeys& keys, const UserRow& user);
// What only the source can work out for a package: of this user, with just these certificates.
MoveClaim claimOf(OpenKeys& keys, const MoveId& id, const Thumbprint& recipient, const UserRow& user);

}  // namespace kms::pki
