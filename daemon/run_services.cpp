#include "daemon/run_services.h"

#include "daemon/log.h"
#include "daemon/reasons.h"
#include "hal/base/rng.h"

namespace kmsd {

Services::Services(std::unique_ptr<kms::Store> opened, const base::Uuid& server, const kms::Policy& limits)
    : policy(limits),
      store(std::move(opened)),
      vault(*store, server, base::systemRng()),
      gated(*store),
      users(vault, gated, base::systemClock(), policy),
      tokens(vault, gated, base::systemClock(), base::systemRng(), policy) {}

void Services::drain() {
  auto done = store->writeAndWait([](kms::Txn&) -> base::Result<void> { return {}; });
  if (!done) log::warning("the database failed while the server stopped: " + done.error().what);
}

base::Result<std::unique_ptr<Services>> openServices(const DataDir& dir, const base::Uuid& server,
                                                     kms::SqliteOptions options, const kms::Policy& policy,
                                                     PkiOptions pki, std::optional<base::Error>& fault) {
  auto store = kms::openSqliteStore(dir.database(), std::move(options));
  if (store) {
    auto services = std::make_unique<Services>(*std::move(store), server, policy);
    // First of all parties: the authority signs nothing in a state that is not accepted.
    services->acceptance = std::make_shared<kms::backup::Acceptance>(
        *services->store, services->vault, server, base::systemClock(), dir.audit(), dir.restored());
    services->vault.attach(services->acceptance);
    auto made = PkiServices::create(services->vault, services->gated, services->users, services->tokens,
                                    base::systemClock(), base::systemRng(), services->policy, std::move(pki));
    if (!made) return std::move(made).error();
    services->pki = *std::move(made);
    return services;
  }
  const base::Reason reason = store.error().reason;
  if (reason != base::Reason::DatabaseMissing && reason != base::Reason::DatabaseCorrupt)
    return std::move(store).error();
  fault = std::move(store).error();
  log::error(fault->what, rowOf(reason).event);
  return std::unique_ptr<Services>();
}

}  // namespace kmsd
