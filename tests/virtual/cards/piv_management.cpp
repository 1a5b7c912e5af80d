#include "tests/virtual/cards/piv_management.h"

#include <openssl/evp.h>

#include <memory>

namespace tests {
namespace {

constexpr std::size_t kBlock = 8;  // bytes
// The key of each new card, public: 01 to 08, three times.
constexpr unsigned char kKey[] = {1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8};

Bytes encrypted(const Bytes& block) {
  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(EVP_CIPHER_CTX_new(),
                                                                                EVP_CIPHER_CTX_free);
  Bytes out(block.size());
  int size = 0;
  EVP_EncryptInit_ex(context.get(), EVP_des_ede3_ecb(), nullptr, kKey, nullptr);
  EVP_CIPHER_CTX_set_padding(context.get(), 0);
  EVP_EncryptUpdate(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size,
                    reinterpret_cast<const unsigned char*>(block.data()), static_cast<int>(block.size()));
  return out;
}

Bytes part(const Bytes& of, std::size_t from) {
  const auto at = of.begin() + static_cast<std::ptrdiff_t>(from);
  return {at, at + kBlock};
}

}  // namespace

void PivManagement::forget() {
  witness_.clear();
  open_ = false;
}

Answer PivManagement::authenticate(const Bytes& data) {
  if (data == bigEndian(0x7C028000, 4)) {
    forget();
    witness_ = bytesOf("witness!");
    return {0x9000, tlv(0x7C, tlv(0x80, encrypted(witness_)))};
  }
  // 7C 14 80 08 and the witness, 81 08 and the challenge.
  if (data.size() < 22 || witness_.empty()) return {0x6A80};
  open_ = part(data, 4) == witness_;
  witness_.clear();
  return open_ ? Answer{0x9000, tlv(0x7C, tlv(0x82, encrypted(part(data, 14))))} : Answer{0x6982};
}

}  // namespace tests
