// Integers that files have and tensors do not: of one and two bytes, and without a sign. They are read as the smallest
// integer type of tensors that holds all their values.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/dtype.hpp"

namespace orbitgrad::io {

struct StoredInteger {
  std::string_view safetensors, npy;  // its names there, npy's without the byte order
  std::int64_t bytes;
  bool is_signed;
  DType dtype;  // of the tensor
};
inline constexpr StoredInteger stored_integers[] = {{"U8", "u1", 1, false, DType::int32},
                                                    {"I8", "i1", 1, true, DType::int32},
                                                    {"U16", "u2", 2, false, DType::int32},
                                                    {"I16", "i2", 2, true, DType::int32},
                                                    {"U32", "u4", 4, false, DType::int64}};

/// `count` little-endian integers of `type` at `from` as T.
template <class T>
void widen_integers(const StoredInteger& type, const unsigned char* from, std::int64_t count, T* to) {
  const int unused = static_cast<int>(64 - 8 * type.bytes);
  for (std::int64_t i = 0; i < count; ++i) {
    std::uint64_t bits = 0;
    for (std::int64_t byte = 0; byte < type.bytes; ++byte) bits |= std::uint64_t{*from++} << (8 * byte);
    const auto extended = static_cast<std::int64_t>(bits << unused) >> unused;
    to[i] = static_cast<T>(type.is_signed ? extended : static_cast<std::int64_t>(bits));
  }
}

}  // namespace orbitgrad::io
