#include "tests/unit/hal/images.h"

#include <fcntl.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "hal/fat_boot.h"

namespace tests {

const char* const kHandTyped = "[config]\npwd=0123456789ABCD\n";

base::Deadline soon() { return base::Deadline::in(std::chrono::seconds(30)); }

std::string tool(std::vector<std::string> command, const std::string& input) {
  command.insert(command.begin(), {"env", "MTOOLS_SKIP_CHECK=1", "MTOOLSRC=/dev/null"});
  const Ran ran = run(command, input);
  if (ran.exit != 0) throw std::runtime_error(command[3] + ": " + ran.out + ran.err);
  return ran.out;
}

Image::Image(const Scratch& scratch, std::uint64_t size, const std::string& name)
    : path_(scratch / name), folder_(scratch.path()) {
  std::ofstream(path_).flush();
  std::filesystem::resize_file(path_, size);
}

Image& Image::mkfs(std::vector<std::string> options, std::uint64_t offset, std::uint64_t kib) {
  at(offset);
  options.insert(options.begin(), "mkfs.fat");
  if (offset != 0) options.push_back("--offset=" + std::to_string(offset / 512));
  options.push_back(path_);
  if (kib != 0) options.push_back(std::to_string(kib));
  tool(options);
  return *this;
}

Image& Image::put(const std::string& name, const std::string& content) {
  const std::string source = folder_ + "/put";
  std::ofstream(source) << content;
  tool({"mcopy", "-o", "-i", drive(), source, "::" + name});
  return *this;
}

Image& Image::plant(const std::string& content) {
  auto device = open(true);
  std::vector<std::byte> sector(512);
  if (!device->read(offset_, sector, soon())) throw std::runtime_error("plant");
  const auto layout = hal::parseFatBoot(sector, device->size() - offset_);
  if (!layout || layout->type != hal::FatType::Fat32) throw std::runtime_error("plant: no FAT32");
  std::vector<std::byte> entry(32);
  std::memcpy(entry.data(), "KMSPWD  INI ", 12);
  base::storeLe16(std::span(entry).subspan(26), 3);
  base::storeLe32(std::span(entry).subspan(28), static_cast<std::uint32_t>(content.size()));
  std::byte end[4];
  base::storeLe32(end, 0x0FFFFFFF);
  bool done(device->write(offset_ + layout->clusterOffset(2), entry, soon()));
  done = done && device->write(offset_ + layout->clusterOffset(3), base::asBytes(content), soon());
  for (unsigned fat = 0; fat < layout->fats; ++fat)
    done = done && device->write(offset_ + layout->fatOffset + fat * layout->fatSize + 12, end, soon());
  if (!done || !device->flush()) throw std::runtime_error("plant");
  return *this;
}

Image& Image::remove(const std::string& name) {
  tool({"mdel", "-i", drive(), "::" + name});
  return *this;
}

Image& Image::at(std::uint64_t offset) {
  offset_ = offset;
  return *this;
}

base::Bytes Image::bytes() const {
  base::Bytes out(std::filesystem::file_size(path_));
  std::ifstream(path_).read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(out.size()));
  return out;
}

std::unique_ptr<hal::BlockDevice> Image::open(bool writable) const {
  base::Fd fd(::open(path_.c_str(), (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC));
  auto device = hal::makeFileBlockDevice(std::move(fd), path_);
  if (!device) throw std::runtime_error(device.error().what);
  return *std::move(device);
}

std::string Image::read() const { return readText(*open()); }

std::string readText(hal::BlockDevice& device) {
  const auto text = hal::readKeyDisk(device, soon());
  if (!text) return "reason " + std::to_string(int(text.error().reason)) + ": " + text.error().what;
  return std::string(text->text());
}

base::Reason reasonOf(hal::BlockDevice& device) {
  const auto text = hal::readKeyDisk(device, soon());
  return text ? base::Reason::None : text.error().reason;
}

}  // namespace tests
