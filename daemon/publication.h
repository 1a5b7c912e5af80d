// Publication: the authority's certificates and its lists as files in a directory of the operator's choice,
// for a web server beside this one. Each is replaced at once (rename), is readable by all, and is written
// when there is a newer one. What fails is told in the log once and tried again; it stops nothing else.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "kms/pki/status_service.h"

namespace kmsd {

class Publication {
 public:
  static constexpr std::chrono::seconds kRetry{30};

  // Writes what the public routes serve under the same names into `directory`, which is made where it is not
  // there: ca.crt, ca.pem, crl.der, crl.pem, delta-crl.der, and of each authority ca/N.crt, crl/N.der and
  // delta-crl/N.der. `status` outlives it, and has one such at a time.
  Publication(kms::pki::StatusService& status, std::filesystem::path directory,
              std::chrono::milliseconds retry = kRetry);
  ~Publication();
  Publication(const Publication&) = delete;
  Publication& operator=(const Publication&) = delete;

  // There may be something newer. Any thread.
  void look();
  // What went wrong with the last writing; nothing where all is well.
  std::optional<std::string> fault() const;

 private:
  using List = std::shared_ptr<const kms::pki::PublishedList>;
  struct Lists {
    List full;
    List delta;
  };

  void run(const std::stop_token& stop);
  base::Result<void> write();
  base::Result<void> writeAuthorities(std::vector<kms::pki::PublishedAuthority> all);
  base::Result<void> writeLists(std::int64_t number, bool current);
  base::Result<void> put(const std::string& name, base::BytesView content) const;
  void tell(const base::Result<void>& written);

  kms::pki::StatusService& status_;
  const std::filesystem::path directory_;
  const std::chrono::milliseconds retry_;
  // What lies there, for the thread alone.
  std::vector<kms::pki::PublishedAuthority> authorities_;
  std::map<std::int64_t, Lists> lists_;  // by the authority's number
  std::vector<List> inPem_;
  mutable std::mutex mutex_;
  std::condition_variable_any wake_;
  bool due_ = true;
  std::optional<std::string> fault_;
  std::jthread thread_;
};

}  // namespace kmsd
