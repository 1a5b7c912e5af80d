// A transparent file on a card: SELECT by path, READ BINARY, UPDATE BINARY. Source: ISO/IEC 7816-4, 11.1.1
// and 11.3.
#pragma once

#include <optional>

#include "drivers/smartcard/exchange.h"
#include "drivers/smartcard/target.h"

namespace drivers::smartcard {

struct SelectedFile {
  std::optional<std::size_t> size;  // bytes, where the card tells
};

// Nothing where there is no such file. Errors: as Exchange.
base::Result<std::optional<SelectedFile>> selectFile(Exchange& card, const FilePath& path);

// From its start up to its end, to `most` bytes or to the first piece with a byte 00 or FF, behind which no
// text goes on. The status word is kSwDone, or why it cannot be read. REQUIRES: the file is selected.
base::Result<Reply> readFile(Exchange& card, const SelectedFile& file, std::size_t most);

// Makes `text`, and zeros to its end (4096 bytes at most; `old` bytes where the card tells no size), the
// file's content. The first piece is zeroed first and written last, so that a torn write leaves no mixture.
// Errors: as Exchange; Denied; Invalid / MediumTooSmall; Io.
base::Result<void> updateFile(Exchange& card, const SelectedFile& file, base::BytesView text,
                              std::size_t old);

}  // namespace drivers::smartcard
