// Tools of others and the driver on one card: they see and read what it wrote, and it reads what they wrote.
#include <gtest/gtest.h>

#include <fstream>

#include "hal/base/bytes.h"
#include "tests/support/run.h"
#include "tests/support/scratch.h"
#include "tests/virtual/pcsc_bench.h"

namespace tests {
namespace {

class ToolsTest : public PcscBench {
 protected:
  ToolsTest() {
    pcscd.start();
    use();
  }
  Typist typist;
};

TEST_F(ToolsTest, OpenScSeesTheReadersAndTheCard) {
  const auto card = std::make_shared<OpenPgpCard>();
  insert(card);
  const Ran readers = run({"opensc-tool", "--list-readers"});
  EXPECT_EQ(readers.exit, 0) << readers.err;
  for (unsigned slot = 0; slot < Pcscd::kSlots; ++slot)
    EXPECT_NE(readers.out.find(Pcscd::reader(slot)), std::string::npos) << readers.out;
  const Ran atr = run({"opensc-tool", "--reader", Pcscd::reader(0), "--atr"});
  EXPECT_EQ(atr.exit, 0) << atr.err;
  std::string wanted;
  for (const std::byte byte : card->atr())
    wanted += (wanted.empty() ? "" : ":") + base::toHex(BytesView(&byte, 1));
  EXPECT_NE(atr.out.find(wanted), std::string::npos) << atr.out << " without " << wanted;
}

TEST_F(ToolsTest, OpenPgpToolReadsWhatWeWrote) {
  insert(std::make_shared<OpenPgpCard>());
  const auto written = write(typist, packedText('A'), hal::Overwrite::Empty);
  ASSERT_TRUE(written) << written.error().what;
  const Ran ran = run({"openpgp-tool", "--reader", Pcscd::reader(0), "--verify", "CHV2", "--pin", "123456",
                       "--do", "3", "--raw"});
  EXPECT_EQ(ran.exit, 0) << ran.err;
  EXPECT_NE(ran.out.find(packedText('A')), std::string::npos) << ran.out << ran.err;
  const Ran open = run({"openpgp-tool", "--reader", Pcscd::reader(0), "--do", "1", "--raw"});
  EXPECT_NE(open.out.find(ownerLines()), std::string::npos) << open.out << open.err;
}

TEST_F(ToolsTest, OpenScReadsTheFileThatWeWrote) {
  use(kFilePinTarget);
  const auto card = std::make_shared<IsoCard>();
  card->pin = VirtualPin{"123456"};
  insert(card);
  const auto written = write(typist, packedText('B'), hal::Overwrite::Empty);
  ASSERT_TRUE(written) << written.error().what;
  const Ran ran = run({"opensc-tool", "--reader", Pcscd::reader(0), "--card-driver", "default", "--send-apdu",
                       "00:A4:08:0C:04:4B:4D:4B:01", "--send-apdu", "00:20:00:81:06:31:32:33:34:35:36",
                       "--send-apdu", "00:B0:00:00:10"});
  EXPECT_EQ(ran.exit, 0) << ran.err;
  EXPECT_NE(ran.out.find("[config]..pwd=BB"), std::string::npos) << ran.out;
}

TEST_F(ToolsTest, WeReadWhatYubicosToolWrote) {
  const auto card = std::make_shared<PivCard>(CardManner{.unasked = true});
  insert(card);
  const Scratch scratch;
  std::ofstream(scratch / "key") << packedText('C');
  const Ran ran = run({"yubico-piv-tool", "--reader", Pcscd::reader(0), "--action", "write-object", "--id",
                       "0x5fc109", "--input", scratch / "key", "--format", "binary"});
  ASSERT_EQ(ran.exit, 0) << ran.err << ran.out;
  const auto got = read(typist);
  ASSERT_TRUE(got) << got.error().what;
  EXPECT_EQ(*got, packedText('C'));
}

}  // namespace
}  // namespace tests
