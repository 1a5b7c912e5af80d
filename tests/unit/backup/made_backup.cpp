#include "tests/unit/backup/made_backup.h"

#include <gtest/gtest.h>

#include <fstream>

namespace tests {

using namespace kms::backup;

void writeFile(const std::filesystem::path& file, base::BytesView content) {
  std::ofstream(file, std::ios::binary) << base::asText(content);
}

base::Bytes readAll(Source& source, std::size_t piece) {
  base::Bytes all;
  base::Bytes buffer(piece);
  for (;;) {
    auto got = source.read(buffer);
    if (!got) {
      ADD_FAILURE() << got.error().what;
      return all;
    }
    all.insert(all.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(*got));
    if (*got < piece) return all;
  }
}

Made makeBackup(const Scratch& scratch, base::BytesView database, base::BytesView audit, unsigned id,
                bool signedToo) {
  writeFile(scratch / "db", database);
  writeFile(scratch / "log", audit);
  std::array<std::byte, 16> raw{};
  raw[15] = static_cast<std::byte>(id);
  Header header;
  header.server = *base::Uuid::fromBytes(std::array<std::byte, 16>{std::byte{9}});
  header.id = *base::Uuid::fromBytes(raw);
  header.made = base::Time(std::chrono::seconds(1'800'000'000));
  header.created = base::Time(std::chrono::seconds(1'700'000'000));
  header.organisation = "Example Ltd";
  header.schema = 4;
  header.slots.push_back({1, pattern(104, 1), pattern(60, 2)});
  const std::atomic<bool> stop = false;
  const Sign sign = [](base::BytesView) -> base::Result<Hash> { return kFakeMac; };
  auto source = Source::create(
      header,
      {{Part::Database, 0, scratch / "db", database.size()}, {Part::Audit, 1, scratch / "log", audit.size()}},
      signedToo ? sign : Sign{}, stop);
  EXPECT_TRUE(source);
  Made made{(*source)->header(), readAll(**source, 1000)};
  EXPECT_EQ(made.bytes.size(), (*source)->size());
  return made;
}

Outcome check(base::BytesView bytes, std::size_t piece) {
  Outcome out;
  Check reader({{}, [&out](const ChunkHead&, base::BytesView data) -> base::Result<void> {
                  out.data.insert(out.data.end(), data.begin(), data.end());
                  return {};
                }});
  for (std::size_t at = 0; at < bytes.size() && out.result; at += piece)
    out.result = reader.feed(bytes.subspan(at, std::min(piece, bytes.size() - at)));
  if (out.result) out.result = reader.finish();
  return out;
}

}  // namespace tests
