// The JSON header of a safetensors file, read strictly and without building a document: a hostile header costs memory
// in proportion to its own bytes. Included by sources of io only.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace orbitgrad::io {

struct TensorEntry {
  std::string dtype;
  std::vector<std::uint64_t> shape;
  std::vector<std::uint64_t> offsets;  // begin and end in the data
};

struct SafetensorsHeader {
  std::map<std::string, TensorEntry> tensors;
  std::map<std::string, std::string> metadata;
};

/// Error, which names `file`: not JSON, not the layout above, a name or key twice, a number that is negative, not whole
/// or above 2^64.
SafetensorsHeader parse_safetensors_header(const std::string& file, std::string_view text);

}  // namespace orbitgrad::io
