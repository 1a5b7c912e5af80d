#include "daemon/run_reload.h"

#include <malloc.h>

#include "daemon/log.h"
#include "daemon/notify.h"

namespace kmsd {

std::vector<std::string> needsRestart(const RunOptions& running, const RunOptions& wanted) {
  std::vector<std::string> out;
  if (wanted.root != running.root) out.emplace_back("data-dir");
  if (wanted.media != running.media || wanted.prompt != running.prompt) out.emplace_back("medium");
  if (wanted.listen != running.listen) out.emplace_back("listen");
  if (wanted.ownTls() != running.ownTls()) out.emplace_back("tls-certificate");
  if (wanted.tlsNames != running.tlsNames) out.emplace_back("tls-name");
  if (wanted.metrics != running.metrics) out.emplace_back("metrics-http");
  if (wanted.onRemoval != running.onRemoval ||
      (wanted.onRemoval == OnRemoval::Grace && wanted.grace != running.grace))
    out.emplace_back("on-removal");
  if (wanted.publishDir != running.publishDir) out.emplace_back("publish-dir");
  const auto& made = running.certificates;
  const auto& make = wanted.certificates;
  if (make.life != made.life) out.emplace_back("certificate-life");
  if (make.renewFrom != made.renewFrom) out.emplace_back("renew-from");
  if (make.encryptionKey != made.encryptionKey) out.emplace_back("encryption-key");
  if (wanted.policy.recoveryApprovals != running.policy.recoveryApprovals)
    out.emplace_back("recovery-approvals");
  if (wanted.addresses.crl != running.addresses.crl) out.emplace_back("crl-url");
  if (wanted.addresses.ocsp != running.addresses.ocsp) out.emplace_back("ocsp-url");
  if (wanted.addresses.authority != running.addresses.authority) out.emplace_back("ca-url");
  return out;
}

// What was done, in words. Errors: what is wrong with the files; then nothing was done.
base::Result<std::string> Reload::apply() {
  const std::lock_guard lock(mutex_);
  const auto parsed = parsed_.again();
  if (!parsed) return parsed.error();
  auto wanted = runOptions(*parsed);
  if (!wanted) return std::move(wanted).error();
  std::string done = "the configuration was read anew";
  if (running_.overTls() && wanted->overTls() && running_.ownTls() == wanted->ownTls()) {
    if (auto used = useTls_(wanted->tls); !used) return std::move(used).error();
    running_.tls = wanted->tls;
    done += "; new connections are served with the TLS files as they are now";
  }
  std::string names;
  for (const std::string& name : needsRestart(running_, *wanted)) names += (names.empty() ? "" : ", ") + name;
  if (!names.empty()) done += "; restart the server to change " + names;
  return done;
}

void Reload::refreshTls() {
  const std::lock_guard lock(mutex_);
  if (!running_.overTls()) return;
  if (auto used = useTls_(running_.tls); !used)
    log::error("client certificates of this server's own authority are not taken yet: " + used.error().what);
}

void Reload::run() {
  notifyReloading();
  const auto done = apply();
  if (done) {
    log::info("SIGHUP: " + *done);
  } else {
    log::error("SIGHUP: " + done.error().what + "; nothing was changed");
  }
  ::malloc_trim(0);  // files of authorities and CRLs may be large, and this is seldom
  notifyReady();
}

}  // namespace kmsd
