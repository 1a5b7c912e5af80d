#include "daemon/port_writer.h"

namespace kmsd {

base::Result<void> PortWriter::look(const Consents& consents) {
  if (uri_ == kPromptUri)
    return base::Error{base::Code::Invalid, "prompt: is no medium that can be written; name another"};
  auto port = MediumPort::open(uri_, true, &ask_, driverDir_);
  if (!port) return std::move(port).error();
  port_ = *std::move(port);
  auto found = port_->look();
  if (!found) return std::move(found).error();
  found_ = *std::move(found);
  if (auto fits = checkDestroy(consents, {found_}); !fits) return fits;
  auto consent = consentFor(found_, consents);
  if (!consent) return std::move(consent).error();
  consent_ = *consent;
  return {};
}

base::Result<void> PortWriter::write(base::BytesView text) { return port_->write(text, consent_, found_); }

base::Result<base::SecretBuffer> PortWriter::readBack() { return port_->readBack(ask_); }

}  // namespace kmsd
