#include "daemon/database_loss.h"

namespace kmsd {

void DatabaseLoss::tell(const base::Error& why) {
  const std::lock_guard lock(mutex_);
  if (told_) return;
  told_ = why;
  if (listener_) listener_(why);
}

void DatabaseLoss::listen(Listener listener) {
  const std::lock_guard lock(mutex_);
  listener_ = std::move(listener);
  if (told_ && listener_) listener_(*told_);
}

}  // namespace kmsd
