#include "kms/pki/server_certificate.h"

#include "kms/pki/certificate_row.h"
#include "kms/pki/digest.h"
#include "kms/pki/grant.h"
#include "kms/pki/own_certificate.h"

namespace kms::pki {
namespace {

constexpr std::size_t kCommonNameMost = 64;    // characters (RFC 5280, appendix A.1)
constexpr KeyKind kKind = KeyKind::EcdsaP256;  // what every TLS client knows
constexpr OwnUse kUse = {
    ServerCertificate::kNumber, Profile::Server, "the certificate that https shows is missing",
    "the certificate that https shows and its key are no pair", "for this server's own https"};

// Clients look at the alternative names; the common name is for people.
Subject subjectOf(const std::vector<std::string>& names, const std::string& organisation) {
  Subject subject;
  subject.organisation = organisation;
  subject.commonName = "keydisk server";
  for (const std::string& name : names)
    (addressBytes(name) ? subject.addresses : subject.dns).push_back(name);
  const auto& shown = subject.dns.empty() ? subject.addresses : subject.dns;
  if (!shown.empty() && shown.front().size() <= kCommonNameMost) subject.commonName = shown.front();
  return subject;
}

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

// A number that tells other names from these, well enough to see that a new certificate is wanted.
std::int64_t markOf(const std::vector<std::string>& names) {
  std::uint64_t mark = 0;
  const auto hash = sha256(base::asBytes(joined(names)));
  for (std::size_t i = 0; i < sizeof mark; ++i) mark = mark << 8U | std::to_integer<std::uint64_t>(hash[i]);
  return static_cast<std::int64_t>(mark >> 1U);
}

}  // namespace

ServerCertificate::ServerCertificate(Vault& vault, Store& store, Authority& authority,
                                     const base::Clock& clock, base::Rng& rng, const Policy& policy,
                                     Addresses addresses, std::string organisation)
    : vault_(vault),
      store_(store),
      authority_(authority),
      rng_(rng),
      addresses_(std::move(addresses)),
      organisation_(std::move(organisation)),
      real_(clock),
      clock_(clock, policy) {}

ServerCertificate::~ServerCertificate() { closing(); }

base::Result<void> ServerCertificate::opened(StoreReader& reader, OpenKeys& keys) {
  return guarded([&]() -> base::Result<void> {
    auto row = readOwn(reader, keys, kUse);
    if (!row) return std::move(row).error();
    if (!*row) return {};
    auto names = reader.number(kNames);
    if (!names) return std::move(names).error();
    auto own = readPair(reader, keys, kUse, **row);
    if (!own) return std::move(own).error();
    auto signers = authority_.number((*row)->authority);
    if (!signers && signers.error().code != base::Code::NotFound) return std::move(signers).error();
    auto identity = std::make_shared<const ServerIdentity>(
        ServerIdentity{*std::move(own), (*row)->authority, names->value_or(0),
                       signers ? alongWith(**signers, real_.now()) : std::vector<base::Bytes>()});
    const std::lock_guard lock(mutex_);
    until_ = identity->own.certificate.notAfter;
    identity_ = std::move(identity);
    return {};
  });
}

void ServerCertificate::closing() noexcept {
  std::unique_lock lock(mutex_);
  identity_.reset();
  released_.wait(lock, [&] { return holds_ == 0; });
}

ServerCertificate::Hold::Hold(Hold&& other) noexcept
    : home_(std::exchange(other.home_, nullptr)), identity_(std::move(other.identity_)) {}

ServerCertificate::Hold::~Hold() {
  if (home_ == nullptr) return;
  identity_.reset();  // the key first, where nobody else has it any more
  const std::lock_guard lock(home_->mutex_);
  if (--home_->holds_ == 0) home_->released_.notify_all();
}

std::optional<ServerCertificate::Hold> ServerCertificate::hold() const {
  const std::lock_guard lock(mutex_);
  if (!identity_) return std::nullopt;
  ++holds_;
  return Hold(*this, identity_);
}

std::optional<base::Time> ServerCertificate::until() const {
  const std::lock_guard lock(mutex_);
  return until_;
}

base::Result<bool> ServerCertificate::keep(const std::vector<std::string>& names) {
  return guarded([&]() -> base::Result<bool> {
    const std::lock_guard lock(keeping_);
    auto now = clock_.now(store_);
    if (!now) return std::move(now).error();
    auto wanted = due(names, *now);
    if (!wanted || !*wanted) return wanted;
    if (auto made = make(names); !made) return std::move(made).error();
    return true;
  });
}

base::Result<bool> ServerCertificate::due(const std::vector<std::string>& names, base::Time now) {
  auto current = authority_.current();
  if (!current && current.error().reason == base::Reason::NoAuthority) return false;
  if (!current) return std::move(current).error();
  const base::Time last = (*current)->authority.certificate.notAfter;
  if (now >= last) return false;  // nothing that it signs now would count
  const auto has = hold();
  if (has && (*has)->authority == (*current)->number && (*has)->chain != alongWith(**current, real_.now()))
    if (auto again = readAgain(); !again) return std::move(again).error();
  if (!has || (*has)->authority != (*current)->number || (*has)->names != markOf(names)) return true;
  const Certificate& own = (*has)->own.certificate;
  if (own.notAfter < last && now > own.notAfter - (own.notAfter - own.notBefore) / 3) return true;
  bool revoked = false;
  auto keys = vault_.hold();
  if (!keys) return std::move(keys).error();
  auto looked = store_.read([&](StoreReader& reader) -> base::Result<void> {
    auto row = findCertificate(reader, **keys, own.ourSerial().value_or(Serial()));
    if (!row) return std::move(row).error();
    revoked = !*row || (*row)->state == CertificateState::Revoked || (*row)->state == CertificateState::Held;
    return {};
  });
  if (!looked) return std::move(looked).error();
  return revoked;
}

base::Result<void> ServerCertificate::make(const std::vector<std::string>& names) {
  const Subject subject = subjectOf(names, organisation_);
  if (auto good = checkSubject(subject); !good) return good;
  auto key = PrivateKey::generate(kKind);
  if (!key) return std::move(key).error();
  const auto put = [&](Txn& txn, OpenKeys& keys, base::Time now) -> base::Result<void> {
    auto signers = authority_.current();
    if (!signers) return std::move(signers).error();
    const OwnOrder order{**signers, *key, subject, addresses_, pki::row(Profile::Server).life};
    if (auto made = replaceOwn(txn, keys, kUse, order, now, rng_); !made) return made;
    return txn.setNumber(kNames, markOf(names));
  };
  auto done = grantAndWait(vault_, store_, clock_, put);
  return done ? readAgain() : std::move(done);
}

base::Result<void> ServerCertificate::readAgain() {
  auto keys = vault_.hold();
  if (!keys) return std::move(keys).error();
  return store_.read([&](StoreReader& reader) { return opened(reader, **keys); });
}

}  // namespace kms::pki
