// KeyDirectory: the directory of one holder: the keys and certificates that count, under names that do not
// change, and in old/ what they took the place of, by serial number.
//
//   key.pem cert.pem                         the signing key and its certificate
//   encryption-key.pem encryption-cert.pem   the pair that mail is encrypted to
//   ca.pem                                   the authority's certificate, then its chain, then older ones
//   links.pem                                from the authority to those before it, to be sent along with the
//                                            certificates; not there where there are none
//   signing.p12 encryption.p12               the same for mail programs
//   old/SERIAL-NAME                          what stood under NAME
//   .enrolment                               the user's name, while an enrolment is under way
//   NAME.next                                written, and not yet put in the place of NAME
#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include "hal/base/fd.h"
#include "kms/pki/certificate.h"
#include "kms/pki/key.h"

namespace kmsd::ctl {

// Where the two files of a pair stand.
struct PairNames {
  const char* key;
  const char* certificate;
};
inline constexpr PairNames kSigningPair{"key.pem", "cert.pem"};
inline constexpr PairNames kEncryptionPair{"encryption-key.pem", "encryption-cert.pem"};
inline constexpr const char* kAuthorityFile = "ca.pem";
inline constexpr const char* kLinksFile = "links.pem";
inline constexpr std::size_t kAuthoritiesMost = 16;  // certificates in ca.pem
inline constexpr const char* kSigningBundle = "signing.p12";
inline constexpr const char* kEncryptionBundle = "encryption.p12";

class KeyDirectory {
 public:
  explicit KeyDirectory(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path file(const std::string& name) const { return path_ / name; }
  bool has(const std::string& name) const;

  // Makes the directory, for its owner alone, where there is none. As base::systemError.
  base::Result<void> make() const;
  // Keeps other runs of these commands out as long as this object lives. Errors: Conflict; those of files.
  base::Result<void> lock();

  // The user whose enrolment was begun here and not ended; empty: none.
  base::Result<std::string> enrolling() const;
  base::Result<void> beginEnrolment(const std::string& user) const;
  base::Result<void> endEnrolment() const;
  // Whether an enrolment has left anything here.
  bool inUse() const;
  // Moves all that an enrolment leaves, keys too, to old/.
  base::Result<void> moveAside() const;

  // The private key of the pair; a new one, which is on the disk when this returns, where there is none.
  base::Result<kms::pki::PrivateKey> keyOrNew(const std::string& name, kms::pki::KeyKind kind) const;
  // On the disk, whole or not at all, when this returns. Secrets are for the owner alone.
  base::Result<void> writeSecret(const std::string& name, base::BytesView content) const;
  base::Result<void> writePublic(const std::string& name, base::BytesView content) const;

  // The links, as the last one to write them left them; what is not there or not readable is none.
  std::vector<base::Bytes> links() const;
  base::Result<void> keepLinks(const std::vector<kms::pki::Certificate>& links) const;

  // A copy of what stands under `name` in old/. No error where nothing stands there.
  base::Result<void> keep(const std::string& name, const std::string& serial) const;
  // A pair that never stood here, into old/. What is there under this serial stays.
  base::Result<void> keepOld(PairNames names, const std::string& serial, base::BytesView key,
                             std::string_view certificate) const;
  // Puts the pair in the place of the one that is there, which is kept under `serial` of its own. Ended by
  // finishReplacing() where it was broken off. `key` empty: the key stays.
  base::Result<void> replace(PairNames names, base::BytesView key, std::string_view certificate) const;
  // Ends a replacement of which all that was needed has been written, and drops any other.
  base::Result<void> finishReplacing(PairNames names) const;

 private:
  base::Result<void> rename(const std::string& from, const std::string& to) const;

  const std::filesystem::path path_;
  base::Fd lock_;
};

}  // namespace kmsd::ctl
