// IDX files, the format of MNIST: big-endian magic 00 00 08 rank, one uint32 per axis, then uint8 values, row-major.
// Plain or gzip compressed. A header is never believed: memory grows only with the bytes that the file really holds.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace orbitgrad::experiments {

struct IdxArray {
  std::vector<std::int64_t> shape;   // rank 1 to 4
  std::vector<std::uint8_t> values;  // product of the shape
};

struct IdxOptions {
  std::int64_t max_values = std::int64_t{1} << 30;  // a header that claims more is refused before anything is read
};

enum class IdxCompression { none, gzip };

/// Whether this build reads and writes gzip files: it needs zlib.
bool gzip_available();

/// Reads a file of uint8 values of rank 1 to 4, gzip or not whatever its name. Error: missing or unreadable file, gzip
/// without zlib, wrong magic or type, a size above the cap, a truncated or damaged body, bytes after the last value.
IdxArray read_idx(const std::filesystem::path& path, const IdxOptions& options = {});

/// Writes what read_idx reads. Error: the shape does not fit the values, or the file cannot be written in full.
void write_idx(const std::filesystem::path& path, const IdxArray& array, IdxCompression compression);

}  // namespace orbitgrad::experiments
