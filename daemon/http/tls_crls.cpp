#include "daemon/http/tls_crls.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <new>

#include "daemon/http/tls_certificate.h"
#include "hal/base/rfc3339.h"

namespace kmsd::http {
namespace {

std::string textOf(const X509_NAME* name) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (!bio) throw std::bad_alloc();
  X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB));
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : std::string();
}

std::optional<base::Time> untilOf(const X509_CRL* crl) {
  const ASN1_TIME* const next = X509_CRL_get0_nextUpdate(crl);
  return next != nullptr ? timeOf(*next) : std::nullopt;
}

bool longer(const std::optional<base::Time>& one, const std::optional<base::Time>& other) {
  return other && (!one || *one > *other);
}

}  // namespace

std::optional<base::Time> ClientCrls::until() const {
  std::optional<base::Time> first;
  for (const Crl& crl : all)
    if (crl.until && (!first || *crl.until < *first)) first = crl.until;
  return first;
}

std::vector<std::string> ClientCrls::faults(base::Time now) const {
  std::vector<std::string> out;
  for (const Crl& crl : all) {
    std::string what;
    if (!crl.there) {
      what = "there are CRLs, but none of " + crl.authority;
    } else if (crl.until && *crl.until <= now) {
      what = "the CRL of " + crl.authority + " ran out at " + base::formatTime(*crl.until) + " (nextUpdate)";
    } else {
      continue;
    }
    out.push_back(file.string() + ": " + what);
  }
  return out;
}

ClientCrls crlsIn(const stack_st_X509_INFO& infos, const std::filesystem::path& file) {
  ClientCrls out;
  out.file = file;
  std::vector<std::string> authorities;
  for (int i = 0; i < sk_X509_INFO_num(&infos); ++i) {
    const X509_INFO* const info = sk_X509_INFO_value(&infos, i);
    if (info->x509 != nullptr) authorities.push_back(textOf(X509_get_subject_name(info->x509)));
    if (info->crl == nullptr) continue;
    ClientCrls::Crl crl{textOf(X509_CRL_get_issuer(info->crl)), untilOf(info->crl)};
    const auto known = std::ranges::find(out.all, crl.authority, &ClientCrls::Crl::authority);
    if (known == out.all.end()) {
      out.all.push_back(std::move(crl));
    } else if (longer(crl.until, known->until)) {
      *known = std::move(crl);
    }
  }
  if (out.all.empty()) return out;
  for (const std::string& name : authorities)
    if (std::ranges::find(out.all, name, &ClientCrls::Crl::authority) == out.all.end())
      out.all.push_back({name, std::nullopt, false});
  return out;
}

}  // namespace kmsd::http
