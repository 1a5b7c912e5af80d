// The files that carry users to another server, and receipts back; and thumbprints that people compare.
//
// file     := "keydisk users: " COUNT "\n" block{COUNT}        blocks: PEM, KEYDISK USER (kms/FORMATS.md)
// receipts := "keydisk receipts: " COUNT "\n" block{COUNT}     blocks: PEM, KEYDISK RECEIPT
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "daemon/cli.h"
#include "daemon/new_file.h"

namespace kmsd::ctl {

inline constexpr std::size_t kMoveBlocksMost = 10'000;                 // of one file
inline constexpr std::size_t kMoveFileMost = std::size_t{256} << 20U;  // bytes
inline constexpr std::size_t kMoveBytesMost = kMoveFileMost / 3 * 2;   // of the blocks, before they are text

enum class MoveFile { Users, Receipts };

// Errors: Invalid (no such file; cut or altered); as base::readSmallFile.
base::Result<std::vector<base::Bytes>> readMoveFile(const std::string& path, MoveFile kind);
// Room for a file that is not there yet, before the server is asked for anything. Errors: Conflict; as
// NewFile::create.
base::Result<NewFile> beginMoveFile(const std::string& path);
// Errors: as NewFile.
base::Result<void> writeMoveFile(NewFile& file, MoveFile kind, const std::vector<base::Bytes>& blocks);

// `what` has this thumbprint: compared with --thumbprint, else asked about at the terminal. `where`: the
// command that shows it at the other server. Errors: Invalid (another one; nobody can be asked); Denied.
base::Result<void> confirmThumbprint(const Parsed& parsed, const std::string& what,
                                     const std::string& thumbprint, const std::string& where);

std::string counted(std::uint64_t count, std::string_view what);  // "1 key", "2 keys"

}  // namespace kmsd::ctl
