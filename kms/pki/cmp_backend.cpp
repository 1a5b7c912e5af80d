#include "kms/pki/cmp_backend.h"

namespace kms::pki {
namespace {

class ServiceBackend final : public CmpBackend {
 public:
  ServiceBackend(CertificateService& certificates, Authority& authority, UserService& users,
                 std::function<base::Bytes()> crl)
      : certificates_(certificates), authority_(authority), users_(users), crl_(std::move(crl)) {}

  base::Result<SharedSecret> sharedSecret(const std::string& user) override {
    return certificates_.sharedSecret(user);
  }
  void refuse(const std::string& user, std::function<void(std::chrono::seconds)> then) override {
    certificates_.refuse(user, std::move(then));
  }
  std::chrono::seconds holdBack(const std::string& user) override { return certificates_.holdBack(user); }
  void enrol(EnrolOrder order, Reply<IssuedCertificate> reply) override {
    certificates_.enrol(std::move(order), std::move(reply));
  }
  void renew(const Serial& old, CertificateRequest request, Confirm confirm,
             Reply<IssuedCertificate> reply) override {
    certificates_.renew(old, std::move(request), confirm, std::move(reply));
  }
  void confirm(const Serial& serial, base::BytesView certificateHash, bool accepted,
               Reply<void> reply) override {
    certificates_.confirm(serial, certificateHash, accepted, std::move(reply));
  }

  base::Result<CertificateView> authenticate(base::BytesView certificate) override {
    auto view = certificates_.authenticate(certificate, Profile::Signing);
    if (view || view.error().reason != base::Reason::CertificateRefused) return view;
    return certificates_.authenticate(certificate, Profile::Client);
  }

  base::Result<CertificateView> show(const std::string& user, const Serial& serial) override {
    const auto by = actor(user);
    if (!by) return by.error();
    auto view = certificates_.show(*by, serial);
    if (view && view->user != user) return notFound();
    if (!view && view.error().code == base::Code::Denied) return notFound();
    return view;
  }
  base::Result<std::vector<CertificateView>> newest(const std::string& user, std::size_t limit) override {
    const auto by = actor(user);
    if (!by) return by.error();
    auto page = certificates_.list(*by, user, {}, limit);
    if (!page) return std::move(page).error();
    return std::move(page->items);
  }
  void revoke(const std::string& user, const Serial& serial, RevocationReason reason,
              Reply<CertificateView> reply) override {
    const auto by = actor(user);
    if (!by) return reply(by.error());
    certificates_.revoke(*by, serial, reason, std::move(reply));
  }

  base::Result<void> withSigners(const std::function<base::Result<void>(const Signers&)>& use) override {
    const auto hold = authority_.current();
    if (!hold) return hold.error();
    return use(**hold);
  }
  base::Bytes crl() override { return crl_ ? crl_() : base::Bytes{}; }

 private:
  static base::Error notFound() { return {base::Code::NotFound, "no such certificate"}; }

  // The user himself, with no other right: an administrator has none here either.
  base::Result<Actor> actor(const std::string& user) {
    const auto found = users_.show(user);
    if (!found) return found.error();
    return Actor{"user " + user, Role::User, found->id};
  }

  CertificateService& certificates_;
  Authority& authority_;
  UserService& users_;
  std::function<base::Bytes()> crl_;
};

}  // namespace

std::unique_ptr<CmpBackend> makeCmpBackend(CertificateService& certificates, Authority& authority,
                                           UserService& users, std::function<base::Bytes()> crl) {
  return std::make_unique<ServiceBackend>(certificates, authority, users, std::move(crl));
}

}  // namespace kms::pki
