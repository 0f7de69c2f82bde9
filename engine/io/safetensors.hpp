// The safetensors file format: 8 bytes (little-endian length of the header), a JSON header that gives dtype, shape and
// data_offsets of every tensor, then the data. A file is checked in full before any memory is taken for a tensor.
// Source: https://github.com/huggingface/safetensors#format
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "engine/tensor.hpp"

namespace orbitgrad {

struct SafeTensors {
  std::map<std::string, Tensor> tensors;
  std::map<std::string, std::string> metadata;
};

/// Writes F32, F64, BF16, F16, I64, I32 and BOOL tensors, by falling alignment and then by name, so that equal content
/// gives equal bytes. Tensors on another device are copied. The file is replaced as a whole or not at all. Error: it
/// cannot be written, or a name is not UTF-8.
void save_safetensors(const std::filesystem::path& path, const SafeTensors& content);

/// Reads, into host memory, what save_safetensors or any other writer of these types has written, and smaller integers
/// (U8, I8, U16, I16 as int32, U32 as int64). Error, naming the file and the tensor: a damaged header, a repeated name,
/// an unknown dtype, a shape that is too large or does not fit its bytes, bytes out of range, shared by two tensors or
/// used by none.
SafeTensors load_safetensors(const std::filesystem::path& path);

}  // namespace orbitgrad
