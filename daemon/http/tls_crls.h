// The CRLs beside the authorities for client certificates: until when they hold. Once any CRL is there, an
// authority without a current one vouches for nobody, so an operator must hear of it in time.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "hal/base/clock.h"

struct stack_st_X509_INFO;

namespace kmsd::http {

struct ClientCrls {
  struct Crl {
    std::string authority;            // its name (RFC 4514)
    std::optional<base::Time> until;  // nextUpdate; nothing: for ever
    bool there = true;                // false: this authority has none, though others do
  };
  std::filesystem::path file;
  std::vector<Crl> all;  // of each authority the one that holds longest, those that have none last; empty:
                         // nothing is checked

  // When the first one runs out; nothing where none does.
  std::optional<base::Time> until() const;
  bool ranOut(base::Time now) const { return until() && *until() <= now; }
  // What keeps clients out now: for each such authority one clause.
  std::vector<std::string> faults(base::Time now) const;
};

ClientCrls crlsIn(const stack_st_X509_INFO& infos, const std::filesystem::path& file);

}  // namespace kmsd::http
