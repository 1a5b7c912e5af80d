#include "daemon/http/tls_use.h"

namespace kmsd::http {

base::Result<std::vector<std::string>> useTls(Server& server, const TlsFiles& files, base::Time now,
                                              const std::vector<base::Bytes>& own,
                                              const kms::pki::ServerCertificate* shown) {
  auto context = TlsContext::load(files, own, shown);
  if (!context) return std::move(context).error();
  const ClientCrls& crls = (*context)->crls();
  const auto before = server.tls();
  std::vector<std::string> faults = crls.faults(now);
  if (before && crls.ranOut(now) && !before->crls().ranOut(now))
    return base::Error{base::Code::Invalid,
                       faults.front() + "; clients would be locked out by it, so put a current one there"};
  server.setTls(*std::move(context));
  for (std::string& fault : faults)
    fault +=
        "; no client certificate of that authority is taken until a current one is there and read, by SIGHUP";
  return faults;
}

}  // namespace kmsd::http
