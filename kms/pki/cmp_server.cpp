#include "kms/pki/cmp_core.h"
#include "kms/tokens/guarded.h"

namespace kms::pki {
namespace {

constexpr std::size_t kNonceKeySize = 32;
constexpr std::size_t kTransactionMost = 64;  // bytes; RFC 9483 says 16
constexpr std::size_t kNonceLeast = 8;
constexpr std::size_t kNonceMost = 64;

// What is wrong with the header itself; nothing where it is well.
std::optional<CmpRefusal> headerFault(const CmpMessage& in) {
  if (in.version != 2 && in.version != 3)
    return CmpRefusal{CmpFailure::UnsupportedVersion, "CMP is spoken in its versions 2 and 3"};
  if (in.transaction.empty() || in.transaction.size() > kTransactionMost)
    return CmpRefusal{CmpFailure::BadDataFormat, "the transactionID must have 1 to 64 bytes"};
  if (in.senderNonce.size() < kNonceLeast || in.senderNonce.size() > kNonceMost)
    return CmpRefusal{CmpFailure::BadSenderNonce, "the senderNonce must have 8 to 64 bytes"};
  return std::nullopt;
}

void dispatch(const CmpExchangePtr& exchange) {
  switch (exchange->in.type) {
    case CmpBody::Ir:
    case CmpBody::Cr:
    case CmpBody::P10cr:
    case CmpBody::Kur:
      return handleEnrolment(exchange);
    case CmpBody::Rr:
      return handleRevocation(exchange);
    case CmpBody::Genm:
      return handleInformation(exchange);
    case CmpBody::CertConf:
      return handleConfirmation(exchange);
    case CmpBody::Error:
      return answer(exchange, {CmpBody::PkiConf, confirmBody()});
    default:
      return refuse(exchange,
                    {CmpFailure::BadRequest, "this server takes ir, cr, p10cr, kur, rr, genm and certConf"});
  }
}

}  // namespace

base::Result<std::unique_ptr<CmpServer>> CmpServer::create(CmpBackend& backend, const base::Clock& clock,
                                                           base::Rng& rng) {
  auto key = base::SecretBuffer::create(kNonceKeySize);
  if (!key) return std::move(key).error();
  rng.fill(key->bytes());
  return std::unique_ptr<CmpServer>(
      new CmpServer(std::make_unique<CmpCore>(backend, clock, rng, *std::move(key))));
}

CmpServer::CmpServer(std::unique_ptr<CmpCore> core) : core_(std::move(core)) {}
CmpServer::~CmpServer() = default;

bool CmpServer::takesLong(base::BytesView request) {
  const auto message = parseCmpMessage(request);
  if (!message || !isPbm(message->algorithm)) return false;
  const auto pbm = parsePbm(message->algorithm);
  return pbm && pbm->iterations > kFewIterations;
}

void CmpServer::handle(base::BytesView request, Reply<CmpAnswer> reply) {
  const auto exchange = std::make_shared<CmpExchange>(*core_, request, std::move(reply));
  answering(exchange, [&] {
    auto message = parseCmpMessage(exchange->raw);
    if (!message) return std::exchange(exchange->reply, nullptr)(message.error());
    exchange->in = *std::move(message);
    if (const auto fault = headerFault(exchange->in)) return refuse(exchange, *fault);
    verify(exchange, [&] { dispatch(exchange); });
  });
}

}  // namespace kms::pki
