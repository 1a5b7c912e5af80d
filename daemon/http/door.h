// Door: lets connections in through one listening socket. Inside daemon/http only.
#pragma once

#include <memory>
#include <optional>

#include "daemon/http/message.h"

namespace kmsd::http {

class Core;
class Loop;

// A listening socket, closed with it.
class Listener {
 public:
  virtual ~Listener() = default;
  virtual int fd() const noexcept = 0;
};

class Door {
 public:
  virtual ~Door() = default;
  virtual void open() = 0;
  // On the loop's thread, or when it no longer runs. Twice does no harm.
  virtual void shut() = 0;
};

// Accepts on `loop`, which lives as long as the door.
std::shared_ptr<Door> makeDoor(Core& core, Loop& loop, std::unique_ptr<Listener> listener,
                               Transport transport);

}  // namespace kmsd::http
