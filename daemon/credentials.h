// Credentials that systemd hands to the service (LoadCredential=, SetCredentialEncrypted=): files in a
// directory that only this service sees. Source: systemd.exec(5).
#pragma once

#include <filesystem>

namespace kmsd {

// Empty where there are none.
std::filesystem::path credentialsDirectory();
// The file of this name; empty where it was not handed over.
std::filesystem::path credentialFile(const char* name);
bool isCredential(const std::filesystem::path& path);

}  // namespace kmsd
