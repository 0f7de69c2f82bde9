#include "experiments/datasets/idx.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>

#include "groups/error.hpp"

#ifdef ORBITGRAD_HAVE_ZLIB
#include <zlib.h>
#endif

namespace orbitgrad::experiments {
namespace {

constexpr std::int64_t piece_bytes = std::int64_t{1} << 20;
constexpr std::uint8_t type_uint8 = 0x08;
constexpr int max_rank = 4;

#ifdef ORBITGRAD_HAVE_ZLIB
/// A gzip stream of zlib, which also reads plain files.
class Stream {
 public:
  Stream(const std::filesystem::path& path, const char* mode)
      : name_(path.string()), file_(gzopen(path.c_str(), mode)) {}
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() {
    if (file_ != nullptr) gzclose(file_);
  }

  bool is_open() const { return file_ != nullptr; }
  bool compressed() const { return gzdirect(file_) == 0; }
  const std::string& name() const { return name_; }

  /// Reads up to `count` bytes, fewer only at the end of the file.
  std::int64_t read(std::uint8_t* target, std::int64_t count) {
    const int got = gzread(file_, target, static_cast<unsigned>(count));
    int code = Z_OK;
    const char* message = gzerror(file_, &code);
    // Z_BUF_ERROR is a gzip stream that ends early: reported by the caller, who knows how much is missing.
    if (got < 0 || (code != Z_OK && code != Z_BUF_ERROR && code != Z_STREAM_END)) {
      fail("read_idx", "{} cannot be read: {}. The file is damaged: fetch or copy it again.", name_,
           code == Z_ERRNO ? std::strerror(errno) : message);
    }
    ended_early_ = ended_early_ || code == Z_BUF_ERROR;
    return got;
  }
  bool ended_early() const { return ended_early_; }

  bool write(const std::uint8_t* source, std::int64_t count) {
    while (count > 0) {
      const std::int64_t piece = std::min(count, piece_bytes);
      if (gzwrite(file_, source, static_cast<unsigned>(piece)) != static_cast<int>(piece)) return false;
      source += piece;
      count -= piece;
    }
    return true;
  }
  bool close() {
    gzFile file = file_;
    file_ = nullptr;
    return gzclose(file) == Z_OK;
  }

 private:
  std::string name_;
  gzFile file_;
  bool ended_early_ = false;
};
#else
/// A plain file; a compressed one is refused.
class Stream {
 public:
  Stream(const std::filesystem::path& path, const char* mode)
      : name_(path.string()), file_(std::fopen(path.c_str(), mode[0] == 'r' ? "rb" : "wb")) {
    if (file_ == nullptr || mode[0] != 'r') return;
    const int first = std::fgetc(file_), second = std::fgetc(file_);
    const bool is_gzip = first == 0x1f && second == 0x8b;
    std::rewind(file_);
    if (is_gzip) std::fclose(std::exchange(file_, nullptr));
    require(!is_gzip, "read_idx", "{} is compressed, and this build has no zlib. Decompress it with gunzip.", name_);
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() {
    if (file_ != nullptr) std::fclose(file_);
  }

  bool is_open() const { return file_ != nullptr; }
  const std::string& name() const { return name_; }
  std::int64_t read(std::uint8_t* target, std::int64_t count) {
    return static_cast<std::int64_t>(std::fread(target, 1, static_cast<std::size_t>(count), file_));
  }
  bool ended_early() const { return false; }
  bool write(const std::uint8_t* source, std::int64_t count) {
    return std::fwrite(source, 1, static_cast<std::size_t>(count), file_) == static_cast<std::size_t>(count);
  }
  bool close() { return std::fclose(std::exchange(file_, nullptr)) == 0; }

 private:
  std::string name_;
  std::FILE* file_;
};
#endif

void read_header_bytes(Stream& stream, std::uint8_t* target, std::int64_t count) {
  const std::int64_t got = stream.read(target, count);
  require(got == count, "read_idx",
          "{} ends inside its header ({} of {} bytes are there). The file is truncated: fetch or copy it again.",
          stream.name(), got, count);
}

std::vector<std::int64_t> read_shape(Stream& stream) {
  std::array<std::uint8_t, 4> magic{};
  read_header_bytes(stream, magic.data(), 4);
  require(magic[0] == 0 && magic[1] == 0, "read_idx",
          "{} is no IDX file: it begins with {:02x} {:02x}, not 00 00. Pass an IDX file, plain or gzip.", stream.name(),
          magic[0], magic[1]);
  require(magic[2] == type_uint8, "read_idx",
          "{} holds values of type 0x{:02x}, only 0x08 (uint8) is read. Convert the file to uint8.", stream.name(),
          magic[2]);
  require(magic[3] >= 1 && magic[3] <= max_rank, "read_idx",
          "{} has rank {}, ranks 1 to 4 are read. Pass an image or a label file.", stream.name(), magic[3]);
  std::vector<std::int64_t> shape(magic[3]);
  for (std::int64_t& extent : shape) {
    std::array<std::uint8_t, 4> bytes{};
    read_header_bytes(stream, bytes.data(), 4);
    extent = std::int64_t{bytes[0]} << 24 | std::int64_t{bytes[1]} << 16 | std::int64_t{bytes[2]} << 8 | bytes[3];
  }
  return shape;
}

/// The product of the shape, or -1 where it is larger than the cap. An axis of size 0 makes it 0.
std::int64_t checked_product(const std::vector<std::int64_t>& shape, std::int64_t cap) {
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  std::int64_t product = 1;
  for (const std::int64_t extent : shape) {
    if (extent > cap / product) return -1;
    product *= extent;
  }
  return product;
}

std::string shape_text(const std::vector<std::int64_t>& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

void write_all(Stream& stream, const std::uint8_t* bytes, std::int64_t count) {
  require(stream.write(bytes, count), "write_idx", "{} cannot be written in full. Free space on the disk.",
          stream.name());
}

}  // namespace

IdxArray read_idx(const std::filesystem::path& path, const IdxOptions& options) {
  std::error_code ignored;
  require(!std::filesystem::is_directory(path, ignored), "read_idx", "{} is a folder. Pass an IDX file.",
          path.string());
  errno = 0;
  Stream stream(path, "rb");
  require(stream.is_open(), "read_idx", "{} cannot be opened: {}. Check the path and its permissions.", path.string(),
          std::strerror(errno));

  IdxArray array{read_shape(stream), {}};
  const std::int64_t claimed = checked_product(array.shape, options.max_values);
  require(claimed >= 0, "read_idx",
          "{} claims shape {}, more than the limit of {} values. The header is damaged; raise the limit if it is not.",
          path.string(), shape_text(array.shape), options.max_values);

  // The vector grows by pieces, so that a false claim costs no more memory than twice the bytes that are there.
  std::int64_t filled = 0;
  while (filled < claimed) {
    const std::int64_t piece = std::min(piece_bytes, claimed - filled);
    array.values.resize(static_cast<std::size_t>(filled + piece));
    const std::int64_t got = stream.read(array.values.data() + filled, piece);
    filled += got;
    require(got == piece, "read_idx",
            "{} ends after {} of the {} values of shape {}. The file is truncated: fetch or copy it again.",
            path.string(), filled, claimed, shape_text(array.shape));
  }
  // Reading on to the end also makes zlib compare the checksum.
  std::uint8_t extra = 0;
  require(stream.read(&extra, 1) == 0, "read_idx",
          "{} holds bytes after the {} values of shape {}. The header is damaged: fetch or copy the file again.",
          path.string(), claimed, shape_text(array.shape));
  require(!stream.ended_early(), "read_idx",
          "{} ends before its gzip checksum. The file is truncated: fetch or copy it again.", path.string());
  return array;
}

bool gzip_available() {
#ifdef ORBITGRAD_HAVE_ZLIB
  return true;
#else
  return false;
#endif
}

void write_idx(const std::filesystem::path& path, const IdxArray& array, IdxCompression compression) {
  require(compression == IdxCompression::none || gzip_available(), "write_idx",
          "{} cannot be compressed: this build has no zlib. Write it plain.", path.string());
  require(!array.shape.empty() && array.shape.size() <= max_rank, "write_idx",
          "rank is {}, ranks 1 to 4 are written. Reshape the array.", array.shape.size());
  for (const std::int64_t extent : array.shape) {
    require(extent >= 0 && extent <= 0xffffffff, "write_idx",
            "shape {} has an axis outside 0 to 2^32 - 1. Use a shape that the format can hold.",
            shape_text(array.shape));
  }
  const std::int64_t count = static_cast<std::int64_t>(array.values.size());
  require(checked_product(array.shape, std::max<std::int64_t>(count, 1)) == count, "write_idx",
          "shape {} does not fit {} values. Make the product of the shape equal to the number of values.",
          shape_text(array.shape), count);

  errno = 0;
  Stream stream(path, compression == IdxCompression::gzip ? "wb" : "wbT");
  require(stream.is_open(), "write_idx", "{} cannot be created: {}. Check the folder and its permissions.",
          path.string(), std::strerror(errno));
  std::vector<std::uint8_t> header{0, 0, type_uint8, static_cast<std::uint8_t>(array.shape.size())};
  for (const std::int64_t extent : array.shape) {
    for (int shift = 24; shift >= 0; shift -= 8) header.push_back(static_cast<std::uint8_t>(extent >> shift));
  }
  write_all(stream, header.data(), static_cast<std::int64_t>(header.size()));
  write_all(stream, array.values.data(), count);
  require(stream.close(), "write_idx", "{} cannot be written in full. Free space on the disk.", path.string());
}

}  // namespace orbitgrad::experiments
