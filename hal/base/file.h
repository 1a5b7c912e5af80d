// Small files, whole: read with a bound, written so that a crash leaves the old one or the new one.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

#include "hal/base/bytes.h"
#include "hal/base/result.h"
#include "hal/base/secret_buffer.h"

namespace base {

// "what: strerror" with the Code that fits: NotFound, Denied (EACCES, EPERM, EROFS), Unavailable (EBUSY,
// EMFILE), Io.
Error systemError(const std::string& what, int error);

// Errors: as systemError; Invalid above `most` bytes.
Result<std::string> readSmallFile(const std::filesystem::path& path, std::size_t most);
// The same for a secret. Reads descriptor 0 where path is "-". A final line end is dropped.
Result<SecretBuffer> readSecretFile(const std::filesystem::path& path, std::size_t most);
// Temporary file beside it, fsync, rename, fsync of the directory.
Result<void> writeFileDurably(const std::filesystem::path& path, BytesView content, mode_t mode);
Result<void> syncDirectory(const std::filesystem::path& path);

}  // namespace base
