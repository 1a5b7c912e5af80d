// The file of kept OCSP answers, also with a sum that is right: the parser stays inside the input, what it
// takes is written as it was, and nobody gets an answer of it that no signer has signed.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "kms/pki/digest.h"
#include "kms/pki/ocsp_ready.h"

namespace {

constexpr std::size_t kSum = 32;

void look(base::BytesView file) {
  auto kept = kms::pki::parseKept(file);
  if (!kept) return;
  if (!std::ranges::equal(kms::pki::encodeKept(*kept), file)) std::abort();
  for (const auto& one : kept->answers)
    if (one.signer >= kept->signers.size() || kept->find(one.serial, one.hash) != &one) std::abort();
  const auto answers = kept->answers;
  const auto ready = kms::pki::ReadyAnswers::make(*std::move(kept));
  if (!ready) return;
  for (const auto& one : answers) {
    kms::pki::OcspQuestion question;
    question.hash = kms::pki::oidOf(one.hash);
    question.serial = one.serial;
    static_cast<void>((*ready)->answer(question, one.made));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::BytesView input(reinterpret_cast<const std::byte*>(data), size);
  look(input);
  // What ends in no sum is given one, in the place of the last bytes where there are so many.
  const base::BytesView content = input.first(size - std::min(size, kSum));
  base::Bytes whole(content.begin(), content.end());
  const auto sum = kms::pki::sha256(content);
  whole.insert(whole.end(), sum.begin(), sum.end());
  look(whole);
  return 0;
}
