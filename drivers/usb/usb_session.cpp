#include "drivers/usb/usb_disk.h"

namespace drivers::usb {
namespace {

using base::Code;
using base::Error;
using base::Reason;
using base::Result;

constexpr Milliseconds kSettle{500};  // for a device that was left in the middle of a command

}  // namespace

Error openError(Fault fault, const std::string& name) {
  switch (fault) {
    case Fault::Gone:
      return {Code::NotFound, "there is no stick " + name};
    case Fault::Busy:
      return {Code::Unavailable, name + " is in use by another program; end that program and try again",
              Reason::MediumBusy};
    case Fault::NotPermitted:
      return {
          Code::Denied,
          name + " may not be opened; add the user that runs this program to the group of its device node",
          Reason::MediumNotPermitted};
    default:
      return {Code::Io, name + " cannot be opened; pull it and insert it again"};
  }
}

Result<std::unique_ptr<Session>> Session::open(UsbPort& port, const Device& device,
                                               const BulkInterface& interface, const std::string& name) {
  Opened opened = port.open(device);
  if (!opened.link) return openError(opened.fault, name);
  std::unique_ptr<Session> session(new Session(std::move(opened.link), interface));
  if (const Fault fault = session->take(); fault != Fault::None) return openError(fault, name);
  auto transport = BotTransport::create(*session->link_, interface, name);
  if (!transport) return std::move(transport).error();
  session->transport_ = *std::move(transport);
  return session;
}

Fault Session::take() {
  if (link_->kernelHas(interface_.number)) {
    if (const Fault fault = link_->detachKernel(interface_.number); fault != Fault::None) return fault;
    detached_ = true;
  }
  if (const Fault fault = link_->claim(interface_.number); fault != Fault::None) return fault;
  claimed_ = true;
  if (interface_.alternate == 0) return Fault::None;
  return link_->setAlternate(interface_.number, interface_.alternate);
}

// A pulled stick refuses each of these, and nothing more can be done for it.
Session::~Session() {
  if (transport_) transport_->settle(base::Deadline::in(kSettle));
  transport_.reset();
  if (claimed_) {
    if (interface_.alternate != 0) link_->setAlternate(interface_.number, 0);
    link_->release(interface_.number);
  }
  // Also where none was bound: the kernel binds its driver by itself, so a process that was killed had put it
  // aside.
  if (detached_ || claimed_) link_->attachKernel(interface_.number);
}

}  // namespace drivers::usb
