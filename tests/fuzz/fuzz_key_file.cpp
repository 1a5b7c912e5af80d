// Fuzzes the key file's parser, and its writer with what the parser accepted.
#include "hal/key_file.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const auto file = hal::parseKeyFile(std::as_bytes(std::span(data, size)));
  if (!file) return 0;
  const auto text = hal::formatKeyFile(*file);
  if (!text) return 0;  // unknown lines may need more room once padded
  const auto back = hal::parseKeyFile(text->bytes());
  if (!back || !base::equalConstantTime(back->key.bytes(), file->key.bytes())) __builtin_trap();
  if (back->identity.has_value() != file->identity.has_value()) __builtin_trap();
  if (back->share != file->share) __builtin_trap();
  return 0;
}
