// ReaderClient: runs kmsd-media and speaks hal/reader_protocol.h with it. The child is restarted when it dies
// or outlives a deadline; whatever it sends is a stranger's input. Safe to use from several threads.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hal/driver.h"
#include "hal/key_file.h"
#include "hal/reader_protocol.h"

namespace kmsd {

class ReaderChildren;

struct ReaderOptions {
  std::string program;                // path of kmsd-media; empty: beside this executable, then libexec
  std::vector<std::string> uris;      // medium URIs, in the order in which they are tried
  bool writable = false;              // the commands that make media; kmsd run never writes
  bool mediumEpoch = false;           // but for the two sectors of KMSEPOCH.BIN, where this is asked for
  std::filesystem::path driverDir{};  // drivers that do not come with keydisk; empty: none
  std::shared_ptr<ReaderChildren>
      children{};  // is told of each kmsd-media; of this client alone; null: nobody
  std::chrono::milliseconds readTimeout{10'000};  // a silent drive is given up after this
  // A diskette may be formatted, written and read back, and a drive in need tries each sector again and
  // again.
  std::chrono::milliseconds writeTimeout{120'000};
  std::chrono::milliseconds restartDelay{250};  // doubles up to 30 s while the child keeps dying
  // A child that nothing was heard of for so long is asked whether it lives, unless a request is under way.
  std::chrono::milliseconds quiet{5'000};
  std::chrono::milliseconds pongTimeout{3'000};  // and is lost where it says nothing for so long then
};

using hal::DriverDescription;

class ReaderClient {
 public:
  struct Events {
    // Called on a thread of the client, and must not call back into it.
    std::function<void(std::vector<hal::Slot>)> slotsChanged;  // the whole list, in trying order, each time
    // The child was lost and will be started again; the slots are told anew then.
    std::function<void(std::string why)> restarted;
    // Answers the child's questions, on the thread that called read() or write(); not owned.
    hal::Ask* ask = nullptr;
  };

  // Errors: NotFound (no kmsd-media); Invalid (a URI that no driver knows, listing the drivers; no such
  // driverDir); Denied (a driver in driverDir is refused, and why).
  static base::Result<std::unique_ptr<ReaderClient>> start(ReaderOptions options, Events events);
  virtual ~ReaderClient() = default;  // stops the child

  // Reads the key file in a slot. Errors: as hal::Medium::readKeyFile; Timeout and Io where the child was
  // lost on it.
  virtual base::Result<base::SecretBuffer> read(const hal::MediumId& id) = 0;
  // Looks at every slot now.
  virtual base::Result<std::vector<hal::Slot>> scan() = 0;
  // REQUIRES: options.writable. Errors: as hal::Medium::writeKeyFile.
  virtual base::Result<void> write(const hal::MediumId& id, base::BytesView text, hal::Overwrite consent) = 0;
  // The two sectors of KMSEPOCH.BIN. Errors: as hal::EpochMedium::readEpoch.
  virtual base::Result<base::Bytes> readEpoch(const hal::MediumId& id);
  // REQUIRES: options.mediumEpoch. Errors: as hal::EpochMedium::writeEpoch.
  virtual base::Result<void> writeEpoch(const hal::MediumId& id, unsigned which, base::BytesView sector);
  // The drivers of the running kmsd-media.
  virtual std::vector<DriverDescription> drivers() const = 0;
  // Ends the child; what is pending or comes later fails with Unavailable.
  virtual void stop() = 0;
};

}  // namespace kmsd
