// Zip archives in memory: entries that are stored or deflated, with the zip64 extensions, checked by their CRC-32.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace orbitgrad::io {

struct ZipEntry {
  std::string name, bytes;
};

/// All entries of an archive in the order of its directory. Errors of `op` name the file and the entry.
std::vector<ZipEntry> read_zip(std::string_view op, std::string_view file_name, std::string_view archive);

/// An archive of these entries, with a fixed date.
std::string write_zip(std::string_view op, const std::vector<ZipEntry>& entries, bool compress, bool force_zip64);

}  // namespace orbitgrad::io
