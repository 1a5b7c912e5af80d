#include "kms/pki/user_envelope.h"

#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "kms/keys/crypto.h"

namespace kms::pki {
namespace {

using base::Result;

template <class T, void (*Free)(T*)>
struct FreeBy {
  void operator()(T* object) const noexcept { Free(object); }
};
struct FreeBio {
  void operator()(BIO* bio) const noexcept { BIO_free_all(bio); }
};
struct FreeMethod {
  void operator()(BIO_METHOD* method) const noexcept { BIO_meth_free(method); }
};
using Cms = std::unique_ptr<CMS_ContentInfo, FreeBy<CMS_ContentInfo, CMS_ContentInfo_free>>;
using X509Ptr = std::unique_ptr<X509, FreeBy<X509, X509_free>>;
using Bio = std::unique_ptr<BIO, FreeBio>;
using Method = std::unique_ptr<BIO_METHOD, FreeMethod>;

constexpr unsigned kFlags = CMS_BINARY | CMS_PARTIAL;

base::Error failed(base::Code code, const char* what) {
  ERR_clear_error();
  return {code, what};
}

const unsigned char* in(base::BytesView bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

X509Ptr readX509(base::BytesView der) {
  const unsigned char* at = in(der);
  X509Ptr out(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  if (out && at != in(der) + der.size()) out.reset();
  return out;
}

Bio reading(base::BytesView bytes) {
  return Bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

// Where the plaintext goes: locked memory that was made before.
struct Sink {
  base::SecretBuffer bytes;
  std::size_t used = 0;
};

int writeToSink(BIO* bio, const char* data, int size) {
  auto* const sink = static_cast<Sink*>(BIO_get_data(bio));
  if (size < 0 || static_cast<std::size_t>(size) > sink->bytes.size() - sink->used) return -1;
  const auto from = base::asBytes({data, static_cast<std::size_t>(size)});
  std::copy(from.begin(), from.end(), sink->bytes.bytes().begin() + static_cast<std::ptrdiff_t>(sink->used));
  sink->used += from.size();
  return size;
}

long controlSink(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

Method sinkMethod() {
  Method method(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "locked memory"));
  if (!method || BIO_meth_set_write(method.get(), writeToSink) != 1 ||
      BIO_meth_set_ctrl(method.get(), controlSink) != 1)
    return {};
  return method;
}

// A key that its certificate has for signatures only is not for this.
bool mayEncrypt(X509* to) {
  const bool rsa = EVP_PKEY_get_base_id(X509_get0_pubkey(to)) == EVP_PKEY_RSA;
  return (X509_get_key_usage(to) & (rsa ? KU_KEY_ENCIPHERMENT : KU_KEY_AGREEMENT)) != 0;
}

// RSA with OAEP, where OpenSSL would take PKCS#1 v1.5.
bool addRecipient(CMS_ContentInfo* cms, X509* to) {
  CMS_RecipientInfo* const info = CMS_add1_recipient_cert(cms, to, kFlags | CMS_KEY_PARAM);
  if (info == nullptr) return false;
  if (EVP_PKEY_get_base_id(X509_get0_pubkey(to)) != EVP_PKEY_RSA) return true;
  EVP_PKEY_CTX* const context = CMS_RecipientInfo_get0_pkey_ctx(info);
  return context != nullptr && EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) > 0 &&
         EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha256()) > 0 &&
         EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_sha256()) > 0;
}

Result<base::Bytes> encoded(CMS_ContentInfo* cms) {
  unsigned char* raw = nullptr;
  const int size = i2d_CMS_ContentInfo(cms, &raw);
  if (size <= 0) return failed(base::Code::Internal, "OpenSSL could not write an envelope");
  const auto bytes = base::asBytes({reinterpret_cast<const char*>(raw), static_cast<std::size_t>(size)});
  base::Bytes out(bytes.begin(), bytes.end());
  OPENSSL_free(raw);
  return out;
}

// One that this program would make: nothing but AES-256-GCM.
bool isOurs(CMS_ContentInfo* cms) {
  if (OBJ_obj2nid(CMS_get0_type(cms)) != NID_id_smime_ct_authEnvelopedData) return false;
  const auto* const infos = CMS_get0_RecipientInfos(cms);
  return infos != nullptr && sk_CMS_RecipientInfo_num(infos) == 1;
}

}  // namespace

Result<base::Bytes> sealFor(base::BytesView recipient, base::BytesView plain) {
  const X509Ptr to = readX509(recipient);
  if (!to) return failed(base::Code::Invalid, "the recipient is no certificate");
  Bio content = reading(plain);
  const Cms cms(CMS_AuthEnvelopedData_create(EVP_aes_256_gcm()));
  if (!cms || !content) return failed(base::Code::Internal, "OpenSSL could not begin an envelope");
  if (!mayEncrypt(to.get()))
    return failed(base::Code::Invalid,
                  "the recipient's certificate is not for encryption; take the one that "
                  "kmsctl user import --recipient gives at the other server");
  if (!addRecipient(cms.get(), to.get()))
    return failed(base::Code::Invalid, "the key of the recipient's certificate cannot encrypt");
  const bool done = CMS_set_detached(cms.get(), 0) == 1 &&  // the content lies in it
                    CMS_final(cms.get(), content.get(), nullptr, CMS_BINARY) == 1;
  wipeStack();
  if (!done) return failed(base::Code::Internal, "OpenSSL could not seal an envelope");
  return encoded(cms.get());
}

Result<base::SecretBuffer> openEnvelope(base::BytesView envelope, base::BytesView recipient,
                                        const PrivateKey& key) {
  const auto refused = [] {
    return failed(base::Code::Invalid, "the envelope is altered, or was sealed for another server");
  };
  if (envelope.empty() || envelope.size() > kPackageMost) return refused();
  const X509Ptr own = readX509(recipient);
  const unsigned char* at = in(envelope);
  const Cms cms(d2i_CMS_ContentInfo(nullptr, &at, static_cast<long>(envelope.size())));
  if (!own || !cms || at != in(envelope) + envelope.size() || !isOurs(cms.get())) return refused();
  auto space = base::SecretBuffer::create(envelope.size());
  if (!space) return std::move(space).error();
  Sink sink{*std::move(space)};
  const Method method = sinkMethod();
  Bio out(method ? BIO_new(method.get()) : nullptr);
  if (!out) return failed(base::Code::Unavailable, "no memory for an envelope");
  BIO_set_data(out.get(), &sink);
  BIO_set_init(out.get(), 1);
  const bool done = CMS_decrypt(cms.get(), key.raw(), own.get(), nullptr, out.get(), CMS_BINARY) == 1;
  wipeStack();
  if (!done) return refused();
  ERR_clear_error();
  sink.bytes.shrink(sink.used);
  return std::move(sink.bytes);
}

}  // namespace kms::pki
