#include "kms/audit/gated_store.h"

namespace kms {

void GatedStore::write(WriteJob job, Done done) {
  if (log_ != nullptr && !log_->refuses()) [[likely]]
    return inner_.write(std::move(job), std::move(done));
  base::Error why = log_ != nullptr ? log_->refusal() : auditUnwritable("there is none");
  job = nullptr;  // what it holds goes before the answer
  done(std::move(why));
}

}  // namespace kms
