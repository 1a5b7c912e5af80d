#include "daemon/ctl/enrolment.h"

#include "daemon/ctl/certificate_check.h"
#include "daemon/ctl/enrol_trust.h"
#include "daemon/ctl/holder_key.h"
#include "daemon/terminal.h"
#include "hal/base/file.h"
#include "kms/pki/digest.h"
#include "kms/pki/signer.h"
#include "kms/tokens/token_text.h"

namespace kmsd::ctl {
namespace {

using base::Code;
using base::Error;
using base::Result;
using kms::pki::Certificate;

constexpr std::size_t kTokenMost = 64;  // bytes

}  // namespace

Exit Enrolment::run() {
  constexpr Result<void> (Enrolment::*kSteps[])() = {&Enrolment::prepare,        &Enrolment::meetServer,
                                                     &Enrolment::getCertificate, &Enrolment::getPairs,
                                                     &Enrolment::writeBundles,   &Enrolment::report};
  Result<void> done;
  for (const auto step : kSteps) {
    done = (this->*step)();
    if (!done) return refusal_ ? refused(parsed_, *refusal_) : fail(done.error());
  }
  done = directory_.endEnrolment();
  return done ? Exit::Yes : fail(done.error());
}

Result<void> Enrolment::prepare() {
  if (!kms::pki::parseKeyKind(parsed_.text("kind")))
    return Error{Code::Invalid, "--kind names no kind of key"};
  auto access = accessOf(parsed_);
  if (!access) return std::move(access).error();
  access_ = *std::move(access);
  if (auto made = directory_.make(); !made) return made;
  if (auto locked = directory_.lock(); !locked) return locked;
  const auto begun = directory_.enrolling();
  if (!begun) return begun.error();
  const std::string where = directory_.file("").string();
  const bool force = parsed_.has("force");
  goesOn_ = *begun == user_;
  clears_ = !goesOn_ && (!begun->empty() || directory_.inUse());
  if (!begun->empty() && !goesOn_ && !force)
    return Error{Code::Conflict, "an enrolment of " + printable(*begun) + " was begun in " + where +
                                     " and not ended; take another directory, or --force"};
  if (clears_ && !force)
    return Error{Code::Conflict, where +
                                     " holds keys or certificates already; take another directory, or "
                                     "--force, which moves them to its folder old"};
  if (auto read = readToken(); !read) return read;
  if (parsed_.has("no-pkcs12")) return {};
  auto password = choosePassword(parsed_, base::view(token_));
  if (!password) return std::move(password).error();
  password_ = *std::move(password);
  return {};
}

Result<void> Enrolment::readToken() {
  if (parsed_.text("token-file") == "-" && parsed_.text("password-file") == "-")
    return Error{Code::Invalid, "the token and the password cannot both come from standard input"};
  const auto typed = parsed_.has("token-file")
                         ? base::readSecretFile(parsed_.text("token-file"), kTokenMost)
                         : askLine("The one-time token of " + printable(user_) + ":", kTokenMost, false);
  if (!typed) return typed.error();
  auto plain = kms::parseOneTimeToken(typed->text());
  if (!plain) return std::move(plain).error();
  token_ = *std::move(plain);
  return {};
}

Result<void> Enrolment::meetServer() {
  if (!resume()) {
    auto known = knowAuthority(parsed_, access_, user_, base::view(token_));
    if (!known) return std::move(known).error();
    authorities_ = std::move(known->certificates);
    if (clears_)
      if (auto moved = directory_.moveAside(); !moved) return moved;
    if (auto begun = directory_.beginEnrolment(user_); !begun) return begun;
    if (auto kept = keepAuthority({}); !kept) return kept;
    if (known->untrusted) access_.trust.authority = directory_.file(kAuthorityFile);
  }
  auto remote = connectTrusting(access_, directory_.file(kAuthorityFile));
  if (!remote) return std::move(remote).error();
  remote_.emplace(*std::move(remote));
  return {};
}

bool Enrolment::resume() {
  if (!goesOn_ || !directory_.has(kSigningPair.certificate)) return false;
  const auto holder =
      readHolderKey(directory_.file(kSigningPair.certificate), directory_.file(kSigningPair.key));
  auto known = readCertificatesPem(directory_.file(kAuthorityFile));
  if (!holder || !known) return false;
  auto own = kms::pki::parseCertificate(holder->certificate);
  if (!own || !checkIssued(*own, *known, {}, holder->key.publicKey(), kms::pki::Profile::Signing))
    return false;
  certificate_ = *std::move(own);
  authorities_ = *std::move(known);
  return true;
}

Result<void> Enrolment::keepAuthority(const std::vector<Certificate>& chain) {
  for (const Certificate& one : chain)
    if (!contains(authorities_, one)) authorities_.push_back(one);
  return directory_.writePublic(kAuthorityFile, base::asBytes(pemOf(authorities_)));
}

Result<Answer> Enrolment::ask(Remote& remote, const char* path, const Body* body, const Query& query) {
  refusal_.reset();
  auto answer = remote.call("POST", path, body, query);
  if (!answer || answer->good()) return answer;
  refusal_ = *answer;
  return errorOf(*answer);
}

Result<void> Enrolment::getCertificate() {
  const auto kind = kms::pki::parseKeyKind(parsed_.text("kind"));
  auto key = directory_.keyOrNew(kSigningPair.key, *kind);
  if (!key) return std::move(key).error();
  key_.emplace(*std::move(key));
  if (certificate_) {
    auto confirmed = confirm(*certificate_, true);
    // Refused: it was not confirmed in time, and the same key is enrolled again.
    if (confirmed || !refusal_) return confirmed;
    certificate_.reset();
  }
  return enrolAnew();
}

Result<void> Enrolment::enrolAnew() {
  const auto request = kms::pki::requestCertificate(*key_);
  if (!request) return request.error();
  Body body;
  body.text("user", user_).text("token", base::view(token_));
  body.text("csr", kms::pki::pem("CERTIFICATE REQUEST", *request));
  const auto answer = ask(*remote_, "/v1/enrol", &body);
  if (!answer) return answer.error();
  auto issued = readIssued(answer->document);
  if (!issued) return std::move(issued).error();
  if (auto sound = checkSigning(*issued); !sound) {
    static_cast<void>(confirm(issued->certificate, false));
    refusal_.reset();
    return sound;
  }
  if (auto kept = keepAuthority(issued->chain); !kept) return kept;
  if (auto kept = directory_.keepLinks(issued->links); !kept) return kept;
  if (auto kept = directory_.writePublic(kSigningPair.certificate, base::asBytes(issued->text)); !kept)
    return kept;
  certificate_ = std::move(issued->certificate);
  return confirm(*certificate_, true);
}

Result<void> Enrolment::checkSigning(const Issued& issued) const {
  using kms::pki::Profile;
  if (issued.user != user_ || issued.profile != row(Profile::Signing).name)
    return Error{Code::Invalid, "the server sent a certificate of another user or for another purpose"};
  if (!contains(authorities_, issued.chain.front()))
    return Error{Code::Denied,
                 "another authority signed the certificate than the server's, as it was checked"};
  return checkIssued(issued.certificate, authorities_, between(issued), key_->publicKey(), Profile::Signing);
}

Result<void> Enrolment::confirm(const Certificate& certificate, bool accepted) {
  Body body;
  body.text("user", user_).text("token", base::view(token_));
  body.text("serial", base::toHex(certificate.serial));
  body.text("certificate_sha256", base::toHex(kms::pki::sha256(certificate.der))).truth("accepted", accepted);
  const auto answer = ask(*remote_, "/v1/enrol/confirm", &body);
  if (!answer) return answer.error();
  return {};
}

}  // namespace kmsd::ctl
