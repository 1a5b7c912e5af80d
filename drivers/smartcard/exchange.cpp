#include "drivers/smartcard/exchange.h"

#include <algorithm>

#include "drivers/smartcard/atr.h"

namespace drivers::smartcard {
namespace {

using base::Code;
using base::Error;
using base::Result;

constexpr std::uint8_t kGetResponse = 0xC0;

Error broken(const std::string& what) {
  return {Code::Corrupt, "the card answers against the rules (" + what + "); take another card"};
}

std::size_t lengthIn(std::uint16_t sw) noexcept {
  const std::size_t length = sw & 0xFFU;
  return length == 0 ? kShortReply : length;
}

}  // namespace

Result<Exchange> Exchange::create(ApduLink& link, base::Deadline by) {
  auto in = base::SecretBuffer::create(kLongReply + 2);
  if (!in) return std::move(in).error();
  Exchange made(link, by, *std::move(in));
  made.extended_ = cardCapabilities(historicalBytes(link.atr())).extended;
  return made;
}

Result<ReplyView> Exchange::send(const Command& command) {
  if (by_.expired()) return Error{Code::Timeout, "the card took too long; insert it again"};
  if (++apdus_ > kMostApdus) return broken("no end");
  auto apdu = encode(command, {link_->t0(), extended_});
  if (!apdu) return std::move(apdu).error();
  const auto size = link_->transmit(apdu->bytes(), in_.bytes());
  if (!size) return size.error();
  const auto reply = parseReply(std::as_const(in_).bytes().first(std::min(*size, in_.size())));
  if (!reply) return broken("no status word");
  return *reply;
}

Result<std::uint16_t> Exchange::once(const Command& command) {
  const auto reply = send(command);
  if (!reply) return reply.error();
  return reply->sw;
}

// The answer to the last part of a command: all of it that 61xx tells of.
Result<Reply> Exchange::collect(const Command& command) {
  base::SecretBuffer all;  // of an answer in several parts
  std::size_t size = 0;
  Command next = command;
  bool corrected = false;
  for (unsigned part = 0; part < kMostParts; ++part) {
    const auto reply = send(next);
    if (!reply) return reply.error();
    if (reply->sw >> 8U == 0x6C && !corrected) {
      corrected = true;
      next.expect = lengthIn(reply->sw);
      continue;
    }
    if (reply->sw >> 8U == 0x6C) return broken("it asks for another length twice");
    const bool last = reply->sw >> 8U != 0x61;
    if (last && all.empty()) {
      auto whole = base::SecretBuffer::copyOf(reply->data);
      if (!whole) return std::move(whole).error();
      return Reply{*std::move(whole), reply->sw};
    }
    if (all.empty()) {
      auto room = base::SecretBuffer::create(kMostReply);
      if (!room) return std::move(room).error();
      all = *std::move(room);
    }
    if (reply->data.size() > kMostReply - size) return broken("more than 64 KiB");
    std::ranges::copy(reply->data, all.bytes().subspan(size).begin());
    size += reply->data.size();
    if (last) {
      all.shrink(size);
      return Reply{std::move(all), reply->sw};
    }
    next = {static_cast<std::uint8_t>(command.cla & ~unsigned{kChainBit}),
            kGetResponse,
            0,
            0,
            {},
            lengthIn(reply->sw)};
    corrected = false;
  }
  return broken("an answer without end");
}

Result<Reply> Exchange::run(const Command& command) {
  const bool isLong = command.data.size() > kShortData;
  if (!isLong || (extended_ && !link_->t0())) return collect(command);
  auto parts = chain(command);
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    const auto reply = send(parts[i]);
    if (!reply) return reply.error();
    if (reply->sw != kSwDone) return Reply{{}, reply->sw};
  }
  return collect(parts.back());
}

}  // namespace drivers::smartcard
