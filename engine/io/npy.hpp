// NumPy's npy file format: "\x93NUMPY", a version, the length of a header that is a Python dictionary with descr,
// fortran_order and shape, then the elements.
// Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "engine/tensor.hpp"

namespace orbitgrad {

/// Writes float32, float64, float16, int64, int32 and bool (bfloat16 is not in the format) in row-major order as
/// version 1.0. A tensor on another device is copied. The file is replaced as a whole or not at all. Error: it cannot
/// be written.
void save_npy(const std::filesystem::path& path, const Tensor& x);

/// Reads, into host memory, versions 1 to 3 of these types in either byte order and either order of the axes, and
/// smaller integers (uint8, int8, uint16, int16 as int32, uint32 as int64). Error, naming the file: no npy file, a
/// damaged header, another type, a shape that does not fit the bytes.
Tensor load_npy(const std::filesystem::path& path);

/// The same in memory, for files inside other files; errors name file_name.
std::string npy_bytes(std::string_view file_name, const Tensor& x);
Tensor parse_npy(std::string_view file_name, std::string_view bytes);

}  // namespace orbitgrad
