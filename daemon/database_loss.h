// DatabaseLoss: the database file was found damaged while the server runs (event 5085). The server is then
// sealed, gives the data lock free and waits for a restore.
//
// What counts is what SQLite says of the file's own structure, and what an opening meets whose key was right:
// the keyring, the last sound slot, the authority. Without them nothing is served anyway. A row of a user, a
// token or a certificate that does not open does not count, and neither do many: whoever can write into the
// database could make one, and would stop the server for all with it. It is refused to whoever asks for it
// and goes on record as the same event, and `audit verify --store` finds it. To damage the file itself takes
// the same rights as to delete it, so nobody gains by that.
#pragma once

#include <functional>
#include <mutex>
#include <optional>

#include "hal/base/result.h"

namespace kmsd {

class DatabaseLoss {
 public:
  using Listener = std::function<void(const base::Error& why)>;

  // For SqliteOptions::damaged: any thread, also within a commit. Only the first time counts.
  void tell(const base::Error& why);
  // Called once, now where it was told before; it must be quick and must not use the database. Empty: nobody
  // is, and nobody is being called any more.
  void listen(Listener listener);

 private:
  std::mutex mutex_;
  std::optional<base::Error> told_;
  Listener listener_;
};

// Listens for as long as it lives.
class LossWatch {
 public:
  LossWatch(DatabaseLoss& loss, DatabaseLoss::Listener listener) : loss_(loss) {
    loss_.listen(std::move(listener));
  }
  ~LossWatch() { loss_.listen({}); }
  LossWatch(const LossWatch&) = delete;
  LossWatch& operator=(const LossWatch&) = delete;

 private:
  DatabaseLoss& loss_;
};

}  // namespace kmsd
