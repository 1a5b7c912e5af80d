// SHA-256 in pieces, over OpenSSL.
#pragma once

#include <memory>

#include "kms/backup/backup_format.h"

struct evp_md_ctx_st;  // OpenSSL's, so that its headers stay in sha256.cpp

namespace kms::backup {

class Sha256 {
 public:
  Sha256();
  Sha256& add(base::BytesView bytes);
  // What was added so far; then it begins anew.
  Hash take();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const noexcept;
  };
  void begin();
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

}  // namespace kms::backup
