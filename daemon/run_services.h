// The services over an open database, as `kmsd run` needs them.
#pragma once

#include <memory>
#include <optional>

#include "daemon/data_dir.h"
#include "daemon/pki_services.h"
#include "daemon/run_events.h"
#include "daemon/run_options.h"
#include "kms/audit/gated_store.h"
#include "kms/backup/acceptance.h"
#include "kms/keys/vault.h"
#include "kms/store/sqlite_store.h"
#include "kms/tokens/token_service.h"
#include "kms/tokens/user_service.h"

namespace kmsd {

// Jobs that wait for the store's writer refer to the services, so they are done before the services go.
struct Services {
  Services(std::unique_ptr<kms::Store> opened, const base::Uuid& server, const kms::Policy& limits);
  ~Services() { drain(); }
  Services(const Services&) = delete;
  Services& operator=(const Services&) = delete;

  // Returns when all that was given to the writer so far is done. It is done in turn, so one more job shows
  // that. REQUIRES: nobody gives it more.
  void drain();

  const kms::Policy policy;
  std::unique_ptr<kms::Store> store;
  kms::Vault vault;
  std::shared_ptr<kms::backup::Acceptance> acceptance;
  kms::GatedStore gated;  // what the services write to, once the audit log is attached
  kms::UserService users;
  kms::TokenService tokens;
  std::unique_ptr<PkiServices> pki;
};

KeeperOptions keeperOptions(const RunOptions& options, const DataDir& dir, const base::Uuid& id);
PkiOptions pkiOptions(const RunOptions& options, const DataDir& dir, const ServerHeader& header);

// The audit log over the services; none where there is no database. It writes from now on, sealed or not.
void startAudit(std::optional<kms::AuditLog>& audit, Services* parts, const DataDir& dir,
                const base::Uuid& id, RunEvents& events);

// Null where the database is missing or damaged, or `fault` says already that it is; then `fault` says so and
// names the media, and so does the log. Errors: those that keep the server from starting.
base::Result<std::unique_ptr<Services>> openServices(const DataDir& dir, const ServerHeader& header,
                                                     kms::SqliteOptions options, const kms::Policy& policy,
                                                     PkiOptions pki, std::optional<base::Error>& fault);

}  // namespace kmsd
