// Certificates of the other end, and OpenSSL's objects as owned ones. Inside daemon/http only, and only for
// those who include OpenSSL.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "daemon/http/message.h"

struct asn1_string_st;
struct x509_st;
struct bio_st;

namespace kmsd::http {

struct FreeX509 {
  void operator()(x509_st* certificate) const noexcept;
};
using Certificate = std::unique_ptr<x509_st, FreeX509>;

struct FreeBio {
  void operator()(bio_st* bio) const noexcept;
};
using Bio = std::unique_ptr<bio_st, FreeBio>;

// Nothing where its subject has not exactly one common name, which is text without NUL.
std::optional<ClientCertificate> clientCertificate(const x509_st& certificate);

base::Bytes derOf(const x509_st& certificate);

// Nothing where it is no time.
std::optional<base::Time> timeOf(const asn1_string_st& time);

// What OpenSSL last complained about on this thread, for people. Empties its list.
std::string tlsComplaint();

}  // namespace kmsd::http
