// PkiWatch: what time brings for the server's own certificates: the one that https shows is made and renewed;
// ends that come near, and lists that cannot be made, are told in the log. Safe to use from several threads.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "daemon/end_watch.h"
#include "daemon/pki_services.h"

namespace kmsd {

class PkiWatch {
 public:
  using End = std::function<std::optional<base::Time>()>;

  // `pki` and `clock` outlive it. `names`: of the certificate that https shows; empty where it shows none of
  // our making. `shown`: when what https shows ends.
  PkiWatch(PkiServices& pki, const base::Clock& clock, std::vector<std::string> names, End shown);

  // Now and then, and when the server was opened or has got an authority. Waits for the disk where a
  // certificate is made.
  void look();

 private:
  void keepShown();
  void tellFault(std::string& told, const std::optional<std::string>& fault, const std::string& well);

  PkiServices& pki_;
  const base::Clock& clock_;
  const std::vector<std::string> names_;
  const End shown_;
  std::mutex mutex_;
  EndWatch authorityEnd_;
  EndWatch shownEnd_;
  std::string shownFault_;
  std::string statusFault_;
};

}  // namespace kmsd
