// npz: what is written is read back, NumPy's own files are read, and no damaged archive is believed.
#include "engine/io/npz.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include "engine/io/deflate.hpp"
#include "engine/io/file.hpp"
#include "engine/io/zip.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/transfer.hpp"
#include "engine/random.hpp"
#include "tests/engine/expect_error.hpp"
#include "tests/places.hpp"

namespace orbitgrad {
namespace {

class Npz : public ::testing::Test {
 protected:
  ~Npz() override { std::filesystem::remove(path_); }
  std::filesystem::path path_ = std::filesystem::temp_directory_path() / fmt::format("orbitgrad_{}.npz", ::getpid());
};

const std::vector<bool> compressions =
    io::deflate_available() ? std::vector<bool>{false, true} : std::vector<bool>{false};

std::string bytes_of_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return bytes;
}

TEST_F(Npz, EveryFormComesBack) {
  const std::map<std::string, Tensor> arrays = {{"weights/0", normal({40, 50}, RandomKey{1})},
                                                {"empty", zeros({0, 3}, DType::float64)},
                                                {"scalar", full({}, 7, DType::int64)},
                                                {"mask", full({70}, 1, DType::boolean)}};
  for (const bool compress : compressions)
    for (const bool large : {false, true}) {
      save_npz(path_, arrays, {.compress = compress, .force_zip64 = large});
      const auto back = load_npz(path_);
      ASSERT_EQ(back.size(), arrays.size());
      for (const auto& [name, x] : arrays) {
        EXPECT_EQ(back.at(name).shape(), x.shape());
        EXPECT_EQ(back.at(name).dtype(), x.dtype());
        EXPECT_EQ(back.at(name).to(DType::float64).to_vector<double>(), x.to(DType::float64).to_vector<double>());
      }
    }
  save_npz(path_, {});
  EXPECT_TRUE(load_npz(path_).empty());
}

TEST_F(Npz, ReadsWhatNumPyWrote) {
  for (const bool compress : compressions) {
    const std::string name = compress ? "numpy_deflated.npz" : "numpy_stored.npz";
    const auto arrays = load_npz(source_folder() + "/tests/engine/golden/" + name);
    EXPECT_EQ(arrays.at("a").to_vector<float>(), (std::vector<float>{0, 1, 2, 3, 4, 5}));
    EXPECT_EQ(arrays.at("a").shape(), Shape({2, 3}));
    EXPECT_EQ(arrays.at("b").to_vector<std::int64_t>(), (std::vector<std::int64_t>{-1, 1099511627776}));
  }
}

TEST_F(Npz, EveryCutAndEveryFlippedByteIsAnErrorOrHarmless) {
  for (const bool compress : compressions) {
    save_npz(path_, {{"x", ones({3})}, {"y", zeros({2}, DType::int64)}},
             {.compress = compress, .force_zip64 = compress});
    const std::string good = read_file(path_);
    const auto survives = [&](const std::string& bytes) {
      try {
        for (const auto& entry : io::read_zip("npz", "file", bytes)) static_cast<void>(entry);
        return true;
      } catch (const Error& error) {
        EXPECT_TRUE(std::string_view(error.what()).starts_with("[npz] file: ")) << error.what();
        return false;
      }
    };
    EXPECT_TRUE(survives(good));
    for (std::size_t length = 0; length < good.size(); ++length) EXPECT_FALSE(survives(good.substr(0, length)));
    for (std::size_t at = 0; at < good.size(); ++at) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ 0xff);
      survives(bad);  // dates, versions and names may differ; nothing else is read
    }
  }
}

TEST_F(Npz, WrongArchivesAreErrors) {
  EXPECT_ERROR(load_npz("/nowhere.npz"), "/nowhere.npz");
  write_file_atomically(path_, std::string(1000, 'x'));
  EXPECT_ERROR(load_npz(path_), "no directory");
  write_file_atomically(path_, io::write_zip("test", {{"x.npy", "no array"}}, false, false));
  EXPECT_ERROR(load_npz(path_), ", x: this is no npy file");
  const std::string array = bytes_of_hex("934e554d505901000600") + "'f4',}";
  write_file_atomically(path_, io::write_zip("test", {{"x.npy", array}}, false, false));
  EXPECT_ERROR(load_npz(path_), "npz, x");
  save_npz(path_, {{"x", ones({1})}});
  std::string twice = io::read_zip("test", "file", read_file(path_))[0].bytes;
  write_file_atomically(path_, io::write_zip("test", {{"x.npy", twice}, {"x.npy", twice}}, false, false));
  EXPECT_ERROR(load_npz(path_), "two arrays 'x'");
  EXPECT_ERROR(save_npz(path_, {{"", ones({1})}}), "name of an array is empty");
}

TEST_F(Npz, BombsStopAtTheSizeTheyClaim) {
  if (!io::deflate_available()) GTEST_SKIP() << "this build has no zlib";
  std::string bomb = io::write_zip("test", {{"x", std::string(std::size_t{1} << 24, '\0')}}, true, false);
  ASSERT_LT(bomb.size(), 40000u);
  const auto directory = bomb.rfind("PK\x01\x02");
  bomb[directory + 24] = bomb[directory + 25] = bomb[directory + 26] = bomb[directory + 27] = 1;  // 16 MiB + ...
  bomb[directory + 27] = 0;
  EXPECT_ERROR(io::read_zip("npz", "file", bomb), "cannot be inflated to the size");
}

}  // namespace
}  // namespace orbitgrad
