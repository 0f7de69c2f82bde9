#include "tests/fuzz/readers.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <stdexcept>

#include "engine/error.hpp"

namespace orbitgrad::fuzz {

const std::vector<Reader>& readers() {
  static const std::vector<Reader> list{{"safetensors", read_safetensors_file},
                                        {"npy", read_npy_file},
                                        {"npz", read_npz_file},
                                        {"npz_made", read_npz_made},
                                        {"idx", read_idx_file},
                                        {"idx_gz", read_idx_file},
                                        {"cifar", read_cifar_file, 12304},
                                        {"graph6", read_graph6_file},
                                        {"csv", read_csv_file},
                                        {"run_folder", read_run_folder},
                                        {"dlpack", read_dlpack_tensor, 256},
                                        {"group", read_group, 128},
                                        {"representation", read_representation, 128},
                                        {"einsum", read_einsum, 128},
                                        {"index", read_index, 256},
                                        {"name_map", read_name_map, 1024},
                                        {"op_settings", read_settings_of_op, 256},
                                        {"names", read_names, 64}};
  return list;
}

void expect(bool condition, std::string_view what) {
  if (!condition) throw std::logic_error(std::string(what));
}

namespace {

/// `[op] what is wrong. What to do.`: a sentence ends inside and another one begins.
bool has_house_form(std::string_view message) {
  if (!message.starts_with('[') || message.find("] ") == message.npos) return false;
  for (std::size_t i = 0; i + 2 < message.size(); ++i)
    if (std::string_view(".?!").find(message[i]) != message.npos && message[i + 1] == ' ' &&
        std::isupper(static_cast<unsigned char>(message[i + 2])) != 0)
      return true;
  return false;
}

}  // namespace

void read_checked(const Reader& reader, std::string_view input) {
  try {
    reader.read(input);
  } catch (const Error& error) {
    const std::string_view message = error.what();
    expect(has_house_form(message), fmt::format("{}: not of the house form: {}", reader.name, message));
  } catch (const std::logic_error&) {
    throw;
  } catch (const std::exception& other) {
    throw std::logic_error(fmt::format("{}: no Error but another exception: {}", reader.name, other.what()));
  }
}

MemoryFile::MemoryFile(std::string_view bytes) : descriptor_(::memfd_create("fuzz", MFD_CLOEXEC)) {
  expect(descriptor_ >= 0 && ::write(descriptor_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()),
         "no file in memory");
}
MemoryFile::~MemoryFile() { ::close(descriptor_); }
std::string MemoryFile::path() const { return fmt::format("/proc/self/fd/{}", descriptor_); }

}  // namespace orbitgrad::fuzz
