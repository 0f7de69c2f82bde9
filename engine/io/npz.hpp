// NumPy's npz: a zip file of npy files, `name.npy` for each array, stored or deflated, with the extensions for more
// than 4 GiB (zip64). Source: PKWARE's APPNOTE.TXT, 6.3.10.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "engine/tensor.hpp"

namespace orbitgrad {

struct NpzOptions {
  bool compress = false;     // deflate, as numpy.savez_compressed
  bool force_zip64 = false;  // writes the large form for small files, too
};

/// Replaces the file as a whole or not at all; equal content gives equal bytes. Error: it cannot be written, a name is
/// empty.
void save_npz(const std::filesystem::path& path, const std::map<std::string, Tensor>& arrays,
              const NpzOptions& options = {});

/// All arrays, in host memory. Error, naming the file and the array: no zip file, damaged, encrypted, compressed in
/// another way, an array that load_npy would refuse, a name twice. Memory grows with the bytes there are, never with
/// those a header claims.
std::map<std::string, Tensor> load_npz(const std::filesystem::path& path);

}  // namespace orbitgrad
