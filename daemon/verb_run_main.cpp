// `kmsd run`: puts the parts together. Linked into kmsd alone, because it joins the library of the daemon
// with that of its HTTP server.
#include <grp.h>
#include <signal.h>
#include <unistd.h>

#include "daemon/audit_check.h"
#include "daemon/data_dir.h"
#include "daemon/database_loss.h"
#include "daemon/handshake_log.h"
#include "daemon/harden.h"
#include "daemon/http/background.h"
#include "daemon/http/metrics_handler.h"
#include "daemon/http/routes.h"
#include "daemon/http/server.h"
#include "daemon/http/server_gauges.h"
#include "daemon/http/tls_use.h"
#include "daemon/live_backup.h"
#include "daemon/log.h"
#include "daemon/metrics.h"
#include "daemon/notify.h"
#include "daemon/reader_children.h"
#include "daemon/reasons.h"
#include "daemon/restore_look.h"
#include "daemon/run_certificates.h"
#include "daemon/run_events.h"
#include "daemon/run_gauges.h"
#include "daemon/run_options.h"
#include "daemon/run_reload.h"
#include "daemon/run_services.h"
#include "daemon/run_signals.h"
#include "daemon/run_typed.h"
#include "daemon/server_moved.h"
#include "daemon/tidier.h"
#include "daemon/verb_run.h"
#include "daemon/watchdog.h"

namespace kmsd {
namespace {

constexpr const char* kAdminGroup = "kms-admin";

std::optional<gid_t> adminGroup() {
  group entry{};
  group* found = nullptr;
  std::vector<char> room(64 * 1024);
  if (::getgrnam_r(kAdminGroup, &entry, room.data(), room.size(), &found) != 0 || found == nullptr) return {};
  return found->gr_gid;
}

// What systemd's watchdog is told as long as every part answers; nothing where there is none.
std::optional<Watchdog> watchdogOver(Keeper& keeper, http::Server& server, Services* parts) {
  const auto span = watchdogSpan();
  if (!span) return std::nullopt;
  std::vector<Watchdog::Part> all;
  all.push_back({"a thread that serves", [&server](auto answer) { server.ask(std::move(answer)); }});
  all.push_back({"the keeper", [&keeper](auto answer) { keeper.ask(std::move(answer)); }});
  if (parts != nullptr) {
    all.push_back({"the database", [parts](auto answer) {
                     parts->store->write([](kms::Txn&) -> base::Result<void> { return {}; },
                                         [answer](const base::Result<void>&) { answer(); });
                   }});
  }
  Watchdog::Events events;
  events.alive = notifyAlive;
  events.silent = [](const std::string& name) {
    log::error(name + " does not answer; systemd restarts the server unless that changes soon");
  };
  events.answering = [](const std::string& name) { log::info(name + " answers again"); };
  return std::optional<Watchdog>(std::in_place, std::chrono::ceil<std::chrono::milliseconds>(*span / 2),
                                 std::move(all), std::move(events));
}

// On record with the end of a renewal of the root key that was interrupted.
kms::SlotDesk::Along recordsRenewalEnd(const base::Uuid& server) {
  return [entry = kms::AuditEntry{kms::Event::RootRenewalEnded, "kmsd", server.text(), "by the server"}](
             kms::Txn& txn) { return kms::record(txn, base::systemClock().now(), entry); };
}

// Also with what our own authority has signed; `parts` is null where there is no database.
base::Result<void> useTls(http::Server& server, const http::TlsFiles& files, Services* parts) {
  const auto own = parts != nullptr ? parts->pki->status().authorities() : std::vector<base::Bytes>();
  const auto* const shown = parts != nullptr ? &parts->pki->serverCertificate() : nullptr;
  auto faults = http::useTls(server, files, base::systemClock().now(), own, shown);
  if (!faults) return std::move(faults).error();
  for (const std::string& fault : *faults) log::warning(fault);
  return {};
}

base::Result<void> startServing(http::Server& server, const std::vector<Listen>& listen) {
  for (Listen at : listen) {
    if (at.transport == http::Transport::Unix) {
      if (auto listening = server.listenUnix(at.path); !listening) return listening;
    } else {
      auto port = server.listenTcp(at.host, at.port, at.transport);
      if (!port) return std::move(port).error();
      at.port = *port;
    }
    log::info("listening on " + at.text());
  }
  server.start();
  return {};
}

// /metrics in clear has a server of its own, so that no other address can be asked for it.
base::Result<void> startMetrics(std::optional<http::Server>& server, const Metrics& metrics,
                                const RunOptions& options) {
  if (!options.metrics) return {};
  http::ServerOptions small;
  small.connectionsMost = 64;
  small.connectionsForRoot = 0;
  small.threads = 1;
  server.emplace(small, http::makeMetricsHandler(metrics));
  return startServing(*server, {*options.metrics});
}

std::vector<Metrics::RouteName> routeNames() {
  std::vector<Metrics::RouteName> names;
  for (const http::Route& route : http::routes())
    names.push_back({std::string(route.method), std::string(route.path)});
  return names;
}

// `parts` is null, and `audit` empty, where there is no database.
http::Api apiOver(Keeper& keeper, Services* parts, std::optional<kms::AuditLog>& audit, RunEvents& events) {
  http::Api api{keeper, parts != nullptr ? &parts->users : nullptr,
                parts != nullptr ? &parts->tokens : nullptr, ::geteuid(), adminGroup()};
  api.pki = parts != nullptr ? parts->pki.get() : nullptr;
  api.databaseDamaged = [&events](const std::string& what) { events.databaseDamaged(what); };
  if (audit) {
    api.verifyAudit = [parts, &audit](bool rows, const std::atomic<bool>& stop) {
      return checkAudit(*audit, parts->vault, *parts->store, base::systemClock(), parts->policy, rows, stop);
    };
  }
  return api;
}

// Turns a kmsd-media away that comes to the server's own socket, and tells of each once.
std::function<bool(pid_t)> shunning(std::shared_ptr<ReaderChildren> children) {
  return [children = std::move(children), told = pid_t(0)](pid_t pid) mutable {
    if (!children->has(pid)) return false;
    if (std::exchange(told, pid) != pid) {
      log::error(
          "break-in attempt: kmsd-media (process " + std::to_string(pid) +
          ") connected to the server's socket and was turned away; the medium in one of the drives may "
          "have taken it over");
    }
    return true;
  };
}

// When the certificate that https shows ends: of its files, or of the one of our own authority.
PkiWatch::End endOfShown(const http::Server& server, PkiServices& pki) {
  return [&server, &pki] {
    const auto tls = server.tls();
    if (!tls) return std::optional<base::Time>();
    return tls->shown() != nullptr ? pki.serverCertificate().until() : tls->until();
  };
}

// Has TLS take what the server's own authority signed, when there is another one than before, and has `watch`
// look then, and at each opening.
class OwnWatch {
 public:
  // All outlive it. REQUIRES: nothing is served yet.
  OwnWatch(RunEvents& events, http::Api& api, Reload& reload, Services* parts, http::Background& keys,
           std::optional<RunCertificates>& watch)
      : events_(events), keys_(keys) {
    if (parts == nullptr) return;
    last_ = parts->pki->status().authorities();
    const auto look = [this, parts, &reload] {
      const std::lock_guard lock(mutex_);
      if (auto now = parts->pki->status().authorities(); std::exchange(last_, now) != now)
        reload.refreshTls();
    };
    api.authorityMade = [look, &watch] {
      look();
      watch->look();
    };
    events_.onOpened([this, look, &watch] {
      look();
      // It may wait for the disk, which the keeper must not. Where there is no place it is done a bit later.
      static_cast<void>(keys_.run([&watch] { watch->look(); }));
    });
  }
  ~OwnWatch() {
    keys_.end();  // its jobs call authorityMade
    events_.onOpened({});
  }
  OwnWatch(const OwnWatch&) = delete;
  OwnWatch& operator=(const OwnWatch&) = delete;

 private:
  RunEvents& events_;
  http::Background& keys_;
  std::mutex mutex_;
  std::vector<base::Bytes> last_;
};

struct Workers {
  http::Background sealing;
  http::Background unsealing;
  http::Background patient;
  http::Background keys;
  http::Background enrolling;
  http::Threads threads{sealing, unsealing, patient, keys, enrolling};

  void end() {
    for (http::Background* thread : {&sealing, &unsealing, &patient, &keys, &enrolling}) thread->end();
  }
};

// The mark of a move goes where the server is told that it stays. Without a database it waits for one.
base::Result<void> settleMove(const DataDir& dir, const base::Uuid& id, bool unmove, Services* parts) {
  if (!unmove || parts == nullptr) return {};
  const auto marked = unmarkMoved(dir, id, *parts->store);
  if (!marked) return marked.error();
  if (*marked) log::warning("the mark that this server was moved is taken off (--unmove)", 5193);
  return {};
}

struct Served {
  std::optional<Exit> exit;         // none: to be called again, since the database was restored
  std::optional<base::Error> lost;  // or lost: then without it
};

// Runs until a signal. Without a database, which `lost` says or it finds itself, it gives the lock free and
// waits for a restore. `look`: at what could not be used. Errors: what keeps it from starting.
base::Result<Served> serve(const Parsed& parsed, const RunOptions& options, const DataDir& dir,
                           const ServerHeader& header, UnsealRequest typed, base::Fd lock,
                           std::optional<base::Error> fault, std::optional<RestoreLook>& look) {
  const base::Uuid& id = header.server;
  const Signals signals;
  Metrics metrics(routeNames());
  kms::SqliteOptions storing;
  storing.committed = [&metrics](std::size_t jobs, auto took) { metrics.committed(jobs, took); };
  DatabaseLoss loss;
  storing.damaged = [&loss](const base::Error& why) { loss.tell(why); };
  auto services =
      openServices(dir, header, std::move(storing), options.policy, pkiOptions(options, dir, header), fault);
  if (!services) return std::move(services).error();
  Services* parts = services->get();

  RunEvents events(parts != nullptr ? parts->store.get() : nullptr, base::systemClock());
  std::optional<kms::AuditLog> audit;
  startAudit(audit, parts, dir, id, events);
  if (auto settled = settleMove(dir, id, options.unmove, parts); !settled) return std::move(settled).error();
  if (parts != nullptr) {
    look.reset();
  } else {
    if (!look) look.emplace(dir);
    lock.reset();
  }
  KeeperOptions keeping = keeperOptions(options, dir, id);
  keeping.reader.children = std::make_shared<ReaderChildren>();
  http::ServerOptions serving;
  serving.shunned = shunning(keeping.reader.children);
  Keeper keeper(std::move(keeping),
                parts != nullptr
                    ? std::optional(portOf(parts->vault, *audit, *parts->acceptance, *parts->store, id))
                    : std::nullopt,
                fault, base::systemClock(), events.events());
  const AuditWatch watch(events, keeper);
  const LossWatch lossWatch(loss, [&keeper](const base::Error& why) {
    log::error(why.what, rowOf(why.reason).event);
    keeper.loseDatabase(why);
  });
  addKeeperGauges(metrics, keeper);
  if (audit) addAuditGauges(metrics, *audit);
  http::Api api = apiOver(keeper, parts, audit, events);
  api.metrics = &metrics;
  std::optional<LiveBackup> backups;
  if (parts != nullptr) {
    backups.emplace(*parts->store, parts->gated, parts->vault, dir, header, base::systemClock());
    api.backup = [&backups](const std::string& by, const auto& stop) { return backups->make(by, stop); };
  }
  // After the keeper, which their jobs use; before the server, which gives them.
  Workers workers;
  HandshakeLog handshakes([](const std::string& line) { log::warning(line); });
  serving.handshakeFailed = [&handshakes](const auto& why, const auto& from) {
    handshakes.failed(why, from);
  };
  std::optional<RunCertificates> certificates;  // the server shows what it counts, until it ends
  http::Server server(std::move(serving), http::makeHandler(api, workers.threads));
  http::addServerGauges(metrics, server, handshakes);
  std::optional<http::Server> metricsOnly;
  if (options.overTls())
    if (auto used = useTls(server, options.tls, parts); !used) return std::move(used).error();
  Reload reload(parsed, options,
                [&server, parts](const http::TlsFiles& files) { return useTls(server, files, parts); });
  if (parts != nullptr) certificates.emplace(options, *parts->pki, metrics, endOfShown(server, *parts->pki));
  const OwnWatch ownWatch(events, api, reload, parts, workers.keys, certificates);
  if (auto keeps = keeper.start(); !keeps) return std::move(keeps).error();  // a medium URI that is none
  if (auto started = startServing(server, options.listen); !started) return std::move(started).error();
  if (auto started = startMetrics(metricsOnly, metrics, options); !started) return std::move(started).error();
  notifyReady();
  notifyStatus(statusLine(keeper.status()));

  auto watchdog = watchdogOver(keeper, server, parts);
  std::optional<Tidier> tidier;
  if (parts != nullptr)
    tidier.emplace(parts->vault, parts->tokens, parts->pki->certificates(), parts->gated,
                   recordsRenewalEnd(id), api.databaseDamaged, [&certificates] { certificates->look(); });
  if (typed.pwd) offerTyped(keeper, std::move(typed));

  Served served;
  const int signal = signals.wait([&reload] { reload.run(); },
                                  [&] {
                                    served.lost = keeper.lostDatabase();
                                    return served.lost || (look && look->restored());
                                  });
  log::info(signal != 0   ? "stopping"
            : served.lost ? "going on without the database; the data directory may be restored"
                          : "the data directory was restored; opening it");
  if (signal != 0) notifyStopping();
  watchdog.reset();
  tidier.reset();
  if (audit) audit->hurry();
  workers.patient.end();  // while who waits for it can be answered
  server.stop();
  if (metricsOnly) metricsOnly->stop();
  keeper.stop();  // also answers what the background waits for
  workers.end();
  if (parts != nullptr) {
    parts->drain();
    audit->sealing();
    parts->vault.seal();
    audit->stop();
  }
  if (signal == 0) return served;
  log::info("stopped");
  return Served{signal == SIGINT ? Exit::Interrupted : Exit::Yes, std::nullopt};
}

Exit run(const Parsed& parsed) {
  if (auto hard = harden(); !hard) return fail(hard.error());
  auto options = runOptions(parsed);
  if (!options) return fail(options.error());
  log::start(errorIsJournal());
  const DataDir dir(options->root);
  std::optional<RestoreLook> look;
  std::optional<base::Error> lost;
  for (bool first = true;; first = false) {
    auto header = dir.header();
    if (!header && header.error().code == base::Code::Corrupt) log::error(header.error().what, 5058);
    if (!header) return fail(header.error());
    base::Result<base::Fd> lock = base::Fd();
    if (!lost) lock = dir.lock();
    if (!lock && first) return fail(lock.error());
    // Who restored it is not done, or somebody came in between: it is tried again when the lock is free.
    if (!lock) lost = base::Error{base::Code::Unavailable, lock.error().what, base::Reason::DatabaseCorrupt};
    // A moved server starts only where it is told that it stays.
    if (!options->unmove)
      if (auto stays = checkNotMoved(dir); !stays) return fail(stays.error());
    auto typed = first ? askKey(*options) : UnsealRequest{};
    if (!typed) return fail(typed.error());
    auto served = serve(parsed, *options, dir, *header, *std::move(typed),
                        lock ? *std::move(lock) : base::Fd(), std::move(lost), look);
    if (!served) return fail(served.error());
    if (served->exit) return *served->exit;
    lost = std::move(served->lost);
    if (lost) look.emplace(dir);  // now that nothing of ours writes to it
  }
}

}  // namespace

const VerbSpec kRunVerb = {
    "run",
    "run the server: sealed until its key medium is there",
    {},
    runOptionSpecs(),
    "kmsd run                                    # Start with the disk in drive A:\n"
    "kmsd run --medium image:/srv/keys --listen unix:/tmp/kms.sock --data-dir /srv/kms\n"
    "kmsd run --medium floppy:A: --on-removal grace:30s\n"
    "kmsd run --medium prompt:                   # the 14 characters, or shares, are typed\n"
    "kmsd run --listen https://0.0.0.0:8443 --tls-name kms.example.org # TLS with its own certificate\n"
    "kmsd run --listen https://0.0.0.0:8443 --tls-certificate kms.crt --tls-key kms.key # Another's\n",
    run};

}  // namespace kmsd
