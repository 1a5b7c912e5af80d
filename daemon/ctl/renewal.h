// Renewal: one run of `kmsctl renew`. It can be broken off anywhere: the next run ends what was begun.
#pragma once

#include <optional>

#include "daemon/ctl/issued.h"
#include "daemon/ctl/key_directory.h"
#include "daemon/ctl/remote.h"
#include "hal/base/clock.h"

namespace kmsd::ctl {

// When two thirds of its life are over, which is month 12 of 18.
base::Time dueFrom(const kms::pki::Certificate& certificate) noexcept;

class Renewal {
 public:
  explicit Renewal(const Parsed& parsed) : parsed_(parsed), directory_(parsed.text("dir")) {}
  Exit run();

 private:
  struct Present {
    kms::pki::Certificate certificate;
    bool due = false;
  };

  base::Result<void> prepare();
  base::Result<std::optional<Present>> look(PairNames names) const;
  base::Result<void> renewAll();
  base::Result<void> renewSigning(Remote& remote);
  base::Result<void> renewEncryption(Remote& remote);
  base::Result<void> keepAuthority(const Issued& issued);
  base::Result<void> writeBundles() const;
  base::Result<void> writeBundle(PairNames names, const char* bundle, const base::SecretText& password) const;
  base::Result<Answer> ask(Remote& remote, const char* path, const Body* body);
  Exit report() const;

  const Parsed& parsed_;
  KeyDirectory directory_;
  Access access_;
  base::Time now_{};
  std::vector<kms::pki::Certificate> authorities_;
  std::optional<Present> signing_;
  std::optional<Present> encryption_;
  std::vector<std::string> renewed_;  // serial numbers
  std::optional<Answer> refusal_;
};

}  // namespace kmsd::ctl
