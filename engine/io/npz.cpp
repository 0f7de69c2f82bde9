#include "engine/io/npz.hpp"

#include "engine/error.hpp"
#include "engine/io/file.hpp"
#include "engine/io/npy.hpp"
#include "engine/io/zip.hpp"
#include "groups/printable.hpp"

namespace orbitgrad {

namespace {

constexpr std::string_view op = "npz", ending = ".npy";
constexpr std::int64_t most_bytes = std::int64_t{1} << 40;

}  // namespace

void save_npz(const std::filesystem::path& path, const std::map<std::string, Tensor>& arrays,
              const NpzOptions& options) {
  std::vector<io::ZipEntry> entries;
  for (const auto& [name, tensor] : arrays) {
    require(!name.empty(), op, "{}: the name of an array is empty. Give it one.", path.string());
    std::string file = name;
    file += ending;
    entries.push_back({file, npy_bytes(path.string() + ", " + name, tensor)});
  }
  write_file_atomically(path, io::write_zip(op, entries, options.compress, options.force_zip64));
}

std::map<std::string, Tensor> load_npz(const std::filesystem::path& path) {
  const std::string archive = read_file(path, most_bytes);
  std::map<std::string, Tensor> arrays;
  for (const io::ZipEntry& entry : io::read_zip(op, path.string(), archive)) {
    std::string name = entry.name;
    if (name.ends_with(ending)) name.resize(name.size() - ending.size());
    Tensor tensor = parse_npy(path.string() + ", " + printable(name), entry.bytes);
    require(arrays.emplace(name, std::move(tensor)).second, op, "{}: there are two arrays '{}'. Write it again.",
            path.string(), printable(name));
  }
  return arrays;
}

}  // namespace orbitgrad
