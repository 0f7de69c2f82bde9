// What the data set tests share: a temporary folder, expected error text, a thread count for one
// scope, and what they ask of images.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <numeric>
#include <string>
#include <vector>

#include "experiments/datasets/rotation.hpp"
#include "groups/error.hpp"
#include "tests/engine/expect_error.hpp"
#include "tests/thread_count.hpp"

namespace orbitgrad::experiments {

/// A folder of its own for each test, removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "orbitgrad_XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw Error("no temporary folder");
    path_ = pattern;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

struct Brightness {
  double mean = 0, deviation = 0;
};

/// Of all pixels.
inline Brightness brightness(const ImageDataset& dataset) {
  double sum = 0, squares = 0;
  for (const float pixel : dataset.pixels) sum += pixel;
  const double count = static_cast<double>(dataset.pixels.size()), mean = sum / count;
  for (const float pixel : dataset.pixels) squares += (pixel - mean) * (pixel - mean);
  return {mean, std::sqrt(squares / count)};
}

/// Image i turned by the angle of its own index.
inline ImageDataset turned_by_index(const ImageDataset& dataset, std::uint64_t seed) {
  std::vector<std::int64_t> indices(static_cast<std::size_t>(dataset.count));
  std::iota(indices.begin(), indices.end(), std::int64_t{0});
  return rotate_images(dataset, seed, indices);
}

using Bytes = std::vector<std::uint8_t>;

inline void write_bytes(const std::filesystem::path& path, const Bytes& bytes) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

inline Bytes read_bytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// The message of the Error that the call throws; a test failure and "" if it throws none, or one without a remedy.
template <class Call>
std::string error_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_TRUE(testing::has_two_sentences(error.what())) << "no remedy after what is wrong: " << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no Error was thrown";
  return "";
}

inline void expect_contains(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' is not in: " << text;
}

}  // namespace orbitgrad::experiments
