// IDX files: what is written is read back; no damaged or hostile file is believed.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "experiments/datasets/idx.hpp"
#include "tests/experiments/datasets_support.hpp"

namespace orbitgrad::experiments {
namespace {

IdxArray example(std::vector<std::int64_t> shape) {
  std::int64_t count = 1;
  for (const std::int64_t extent : shape) count *= extent;
  IdxArray array{std::move(shape), Bytes(static_cast<std::size_t>(count))};
  for (std::size_t i = 0; i < array.values.size(); ++i) array.values[i] = static_cast<std::uint8_t>(i * i * 7 + i / 5);
  return array;
}

Bytes header(std::uint8_t type, const std::vector<std::uint32_t>& shape) {
  Bytes bytes{0, 0, type, static_cast<std::uint8_t>(shape.size())};
  for (const std::uint32_t extent : shape) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<std::uint8_t>(extent >> shift));
  }
  return bytes;
}

class Idx : public ::testing::Test {
 protected:
  std::filesystem::path path(const std::string& name) const { return folder_.path() / name; }
  std::string error_for(const Bytes& bytes) const {
    write_bytes(path("hostile-idx"), bytes);
    const std::string message = error_of([&] { read_idx(path("hostile-idx")); });
    expect_contains(message, "[read_idx]");
    expect_contains(message, "hostile-idx");
    return message;
  }
  Bytes written(const IdxArray& array, IdxCompression compression) const {
    write_idx(path("written"), array, compression);
    return read_bytes(path("written"));
  }

 private:
  TemporaryFolder folder_;
};

/// Those this build has.
std::vector<IdxCompression> compressions() {
  if (!gzip_available()) return {IdxCompression::none};
  return {IdxCompression::none, IdxCompression::gzip};
}

TEST_F(Idx, ABuildWithoutZlibSaysSo) {
  if (gzip_available()) GTEST_SKIP() << "this build has zlib";
  expect_contains(error_for({0x1f, 0x8b, 8, 0}), "gunzip");
  expect_contains(error_of([&] { write_idx(path("x"), example({1}), IdxCompression::gzip); }), "zlib");
}

TEST_F(Idx, ReadsBackEveryRankPlainAndCompressed) {
  const std::vector<std::vector<std::int64_t>> shapes{{1},       {17},      {0},          {3, 5},
                                                      {4, 3, 2}, {2, 0, 3}, {2, 3, 4, 5}, {3, 1000, 1000}};
  for (const auto& shape : shapes) {
    for (const IdxCompression compression : compressions()) {
      const IdxArray array = example(shape);
      write_idx(path("array"), array, compression);
      const IdxArray read = read_idx(path("array"));
      EXPECT_EQ(read.shape, array.shape);
      EXPECT_EQ(read.values, array.values);
    }
  }
}

TEST_F(Idx, WritesTheFormat) {
  EXPECT_EQ(written({{2, 3}, {1, 2, 3, 4, 5, 255}}, IdxCompression::none),
            (Bytes{0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 255}));
  if (!gzip_available()) return;
  const Bytes compressed = written(example({40}), IdxCompression::gzip);
  EXPECT_EQ(compressed[0], 0x1f);
  EXPECT_EQ(compressed[1], 0x8b);
}

TEST_F(Idx, EveryTruncationIsAnError) {
  for (const IdxCompression compression : compressions()) {
    const Bytes whole = written(example({5, 9}), compression);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      SCOPED_TRACE(size);
      expect_contains(error_for(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))), "again");
    }
  }
}

TEST_F(Idx, NoDamagedGzipByteChangesAValueUnnoticed) {
  if (!gzip_available()) GTEST_SKIP() << "this build has no zlib";
  const IdxArray array = example({5, 20});
  const Bytes whole = written(array, IdxCompression::gzip);
  int refused = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const int mask : {0x01, 0xff}) {
      Bytes damaged = whole;
      damaged[at] = static_cast<std::uint8_t>(damaged[at] ^ mask);
      write_bytes(path("damaged"), damaged);
      try {
        const IdxArray read = read_idx(path("damaged"));
        EXPECT_EQ(read.shape, array.shape) << at;
        EXPECT_EQ(read.values, array.values) << at;
      } catch (const Error&) {
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, static_cast<int>(whole.size()));  // all but the time stamp and the like
}

TEST_F(Idx, ChecksumOfGzipIsCompared) {
  if (!gzip_available()) GTEST_SKIP() << "this build has no zlib";
  Bytes damaged = written(example({64}), IdxCompression::gzip);
  damaged[damaged.size() - 6] ^= 1;
  expect_contains(error_for(damaged), "damaged");
}

TEST_F(Idx, BytesAfterTheValuesAreAnError) {
  Bytes longer = written(example({4}), IdxCompression::none);
  longer.push_back(0);
  expect_contains(error_for(longer), "after the 4 values");

  Bytes inner = header(8, {2});
  inner.insert(inner.end(), {1, 2, 3});
  expect_contains(error_for(inner), "after the 2 values");
}

TEST_F(Idx, WrongMagicTypeAndRankAreErrors) {
  expect_contains(error_for({'P', 'K', 3, 4, 0, 0, 0, 0}), "50 4b");
  expect_contains(error_for(header(0x0d, {2})), "0x0d");
  expect_contains(error_for(header(8, {})), "rank 0");
  expect_contains(error_for(header(8, {1, 1, 1, 1, 1})), "rank 5");
}

TEST_F(Idx, MissingFileAndFolderAreErrors) {
  expect_contains(error_of([&] { read_idx(path("absent")); }), "No such file");
  expect_contains(error_of([&] { read_idx(path("")); }), "folder");
}

TEST_F(Idx, ClaimsAboveTheCapAreRefused) {
  expect_contains(error_for(header(8, {1u << 15, 1u << 15, 1u << 15, 1u << 15})), "more than the limit");  // 2^60
  expect_contains(error_for(header(8, {~0u, ~0u, ~0u, ~0u})), "more than the limit");
  expect_contains(error_for(header(8, {1u << 16, 1u << 16, 1u << 16, 1u << 16})),
                  "more than the limit");  // 2^64 wraps to 0
  write_idx(path("ten"), example({10}), IdxCompression::none);
  expect_contains(error_of([&] { read_idx(path("ten"), {.max_values = 9}); }), "limit of 9");
  EXPECT_EQ(read_idx(path("ten"), {.max_values = 10}).values.size(), 10u);
}

TEST_F(Idx, AFalseClaimCostsNoMemory) {
  const auto peak_kilobytes = [] {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
  };
  Bytes bytes = header(8, {1000, 1000, 1000});  // 1 GB, below the cap
  bytes.resize(bytes.size() + 5000);
  const long before = peak_kilobytes();
  expect_contains(error_for(bytes), "ends after 5000 of the 1000000000 values");
  EXPECT_LT(peak_kilobytes() - before, 64 * 1024);
}

TEST_F(Idx, WriterRefusesWhatDoesNotFit) {
  expect_contains(error_of([&] { write_idx(path("x"), {{2, 2}, {1, 2, 3}}, IdxCompression::none); }), "[2, 2]");
  expect_contains(error_of([&] { write_idx(path("x"), {{}, {1}}, IdxCompression::none); }), "rank is 0");
  expect_contains(error_of([&] { write_idx(path("no/such/x"), example({1}), IdxCompression::none); }), "created");
  if (std::filesystem::exists("/dev/full")) {
    for (const IdxCompression compression : compressions()) {
      expect_contains(error_of([&] { write_idx("/dev/full", example({3, 1000, 1000}), compression); }), "Free space");
    }
  }
}

}  // namespace
}  // namespace orbitgrad::experiments
