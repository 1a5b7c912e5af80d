// Certificates for tests, made by the openssl command.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/run.h"
#include "tests/support/scratch.h"

namespace tests {

// An authority, and what it signs; all in one directory, as NAME.pem and NAME.key.
class Certificates {
 public:
  explicit Certificates(const Scratch& scratch) : folder_(scratch / "pki") {
    std::filesystem::create_directory(folder_);
    std::ofstream(folder_ / "index.txt") << "";
    std::ofstream(folder_ / "crlnumber") << "01\n";
    std::ofstream(folder_ / "ca.conf")
        << "[ca]\ndefault_ca=own\n[own]\ndatabase=" << text("index.txt")
        << "\ncrlnumber=" << text("crlnumber") << "\ndefault_md=sha256\ndefault_crl_days=30\n";
    authority("ca");
  }

  std::filesystem::path file(const std::string& name) const { return folder_ / name; }
  std::string text(const std::string& name) const { return file(name).string(); }

  void authority(const std::string& name) {
    openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
             text(name + ".key"), "-out", text(name + ".pem"), "-subj", "/CN=" + name + " authority", "-days",
             "30", "-addext", "basicConstraints=critical,CA:TRUE", "-addext",
             "keyUsage=critical,keyCertSign,cRLSign"});
  }

  // Signed by `by`. `extensions`: lines as in openssl.cnf. `days` below zero: expired.
  void sign(const std::string& name, const std::string& subject, const std::string& extensions, int days = 10,
            const std::string& by = "ca") {
    openssl({"req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
             text(name + ".key"), "-out", text(name + ".csr"), "-subj", subject});
    std::ofstream(file(name + ".ext")) << extensions << "\n";
    openssl({"x509", "-req", "-in", text(name + ".csr"), "-CA", text(by + ".pem"), "-CAkey",
             text(by + ".key"), "-CAcreateserial", "-days", std::to_string(days), "-extfile",
             text(name + ".ext"), "-out", text(name + ".pem")});
    ASSERT_EQ(::chmod(text(name + ".key").c_str(), 0600), 0);
  }
  void server(const std::string& name = "server", int days = 10) {
    sign(name, "/CN=" + name, "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1\nextendedKeyUsage=serverAuth",
         days);
  }
  void client(const std::string& name, int days = 10, const std::string& by = "ca") {
    sign(name, "/CN=" + name, "extendedKeyUsage=clientAuth", days, by);
  }

  void revoke(const std::string& name) {
    openssl({"ca", "-config", text("ca.conf"), "-cert", text("ca.pem"), "-keyfile", text("ca.key"), "-revoke",
             text(name + ".pem")});
  }
  // The authority and its CRL in one file. `until`: YYMMDDHHMMSSZ; empty: 30 days from now.
  void withCrl(const std::string& name, const std::string& until = {}) {
    std::vector<std::string> command = {"ca",           "-config",          text("ca.conf"), "-cert",
                                        text("ca.pem"), "-keyfile",         text("ca.key"),  "-gencrl",
                                        "-out",         text(name + ".crl")};
    if (!until.empty())
      command.insert(command.end(), {"-crl_lastupdate", "200101000000Z", "-crl_nextupdate", until});
    openssl(command);
    std::ofstream(file(name)) << read("ca.pem") << read(name + ".crl");
  }

  std::string read(const std::string& name) const {
    std::ifstream in(file(name));
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
  }

 private:
  static void openssl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "openssl");
    const Ran ran = run(arguments);
    ASSERT_EQ(ran.exit, 0) << arguments[1] << ": " << ran.err;
  }

  std::filesystem::path folder_;
};

}  // namespace tests
