// Certificates for bench_fill: rows as if they had been issued, and revoked or not, a day ago. All have the
// same subject and key, and the signature of the first one: nothing that is measured looks at these.
#pragma once

#include <memory>
#include <random>
#include <vector>

#include "kms/pki/authority.h"
#include "tests/bench/fill_lines.h"

namespace tests::bench {

struct CertificatePlan {
  std::uint64_t count = 0;
  bool revoked = false;     // all of them
  std::uint64_t apart = 0;  // further ones, all over the table, that are not
  std::string file;         // for the serial numbers of those
  std::string apartFile;    // and of those apart, in no order
};

class CertificateFill {
 public:
  CertificateFill(const CertificatePlan& plan, kms::Store& store, kms::Vault& vault,
                  const kms::pki::Authority& authority)
      : plan_(plan), store_(store), vault_(vault), authority_(authority), random_(std::random_device()()) {}

  // For these users, by their ids.
  base::Result<void> run(const std::vector<std::int64_t>& users);

 private:
  std::uint64_t total() const { return plan_.count + plan_.apart; }
  base::Result<void> sign();
  base::Result<void> addBatch(kms::Txn& txn, std::uint64_t count, const std::vector<std::int64_t>& users);
  base::Result<void> addOne(kms::Txn& txn, kms::OpenKeys& keys, std::int64_t sequence, std::size_t user,
                            std::int64_t owner);
  base::Result<void> linkUsers(kms::Txn& txn, const std::vector<std::int64_t>& users);

  const CertificatePlan& plan_;
  kms::Store& store_;
  kms::Vault& vault_;
  const kms::pki::Authority& authority_;
  std::mt19937_64 random_;
  kms::pki::KeyHash key_{};
  std::int64_t signer_ = 0;
  base::Bytes der_;           // of the first one
  std::size_t serialAt_ = 0;  // in it
  base::Time issued_{};
  base::Time ends_{};
  std::vector<std::int64_t> newest_;  // of each user
  Lines serials_;
  Lines apart_;
  std::uint64_t made_ = 0;
  std::uint64_t apartMade_ = 0;
};

}  // namespace tests::bench
