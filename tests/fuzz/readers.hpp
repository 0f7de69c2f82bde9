// Everything that reads what a person or another program wrote, each as a function of hostile bytes: fuzzed one by one
// by libFuzzer (fuzzer.cpp) and replayed on the corpus by a test (replay.cpp).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace orbitgrad::fuzz {

struct Reader {
  std::string_view name;  // of its fuzzer, and of its folder in corpus/
  /// Reads the input; Error is a good answer.
  void (*read)(std::string_view input);
  std::size_t longest = 4096;  // bytes of an input that the fuzzer makes
};
const std::vector<Reader>& readers();

/// Reads the input. std::logic_error: the reader threw something that is no Error, an Error whose message is not of the
/// house form, or read something else than it should have.
void read_checked(const Reader& reader, std::string_view input);

/// std::logic_error with that text unless the condition holds.
void expect(bool condition, std::string_view what);

/// Takes single bytes and texts off the front of an input; zeros and nothing once it is used up.
class Input {
 public:
  explicit Input(std::string_view bytes) : rest_(bytes) {}
  unsigned byte() {
    if (rest_.empty()) return 0;
    const auto value = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  /// Up to the mark, which is taken too, or to the end.
  std::string_view until(char mark) {
    const std::string_view text = rest_.substr(0, rest_.find(mark));
    rest_.remove_prefix(std::min(text.size() + 1, rest_.size()));
    return text;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

/// A file that lives in memory while the object does.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view bytes);
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile();
  std::string path() const;

 private:
  int descriptor_;
};

// In file_readers.cpp.
void read_safetensors_file(std::string_view input);
void read_npy_file(std::string_view input);
void read_npz_file(std::string_view input);
void read_npz_made(std::string_view input);
void read_idx_file(std::string_view input);
void read_cifar_file(std::string_view input);
void read_graph6_file(std::string_view input);
void read_csv_file(std::string_view input);
void read_run_folder(std::string_view input);
void read_dlpack_tensor(std::string_view input);
// In expression_readers.cpp.
void read_group(std::string_view input);
void read_representation(std::string_view input);
void read_einsum(std::string_view input);
void read_index(std::string_view input);
void read_name_map(std::string_view input);
void read_settings_of_op(std::string_view input);
void read_names(std::string_view input);

}  // namespace orbitgrad::fuzz
