// `kmsd run`: puts the parts together. Linked into kmsd alone, because it joins the library of the daemon
// with that of its HTTP server.
#include <grp.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>

#include "daemon/data_dir.h"
#include "daemon/harden.h"
#include "daemon/http/background.h"
#include "daemon/http/routes.h"
#include "daemon/http/server.h"
#include "daemon/log.h"
#include "daemon/notify.h"
#include "daemon/run_events.h"
#include "daemon/run_options.h"
#include "daemon/terminal.h"
#include "daemon/tidier.h"
#include "daemon/verb_run.h"
#include "hal/base/rng.h"
#include "kms/store/sqlite_store.h"

namespace kmsd {
namespace {

constexpr const char* kAdminGroup = "kms-admin";
constexpr std::size_t kMaxTyped = 64;  // bytes

std::optional<gid_t> adminGroup() {
  group entry{};
  group* found = nullptr;
  std::vector<char> room(64 * 1024);
  if (::getgrnam_r(kAdminGroup, &entry, room.data(), room.size(), &found) != 0 || found == nullptr) return {};
  return found->gr_gid;
}

// The signals that end or wake the daemon. Blocked before any thread is there, so that all threads inherit it
// and only wait() takes them.
class Signals {
 public:
  Signals() {
    ::sigemptyset(&set_);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&set_, signal);
    ::pthread_sigmask(SIG_BLOCK, &set_, nullptr);
  }
  // SIGTERM or SIGINT.
  int wait() const {
    for (;;) {
      const int signal = ::sigwaitinfo(&set_, nullptr);
      if (signal == SIGTERM || signal == SIGINT) return signal;
      if (signal == SIGHUP) log::info("SIGHUP: there is nothing to read anew; restart to change options");
    }
  }

 private:
  sigset_t set_{};
};

// The services over an open database; none of it where the database cannot be used. Jobs that wait for the
// store's writer refer to the services, so they are done before the services go.
struct Services {
  explicit Services(std::unique_ptr<kms::Store> opened, const base::Uuid& server)
      : store(std::move(opened)),
        vault(*store, server, base::systemRng()),
        users(vault, *store, base::systemClock(), policy),
        tokens(vault, *store, base::systemClock(), base::systemRng(), policy) {}
  ~Services() { drain(); }
  Services(const Services&) = delete;
  Services& operator=(const Services&) = delete;

  // Returns when all that was given to the writer so far is done. It is done in turn, so one more job shows
  // that. REQUIRES: nobody gives it more.
  void drain() {
    auto done = store->writeAndWait([](kms::Txn&) -> base::Result<void> { return {}; });
    if (!done) log::warning("the database failed while the server stopped: " + done.error().what);
  }

  kms::Policy policy;
  std::unique_ptr<kms::Store> store;
  kms::Vault vault;
  kms::UserService users;
  kms::TokenService tokens;
};

base::Result<std::unique_ptr<Services>> openServices(const DataDir& dir, const base::Uuid& server,
                                                     std::optional<base::Error>& fault) {
  auto store = kms::openSqliteStore(dir.database());
  if (store) return std::make_unique<Services>(*std::move(store), server);
  const base::Reason reason = store.error().reason;
  if (reason != base::Reason::DatabaseMissing && reason != base::Reason::DatabaseCorrupt)
    return std::move(store).error();
  fault = std::move(store).error();
  log::error(fault->what, rowOf(reason).event);
  return std::unique_ptr<Services>();
}

base::Result<void> startServing(http::Server& server, const RunOptions& options) {
  for (const auto& socket : options.sockets) {
    if (auto listening = server.listenUnix(socket); !listening) return listening;
    log::info("listening on unix:" + socket.string());
  }
  server.start();
  return {};
}

// Runs until a signal. Errors: what keeps it from starting.
base::Result<Exit> serve(const RunOptions& options, const DataDir& dir, const base::Uuid& id,
                         UnsealRequest typed) {
  const Signals signals;
  std::optional<base::Error> fault;
  auto services = openServices(dir, id, fault);
  if (!services) return std::move(services).error();
  Services* parts = services->get();

  RunEvents events(parts != nullptr ? parts->store.get() : nullptr, base::systemClock());
  KeeperOptions keeping;
  keeping.server = id;
  keeping.reader.uris = options.media;
  keeping.onRemoval = options.onRemoval;
  keeping.grace = options.grace;
  Keeper keeper(std::move(keeping), parts != nullptr ? &parts->vault : nullptr, fault, base::systemClock(),
                events.events());
  http::Api api{keeper, parts != nullptr ? &parts->users : nullptr,
                parts != nullptr ? &parts->tokens : nullptr, ::geteuid(), adminGroup()};
  api.databaseDamaged = [&events](const std::string& what) { events.databaseDamaged(what); };
  // After the keeper, which their jobs use; before the server, which gives them.
  http::Background sealing;
  http::Background unsealing;
  http::Background patient;
  http::Threads threads{sealing, unsealing, patient};
  http::Server server(http::ServerOptions{}, http::makeHandler(api, threads));
  if (auto keeps = keeper.start(); !keeps) return std::move(keeps).error();  // a medium URI that is none
  if (auto serving = startServing(server, options); !serving) return std::move(serving).error();
  notifyReady();
  notifyStatus(statusLine(keeper.status()));

  std::optional<Tidier> tidier;
  if (parts != nullptr) tidier.emplace(parts->vault, parts->tokens, api.databaseDamaged);
  if (typed.pwd) {
    auto opened = keeper.unseal(std::move(typed));
    if (!opened)
      log::warning("the typed key was refused: " + opened.error().what, rowOf(opened.error().reason).event);
  }

  const int signal = signals.wait();
  log::info("stopping");
  notifyStopping();
  tidier.reset();
  server.stop();
  keeper.stop();  // also answers what the background waits for
  sealing.end();
  unsealing.end();
  patient.end();
  if (parts != nullptr) {
    parts->drain();
    parts->vault.seal();
  }
  log::info("stopped");
  return signal == SIGINT ? Exit::Interrupted : Exit::Yes;
}

base::Result<UnsealRequest> askKey(const RunOptions& options) {
  UnsealRequest typed;
  if (!options.prompt) return typed;
  if (!canAsk())
    return base::Error{base::Code::Unavailable,
                       "prompt: needs a terminal; start without it and use 'kmsctl unseal'"};
  auto pwd = askLine("Type the 14 characters of the key (nothing is shown):", kMaxTyped, false);
  if (!pwd) return std::move(pwd).error();
  typed.pwd = *std::move(pwd);
  return typed;
}

Exit run(const Parsed& parsed) {
  if (auto hard = harden(); !hard) return fail(hard.error());
  auto options = runOptions(parsed);
  if (!options && options.error().code == base::Code::Unsupported)
    return fail(Exit::Usage, options.error().what);
  if (!options) return fail(options.error());
  log::start(errorIsJournal());
  const DataDir dir(options->root);
  auto header = dir.header();
  if (!header && header.error().code == base::Code::Corrupt) log::error(header.error().what, 5058);
  if (!header) return fail(header.error());
  auto lock = dir.lock();
  if (!lock) return fail(lock.error());
  auto typed = askKey(*options);
  if (!typed) return fail(typed.error());
  auto exit = serve(*options, dir, header->server, *std::move(typed));
  return exit ? *exit : fail(exit.error());
}

constexpr OptionSpec kOptions[] = {
    {"data-dir", "DIR", "the server's data directory", kDefaultDataDir},
    {"medium", "URI", "where the key medium will be, tried in turn; without it: the disk in drive A:", "",
     true},
    {"listen", "ADDRESS", "serve on unix:PATH", "unix:/run/kms/kms.sock", true},
    {"on-removal", "POLICY",
     "when the medium that opened is pulled: stay open (keep), seal, or seal after a time, such as grace:30s",
     "keep", false, false, false, "keep seal grace:"},
};

}  // namespace

const VerbSpec kRunVerb = {
    "run",
    "run the server: sealed until its key medium is there",
    {},
    kOptions,
    "kmsd run                                    # Start with the disk in drive A:\n"
    "kmsd run --medium image:/srv/keys --listen unix:/tmp/kms.sock --data-dir /srv/kms\n"
    "kmsd run --medium floppy:A: --on-removal grace:30s\n"
    "kmsd run --medium prompt:                   # the 14 characters are typed\n",
    run};

}  // namespace kmsd
