// Where secrets are, and where they are not. The keys are computed here from the disk and the database, as
// the server does it, and then looked for in the memory of its two processes.
#include <gtest/gtest.h>

#include <algorithm>

#include "hal/key_file.h"
#include "kms/keys/epochs.h"
#include "kms/keys/key_use.h"
#include "kms/keys/open_keys_impl.h"
#include "kms/keys/slot.h"
#include "kms/keys/slot_choice.h"
#include "kms/store/sqlite_store.h"
#include "tests/support/disks.h"
#include "tests/support/memory_search.h"
#include "tests/support/server.h"

namespace tests {
namespace {

// A round key of AES-256 beyond the key itself: FIPS 197, section 5.2, words 8 to 15.
std::string schedulePart(base::BytesView key) {
  constexpr auto substitute = [](unsigned word) {
    // SubWord by way of the field inverse and the affine map, bit by bit; speed does not matter here.
    unsigned out = 0;
    for (unsigned shift = 0; shift < 32; shift += 8) {
      const unsigned x = (word >> shift) & 255U;
      const auto multiply = [](unsigned a, unsigned b) {
        unsigned product = 0;
        for (; b != 0; b >>= 1U) {
          if ((b & 1U) != 0) product ^= a;
          a = (a << 1U) ^ ((a & 0x80U) != 0 ? 0x11BU : 0U);
        }
        return product;
      };
      unsigned inverse = x;
      for (int i = 0; i < 6; ++i) inverse = multiply(multiply(inverse, inverse), x);
      inverse = multiply(inverse, inverse);
      unsigned mapped = 0x63;
      for (unsigned i = 0; i < 5; ++i) mapped ^= ((inverse << i) | (inverse >> (8 - i))) & 255U;
      out |= mapped << shift;
    }
    return out;
  };
  std::array<unsigned, 16> words{};
  for (std::size_t i = 0; i < 8; ++i) {
    for (std::size_t b = 0; b < 4; ++b)
      words[i] = (words[i] << 8U) | std::to_integer<unsigned>(key[4 * i + b]);
  }
  for (std::size_t i = 8; i < 16; ++i) {
    unsigned mixed = words[i - 1];
    if (i == 8) mixed = substitute((mixed << 8U) | (mixed >> 24U)) ^ 0x01000000U;
    if (i == 12) mixed = substitute(mixed);
    words[i] = words[i - 8] ^ mixed;
  }
  std::string out;
  for (std::size_t i = 8; i < 16; ++i) {
    for (int shift = 24; shift >= 0; shift -= 8)
      out += static_cast<char>(words[i] >> static_cast<unsigned>(shift));
  }
  return out;
}

std::string str(base::BytesView bytes) { return std::string(base::asText(bytes)); }

void addKey(std::vector<Needle>& to, const std::string& name, base::BytesView key) {
  to.push_back({name, str(key)});
  to.push_back({name + " reversed", std::string(to.back().bytes.rbegin(), to.back().bytes.rend())});
  if (key.size() == 32) to.push_back({name + " AES schedule", schedulePart(key)});
}

class Secrets : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root may read another process's memory";
    server_.setUp(Server::Scrypt::Usual);
  }

  // Everything secret of the running server, from its disk and a copy of its database.
  std::vector<Needle> needles() {
    std::vector<Needle> all;
    const std::string text = readKeyText(server_.safe() / "key.img");
    all.push_back({"master key text", text.substr(text.find("pwd=") + 4, hal::kPwdLength)});
    auto file = hal::parseKeyFile(base::asBytes(text));
    EXPECT_TRUE(file);
    addKey(all, "master key", file->key.bytes());

    const Scratch copy;
    for (const char* name : {"kms.db", "kms.db-wal"}) {
      std::filesystem::copy_file(server_.data() / "security" / name, copy / name);
    }
    auto store = kms::openSqliteStore(copy / "kms.db");
    EXPECT_TRUE(store) << store.error().what;
    std::optional<kms::SlotRow> slot;
    std::vector<std::int64_t> epochs;
    EXPECT_TRUE((*store)->read([&](kms::StoreReader& reader) -> base::Result<void> {
      auto slots = reader.slots();
      for (const kms::SlotRow& row : *slots) {
        const auto header = kms::parseSlotHeader(row.header);
        if (header && header->medium == file->identity->medium) slot = row;
      }
      for (std::int64_t id = 1;; ++id) {
        const auto epoch = reader.epoch(id);
        if (!epoch || !*epoch) break;
        epochs.push_back(id);
      }
      return {};
    }));
    EXPECT_TRUE(slot);
    const auto header = kms::parseSlotHeader(slot->header);
    auto root = kms::unwrapRoot(*slot, file->key, nullptr);
    EXPECT_TRUE(root);
    addKey(all, "root key", root->bytes());
    for (const auto use : {kms::KeyUse::RecordSeal, kms::KeyUse::Audit, kms::KeyUse::Backup}) {
      const auto key = kms::deriveKey(root->bytes(), {}, use, header->server);
      addKey(all, std::string(kms::label(use)), key->bytes());
    }
    auto keyring = kms::openKeyring(**store, header->server, root->bytes(), header->rootGeneration);
    EXPECT_TRUE(keyring);
    addKey(all, "token-mac", keyring->back().tokenMac());
    addKey(all, "accessor", keyring->back().accessor());
    addKey(all, "index-mac", keyring->back().indexMac());
    auto chain = kms::Epochs::create(root->bytes(), header->rootGeneration, header->server);
    EXPECT_TRUE((*store)->read([&](kms::StoreReader& r) { return chain->loadUpTo(r, epochs.back()); }));
    for (const std::int64_t id : epochs) {
      addKey(all, "row key " + std::to_string(id), chain->rowKey(id)->bytes());
    }
    return all;
  }

  Server server_;
};

TEST_F(Secrets, NoKeyIsInMemoryAfterSealAndTheSearchFindsThemBefore) {
  server_.insert("key.img");
  server_.start();
  server_.expectState("unsealed", "");
  ASSERT_EQ(server_.ctl({"user", "add", "alice"}).exit, 0);
  const Ran token = server_.ctl({"token", "issue", "--user", "alice"});
  ASSERT_EQ(token.exit, 0);
  ASSERT_EQ(server_.ctl({"token", "verify", "-"}, token.out).exit, 0);
  const std::vector<Needle> all = needles();

  const MemorySearch open = searchMemory(server_.pid(), all);
  EXPECT_TRUE(open.found.contains("root key"));
  EXPECT_TRUE(open.found.contains("row key 2 AES schedule")) << "the epoch of this unsealing";
  EXPECT_TRUE(open.found.contains("token-mac"));
  EXPECT_TRUE(open.found.contains("keydisk/1/audit"));
  EXPECT_FALSE(open.found.contains("master key")) << "it has done its work";
  EXPECT_FALSE(open.found.contains("master key text"));

  ASSERT_EQ(server_.ctl({"seal"}).exit, 0);
  for (const pid_t pid : {server_.pid(), server_.readerPid()}) {
    ASSERT_NE(pid, 0);
    const MemorySearch sealed = searchMemory(pid, all);
    EXPECT_GT(sealed.bytesRead, std::size_t{1} << 20U);
    EXPECT_TRUE(sealed.found.empty()) << ::testing::PrintToString(sealed.found);
  }
}

TEST_F(Secrets, ARefusedKeyLeavesNothingEither) {
  const std::string ours = readKeyText(server_.safe() / "key.img");
  std::filesystem::copy_file(server_.safe() / "key.img", server_.safe() / "other.img");
  // The spare's key under the first disk's identity: it goes through scrypt and does not open.
  const std::string spare = readKeyText(server_.safe() / "spare.img");
  std::string mixed = ours;
  mixed.replace(mixed.find("pwd="), 18, spare.substr(spare.find("pwd="), 18));
  makeDiskette(server_.safe() / "mixed.img", mixed);
  server_.insert("mixed.img");
  server_.start();
  server_.expectState("sealed", "key_mismatch");
  auto file = hal::parseKeyFile(base::asBytes(spare));
  std::vector<Needle> all = {{"text", spare.substr(spare.find("pwd=") + 4, hal::kPwdLength)}};
  addKey(all, "master key", file->key.bytes());
  for (const pid_t pid : {server_.pid(), server_.readerPid()}) {
    const MemorySearch search = searchMemory(pid, all);
    EXPECT_TRUE(search.found.empty()) << ::testing::PrintToString(search.found);
  }
}

TEST_F(Secrets, NothingSecretIsInLogsArgumentsEnvironmentOrDataDirectory) {
  server_.insert("key.img");
  server_.start();
  server_.expectState("unsealed", "");
  for (const Needle& needle : needles()) {
    EXPECT_EQ(server_.log().find(needle.bytes), std::string::npos) << needle.name;
    for (const char* file : {"/cmdline", "/environ"}) {
      for (const pid_t pid : {server_.pid(), server_.readerPid()}) {
        const Ran seen = run({"cat", "/proc/" + std::to_string(pid) + file});
        EXPECT_EQ(seen.out.find(needle.bytes), std::string::npos) << needle.name << file;
      }
    }
    for (const auto& entry : std::filesystem::recursive_directory_iterator(server_.data())) {
      if (!entry.is_regular_file()) continue;
      const Ran content = run({"cat", entry.path().string()});
      EXPECT_EQ(content.out.find(needle.bytes), std::string::npos) << needle.name << " in " << entry.path();
    }
  }
}

TEST_F(Secrets, NeitherProcessCanDumpCore) {
  server_.start();
  for (const pid_t pid : {server_.pid(), server_.readerPid()}) {
    const Ran limits = run({"grep", "Max core file size", "/proc/" + std::to_string(pid) + "/limits"});
    EXPECT_NE(limits.out.find(" 0 "), std::string::npos) << limits.out;
  }
}

}  // namespace
}  // namespace tests
