// The process kmsd-media: found, started, killed and reaped.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "hal/base/fd.h"
#include "hal/base/result.h"

namespace kmsd {

class ReaderChild {
 public:
  // What the child keeps when it shields itself, before it touches a medium (daemon/media/shield.h).
  struct Rights {
    bool writable = false;                // else it can write no file
    bool epoch = false;                   // but for KMSEPOCH.BIN on media
    bool cards = false;                   // it may connect to pcscd
    bool nobody = false;                  // root becomes nobody: it needs pcscd only
    std::filesystem::path driverDir{};    // drivers are loaded from there; empty: none
    std::vector<std::string> readable{};  // full paths of media that are files, and of folders of such

    // What the media at these URIs need. Without any, each driver is asked at its usual place, and cards have
    // none.
    static Rights forMedia(const std::vector<std::string>& uris);
  };

  // `program`; where it is empty, beside this executable, then in libexec. Errors: NotFound, naming the
  // places.
  static base::Result<std::string> find(const std::string& program);
  // Gives the child one end of a socket pair as descriptor 3 and nothing else but /dev/null and our stderr.
  // The child is killed when the calling thread ends. Errors: Unavailable, Io.
  static base::Result<ReaderChild> start(const std::string& program, const Rights& rights);

  ReaderChild(ReaderChild&& other) noexcept
      : pid_(std::exchange(other.pid_, -1)), socket_(std::move(other.socket_)) {}
  ReaderChild& operator=(ReaderChild&&) = delete;
  ~ReaderChild() { end(); }

  pid_t pid() const noexcept { return pid_; }
  base::Fd takeSocket() noexcept { return std::move(socket_); }
  // Waits so long for it to end by itself, then kills it and waits a moment; says how it ended ("signal 9").
  // A child that hangs in the kernel is left to init.
  std::string end(std::chrono::milliseconds patience = {});

 private:
  ReaderChild(pid_t pid, base::Fd socket) noexcept : pid_(pid), socket_(std::move(socket)) {}
  pid_t pid_;
  base::Fd socket_;
};

}  // namespace kmsd
