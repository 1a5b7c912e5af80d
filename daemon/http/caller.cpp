#include "daemon/http/caller.h"

#include <algorithm>

#include "daemon/http/oauth_form.h"
#include "daemon/http/proof.h"
#include "daemon/pki_services.h"

namespace kmsd::http {
namespace {

using base::Code;
using base::Error;
using base::Reason;
using kms::Actor;
using kms::Role;

Error unauthenticated(std::string what) { return {Code::Denied, std::move(what), Reason::Unauthenticated}; }

Actor nobody() { return {"anonymous", Role::None, std::nullopt}; }

bool isHostAdmin(const Api& api, const Peer& peer) {
  if (peer.uid == 0 || peer.uid == api.daemonUid) return true;
  return api.adminGroup &&
         std::find(peer.groups.begin(), peer.groups.end(), *api.adminGroup) != peer.groups.end();
}

Actor peerActor(const Api& api, const Peer& peer, bool open) {
  const bool admin = isHostAdmin(api, peer);
  if (!admin && open) {
    if (auto user = api.users->actorForUid(peer.uid)) return *std::move(user);
  }
  Actor actor{"uid " + std::to_string(peer.uid), admin ? Role::Admin : Role::None, std::nullopt};
  if (admin) actor.uid = peer.uid == api.daemonUid ? 0 : peer.uid;
  return actor;
}

// `most`: no more than that.
base::Result<Actor> userActor(const Api& api, const std::string& name, Role most) {
  auto user = api.users->show(name);
  if (user) return Actor{"user " + user->name, std::min(user->role, most), user->id};
  if (user.error().code != Code::NotFound) return std::move(user).error();
  return unauthenticated("the client certificate names nobody who is a user of this server");
}

// Whoever had it made in a user's name gets no more by it than his own rights, wherever the user rises to.
base::Result<Actor> ownActor(const Api& api, base::BytesView certificate) {
  auto counts = api.pki->desk().authenticate(certificate);
  if (counts) return userActor(api, counts->user, counts->grant);
  if (counts.error().reason != Reason::CertificateRefused) return std::move(counts).error();
  return unauthenticated("the client certificate does not count, or no longer");
}

// TLS has checked the certificate at the handshake; a connection may outlive it.
base::Result<Actor> certificateActor(const Api& api, const ClientCertificate& certificate) {
  if (certificate.notAfter <= api.clock.now()) {
    return unauthenticated("the client certificate has expired; connect with a new one");
  }
  return certificate.own ? ownActor(api, certificate.der)
                         : userActor(api, certificate.commonName, Role::Admin);
}

base::Result<Actor> proofActor(const Api& api, const Request& request) {
  const auto certificate = provenCertificate(request, api.clock.now());
  return certificate ? ownActor(api, *certificate) : certificate.error();
}

base::Result<Actor> basicActor(const Api& api, std::string_view credentials) {
  const auto basic = parseBasic(credentials);
  if (!basic) return basic.error();
  auto actor = api.tokens->authenticate(base::view(basic->token));
  if (actor && actor->name != "user " + basic->user) {
    return unauthenticated("the token behind Basic is not this user's");
  }
  return actor;
}

// What stands behind the scheme's name.
std::string_view credentialsOf(std::string_view authorization, std::size_t scheme) {
  authorization.remove_prefix(scheme);
  return authorization.substr(std::min(authorization.find_first_not_of(' '), authorization.size()));
}

}  // namespace

bool startsWithoutCase(std::string_view text, std::string_view start) noexcept {
  return text.size() >= start.size() &&
         std::equal(start.begin(), start.end(), text.begin(),
                    [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? b - 'A' + 'a' : b); });
}

bool isOfType(const Request& request, std::string_view wanted) noexcept {
  std::string_view given = request.contentType;
  if (!startsWithoutCase(given, wanted)) return false;
  given.remove_prefix(wanted.size());
  return given.empty() || given.front() == ';' || given.front() == ' ';
}

bool showsCredentials(const Request& request) noexcept {
  return !request.authorization.empty() || request.certificate.has_value();
}

base::Result<Actor> callerOf(const Api& api, const Request& request, bool open, bool basic) {
  constexpr std::string_view kBearer = "bearer ";
  constexpr std::string_view kBasic = "basic ";
  const std::string_view given = base::view(request.authorization);
  if (given.empty()) {
    if (request.transport == Transport::Unix && request.peer) return peerActor(api, *request.peer, open);
    if (request.transport == Transport::Https && request.certificate && open)
      return certificateActor(api, *request.certificate);
    return nobody();
  }
  if (!open) return nobody();
  if (showsProof(request)) return proofActor(api, request);
  if (startsWithoutCase(given, kBearer))
    return api.tokens->authenticate(credentialsOf(given, kBearer.size()));
  if (basic && startsWithoutCase(given, kBasic)) return basicActor(api, credentialsOf(given, kBasic.size()));
  if (startsWithoutCase(kBearer, given)) return unauthenticated("the token behind Bearer is missing");
  return unauthenticated(basic ? "the authorizations served here are Bearer and Basic"
                               : "the one authorization served is Bearer");
}

}  // namespace kmsd::http
