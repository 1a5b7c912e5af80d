// bench_fill: fills the database of a server that `kmsd setup` has made with users, tokens and certificates,
// as rows that were issued, put on record and filed some time ago. It goes through the product's own keys,
// rows and store, and leaves out what would take long and stay nowhere: HTTP, and an audit entry for each
// token.
//
// The key file comes on standard input, so that the key stands in no argument. kmsd must not run.
#include <unistd.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <cstdio>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "hal/key_file.h"
#include "kms/pki/certificate_service.h"
#include "kms/store/sqlite_store.h"
#include "kms/tokens/token_row.h"
#include "kms/tokens/token_sequence.h"
#include "kms/tokens/token_service.h"
#include "kms/tokens/token_text.h"
#include "tests/bench/fill_certificates.h"

namespace {

namespace options = boost::program_options;
using base::Result;
using tests::bench::Lines;

constexpr std::uint64_t kBatch = 20'000;  // tokens in a transaction

struct Plan {
  std::string database;
  std::uint64_t users = 10'000;
  std::uint64_t tokens = 1'000'000;
  std::uint64_t apart = 0;
  std::string tokensFile;
  std::string apartFile;
  tests::bench::CertificatePlan certificates;
};

class Fill {
 public:
  Fill(const Plan& plan, kms::Store& store, kms::Vault& vault, kms::pki::Authority& authority)
      : plan_(plan), store_(store), vault_(vault), authority_(authority), random_(std::random_device()()) {
    policy_.tidyBatch = 4096;
  }

  Result<void> run() {
    if (auto added = addUsers(); !added) return added;
    for (std::uint64_t done = 0; done < total(); done += kBatch) {
      const std::uint64_t count = std::min(kBatch, total() - done);
      auto written = store_.writeAndWait([&](kms::Txn& txn) { return addTokens(txn, count); });
      if (!written) return written;
    }
    tests::bench::CertificateFill certificates(plan_.certificates, store_, vault_, authority_);
    if (plan_.certificates.count > 0)
      if (auto made = certificates.run(users_); !made) return made;
    if (auto filed = file(); !filed) return filed;
    if (total() == 0) return {};
    apart_.shuffle(random_);
    if (auto written = tokens_.write(plan_.tokensFile); !written) return written;
    return plan_.apart == 0 ? Result<void>() : apart_.write(plan_.apartFile);
  }

 private:
  std::uint64_t total() const { return plan_.tokens + plan_.apart; }

  Result<void> addUsers() {
    kms::UserService service(vault_, store_, base::systemClock(), policy_);
    const kms::Actor by{"the benchmark", kms::Role::Admin, std::nullopt};
    std::optional<base::Error> failed;
    for (std::uint64_t i = 0; i < plan_.users; ++i) {
      std::string name = std::to_string(i);
      name = "user-" + std::string(name.size() < 5 ? 5 - name.size() : 0, '0') + name;
      service.add(by, name, kms::UserChange(), [&](Result<kms::User> user) {  // one after the other
        if (user) return users_.push_back(user->id);
        failed = std::move(user).error();
      });
    }
    auto done = store_.writeAndWait([](kms::Txn&) -> Result<void> { return {}; });
    if (failed) return *failed;
    return done;
  }

  Result<void> addTokens(kms::Txn& txn, std::uint64_t count) {
    auto keys = vault_.hold();
    if (!keys) return std::move(keys).error();
    for (std::uint64_t i = 0; i < count; ++i)
      if (auto added = addToken(txn, **keys); !added) return added;
    return {};
  }

  Result<void> addToken(kms::Txn& txn, kms::OpenKeys& keys) {
    auto sequence = sequence_.take(txn);
    if (!sequence) return std::move(sequence).error();
    kms::TokenRow row;
    row.sequence = *sequence;
    row.issuer = kms::Role::Admin;
    row.user = users_[random_() % users_.size()];
    row.issued = base::systemClock().now();
    row.ttl = policy_.accessTtlMost;
    row.expires = row.issued + row.ttl;
    row.lifeEnd = row.expires;
    row.scopes = {"mail:read"};
    auto text = kms::makeAccessToken(keys.accessor(row.sequence), base::systemRng());
    if (!text) return std::move(text).error();
    row.mac = keys.tokenMac(base::asBytes(base::view(*text)));
    if (auto written = kms::writeToken(txn, keys, row); !written) return written;
    // Each has the same chance to be set apart, so that both kinds lie all over the table.
    const bool apart = random_() % (total() - made_) < plan_.apart - apartMade_;
    ++made_;
    if (apart) ++apartMade_;
    (apart ? apart_ : tokens_).add(base::view(*text));
    return {};
  }

  // What the daemon's tidier would do in the hours after.
  Result<void> file() {
    kms::TokenService service(vault_, store_, base::systemClock(), base::systemRng(), policy_);
    kms::pki::CertificateService certificates(vault_, store_, authority_, service, base::systemClock(),
                                              base::systemRng(), policy_, pki_, {}, "Bench");
    for (bool more = true; more;) {
      auto tokens = service.tidy();
      if (!tokens) return std::move(tokens).error();
      auto settled = certificates.tidy();
      if (!settled) return std::move(settled).error();
      more = *tokens || *settled;
    }
    return {};
  }

  const Plan& plan_;
  kms::Store& store_;
  kms::Vault& vault_;
  kms::pki::Authority& authority_;
  kms::Policy policy_;
  kms::pki::PkiPolicy pki_;
  kms::TokenSequence sequence_;
  std::mt19937_64 random_;
  std::vector<std::int64_t> users_;
  Lines tokens_;
  Lines apart_;
  std::uint64_t made_ = 0;
  std::uint64_t apartMade_ = 0;
};

Result<hal::KeyFile> readKeyFile() {
  base::Bytes text(hal::kMaxKeyFile);
  std::size_t size = 0;
  for (ssize_t got = 1; got > 0 && size < text.size();
       size += static_cast<std::size_t>(std::max<ssize_t>(got, 0)))
    got = ::read(STDIN_FILENO, text.data() + size, text.size() - size);
  return hal::parseKeyFile(std::span(text).first(size));
}

Result<void> fill(const Plan& plan) {
  auto file = readKeyFile();
  if (!file) return std::move(file).error();
  if (!file->identity) return base::Error{base::Code::Invalid, "the key file names no server"};
  const base::Uuid server = file->identity->server;
  auto store = kms::openSqliteStore(plan.database, {.cacheBytes = 256U << 20U});
  if (!store) return std::move(store).error();
  kms::Vault vault(**store, server, base::systemRng());
  const auto authority = std::make_shared<kms::pki::Authority>();
  vault.attach(authority);
  auto opened =
      vault.unseal({std::move(file->key), kms::MediumRef{server, file->identity->medium}, {}, "stdin"});
  if (!opened) return std::move(opened).error();
  return Fill(plan, **store, vault, *authority).run();
}

}  // namespace

int main(int argc, char** argv) try {
  Plan plan;
  options::options_description all(
      "bench_fill --database D/security/kms.db --tokens-file FILE [OPTION]... <KMSPWD.INI");
  auto add = all.add_options();
  add("help", "this text");
  add("database", options::value(&plan.database)->required(), "of a server that does not run");
  add("users", options::value(&plan.users)->default_value(10'000), "to be added");
  add("tokens", options::value(&plan.tokens)->default_value(1'000'000), "to be issued to them");
  add("tokens-file", options::value(&plan.tokensFile), "new file for their texts, one a line");
  add("apart", options::value(&plan.apart)->default_value(0),
      "further tokens, all over the table, to be revoked");
  add("apart-file", options::value(&plan.apartFile), "new file for theirs, in no order");
  add("certificates", options::value(&plan.certificates.count)->default_value(0), "to be issued to them");
  add("revoked", options::bool_switch(&plan.certificates.revoked), "these certificates are revoked");
  add("certificates-file", options::value(&plan.certificates.file), "new file for their serial numbers");
  add("certificates-apart", options::value(&plan.certificates.apart)->default_value(0),
      "further certificates, all over the table, that are not revoked");
  add("certificates-apart-file", options::value(&plan.certificates.apartFile),
      "new file for theirs, in no order");
  options::variables_map given;
  options::store(options::parse_command_line(argc, argv, all), given);
  if (given.count("help") != 0) return std::cout << all, 0;
  options::notify(given);
  auto filled = fill(plan);
  if (filled) return 0;
  std::fprintf(stderr, "bench_fill: %s\n", filled.error().what.c_str());
  return 1;
} catch (const std::exception& thrown) {
  std::fprintf(stderr, "bench_fill: %s\n", thrown.what());
  return 2;
}
