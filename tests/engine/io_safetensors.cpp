// The safetensors format: round trips of every type, the bytes of the specification, and every hostile file.
#include "engine/io/safetensors.hpp"

#include <cmath>
#include <cstring>
#include <limits>

#include "engine/allocator.hpp"
#include "engine/io/file.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/shape_ops.hpp"
#include "tests/experiments/datasets_support.hpp"

namespace orbitgrad {
namespace {

using experiments::error_of;
using experiments::expect_contains;
using experiments::TemporaryFolder;

/// A file with that header and so many zero bytes of data.
std::string file_with(const std::string& header, std::size_t data_bytes) {
  const std::uint64_t length = header.size();
  std::string bytes(sizeof length, '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  return bytes + header + std::string(data_bytes, '\0');
}

/// The Error of loading these bytes, which must name the file.
std::string load_error(const std::string& bytes) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "hostile.safetensors";
  write_file_atomically(file, bytes);
  const std::string message = error_of([&] { load_safetensors(file); });
  expect_contains(message, "hostile.safetensors");
  return message;
}

template <class T>
void expect_same(const Tensor& a, const Tensor& b) {
  ASSERT_EQ(a.dtype(), b.dtype());
  EXPECT_EQ(a.shape(), b.shape());
  const auto left = a.to_vector<T>(), right = b.to_vector<T>();
  ASSERT_EQ(left.size(), right.size());
  for (std::size_t i = 0; i < left.size(); ++i) {
    const T x = left[i], y = right[i];
    EXPECT_EQ(std::memcmp(&x, &y, sizeof(T)), 0) << i;
  }
}

TEST(Safetensors, EveryTypeAndShapeComesBack) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "all.safetensors";
  const float infinity = std::numeric_limits<float>::infinity();
  SafeTensors content;
  content.metadata = {{"format", "orbitgrad"}, {"text", "quote \" line \n ümlaut"}, {"", "empty key"}};
  auto& t = content.tensors;
  t["f32"] = from_vector<float>({1.5F, -0.0F, infinity, -infinity, std::nanf(""), 1e-45F}, {2, 3});
  t["f64"] = from_vector<double>({1e-320, 3.0}, {2, 1});
  t["i64"] = from_vector<std::int64_t>({INT64_MIN, INT64_MAX, 0}, {3});
  t["i32"] = from_vector<std::int32_t>({INT32_MIN, INT32_MAX}, {1, 2});
  t["bool"] = from_vector<float>({1, 0, 3}, {3}).to(DType::boolean);
  t["scalar"] = from_vector<float>({42.0F}, Shape{});
  t["empty"] = Tensor::empty({3, 0, 2}, DType::float64);
  t["name with \"quotes\" and é"] = from_vector<float>({1.0F}, {1});
  save_safetensors(file, content);

  const SafeTensors loaded = load_safetensors(file);
  EXPECT_EQ(loaded.metadata, content.metadata);
  ASSERT_EQ(loaded.tensors.size(), t.size());
  for (const auto& [name, tensor] : t) {
    SCOPED_TRACE(name);
    ASSERT_TRUE(loaded.tensors.contains(name));
    visit_storage(tensor.dtype(),
                  [&](auto tag) { expect_same<typename decltype(tag)::type>(tensor, loaded.tensors.at(name)); });
  }
}

TEST(Safetensors, NothingAtAllComesBack) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "none.safetensors";
  save_safetensors(file, {});
  EXPECT_TRUE(load_safetensors(file).tensors.empty());
  EXPECT_EQ(read_file(file), file_with("{}      ", 0));
}

TEST(Safetensors, TheBytesAreThoseOfTheSpecification) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "a.safetensors";
  save_safetensors(file, {.tensors = {{"b", from_vector<std::int32_t>({1, 256}, {2})},
                                      {"a", from_vector<std::int32_t>({-1}, Shape{})},
                                      {"c", from_vector<double>({0.0}, {1})}},
                          .metadata = {{"k", "v"}}});
  std::string header =
      R"({"__metadata__":{"k":"v"},"c":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},)"
      R"("a":{"dtype":"I32","shape":[],"data_offsets":[8,12]},"b":{"dtype":"I32","shape":[2],"data_offsets":[12,20]}})";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  std::string expected = file_with(header, 8);
  expected += std::string("\xff\xff\xff\xff\x01\0\0\0\0\x01\0\0", 12);
  EXPECT_EQ(read_file(file), expected);
}

TEST(Safetensors, SmallerIntegersAreRead) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "small.safetensors";
  std::string header = R"({"u4":{"dtype":"U32","shape":[2],"data_offsets":[0,8]},)"
                       R"("u2":{"dtype":"U16","shape":[2],"data_offsets":[8,12]},)"
                       R"("i2":{"dtype":"I16","shape":[2,1],"data_offsets":[12,16]},)"
                       R"("u1":{"dtype":"U8","shape":[2],"data_offsets":[16,18]},)"
                       R"("i1":{"dtype":"I8","shape":[2],"data_offsets":[18,20]},)"
                       R"("none":{"dtype":"U8","shape":[0,3],"data_offsets":[20,20]}})";
  std::string bytes = file_with(header, 0);
  bytes += std::string(
      "\xff\xff\xff\xff\x01\0\0\0"
      "\xff\xff\x02\x01"
      "\0\x80\xff\x7f"
      "\xff\x07"
      "\x80\x7f",
      20);
  write_file_atomically(file, bytes);
  const auto tensors = load_safetensors(file).tensors;
  EXPECT_EQ(tensors.at("u4").to_vector<std::int64_t>(), (std::vector<std::int64_t>{0xffffffff, 1}));
  EXPECT_EQ(tensors.at("u2").to_vector<std::int32_t>(), (std::vector<std::int32_t>{0xffff, 0x102}));
  EXPECT_EQ(tensors.at("i2").to_vector<std::int32_t>(), (std::vector<std::int32_t>{-32768, 32767}));
  EXPECT_EQ(tensors.at("i2").shape(), Shape({2, 1}));
  EXPECT_EQ(tensors.at("u1").to_vector<std::int32_t>(), (std::vector<std::int32_t>{255, 7}));
  EXPECT_EQ(tensors.at("i1").to_vector<std::int32_t>(), (std::vector<std::int32_t>{-128, 127}));
  EXPECT_EQ(tensors.at("none").shape(), Shape({0, 3}));
  expect_contains(load_error(file_with(R"({"a":{"dtype":"U16","shape":[2],"data_offsets":[0,2]}})", 2)), "needs 4");
}

TEST(Safetensors, AStridedViewIsSavedAsItLooks) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "view.safetensors";
  const Tensor base = from_vector<float>({1, 2, 3, 4, 5, 6}, {2, 3});
  save_safetensors(file, {.tensors = {{"t", transpose(base)}}, .metadata = {}});
  EXPECT_EQ(load_safetensors(file).tensors.at("t").to_vector<float>(), (std::vector<float>{1, 4, 2, 5, 3, 6}));
}

TEST(Safetensors, NamesThatCannotBeSavedAreErrors) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "a";
  const Tensor t = zeros({1});
  expect_contains(error_of([&] { save_safetensors(file, {{{"__metadata__", t}}, {}}); }), "cannot be called");
  expect_contains(error_of([&] { save_safetensors(file, {{{"\xff", t}}, {}}); }), "not UTF-8");
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST(SafetensorsHostile, LengthOfTheHeader) {
  expect_contains(load_error(""), "too few");
  expect_contains(load_error("1234567"), "too few");
  expect_contains(load_error(std::string(8, '\xff')), "18446744073709551615 bytes");
  expect_contains(load_error(std::string("\x10\0\0\0\0\0\0\0{}", 10)), "said to have 16 bytes");
  expect_contains(load_error(std::string("\0\xe1\xf5\x06\0\0\0\0", 8)), "said to have");
  expect_contains(load_error(std::string(8, '\0')), "does not begin with '{'");
}

TEST(SafetensorsHostile, AHeaderThatIsNotTheJsonOfTheFormat) {
  const std::string entry = R"({"dtype":"F32","shape":[],"data_offsets":[0,4]})";
  for (const std::string& header : {
           std::string("{"),
           std::string("{\"a"),
           std::string("{}x"),
           std::string("{}\0", 3),
           std::string("{\"\xff\":1}"),
           std::string(R"({"a":1})"),
           std::string(R"({"a":null})"),
           std::string(R"({"a":[]})"),
           std::string(R"({"a":"F32"})"),
           std::string(R"({"a":true})"),
           std::string(R"({"a":{}})"),
           R"({"a":)" + entry + R"(,"a":)" + entry + "}",
           std::string(R"({"__metadata__":{"a":1}})"),
           std::string(R"({"__metadata__":{"a":{}}})"),
           std::string(R"({"__metadata__":{"a":"1","a":"2"}})"),
           std::string(R"({"__metadata__":{},"__metadata__":{}})"),
           std::string(R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,4],"more":1}})"),
           std::string(R"({"a":{"dtype":"F32","dtype":"F32","shape":[],"data_offsets":[0,4]}})"),
           std::string(R"({"a":{"dtype":"F32","shape":[]}})"),
           std::string(R"({"a":{"dtype":["F32"],"shape":[]}})"),
           std::string(R"({"a":{"dtype":"F32","shape":1,"data_offsets":[0,4]}})"),
           std::string(R"({"a":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}})"),
           std::string(R"({"a":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}})"),
           std::string(R"({"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}})"),
           std::string(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})"),
           std::string(R"({"a":{"dtype":"F32","shape":[1e30],"data_offsets":[0,4]}})"),
           std::string(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}})"),
           std::string(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,4]}})"),
           std::string(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,18446744073709551616]}})"),
       }) {
    SCOPED_TRACE(header);
    EXPECT_NE(load_error(file_with(header, 4)), "");
  }
}

TEST(SafetensorsHostile, DeepNestingAndLongLists) {
  expect_contains(load_error(file_with("{\"a\":" + std::string(1 << 20, '['), 0)), "list where none belongs");
  std::string nested = "{\"a\":";
  for (int i = 0; i < 100000; ++i) nested += R"({"dtype":)";
  EXPECT_NE(load_error(file_with(nested, 0)), "");
  std::string ones = "1";
  for (int i = 0; i < 100000; ++i) ones += ",1";
  expect_contains(load_error(file_with(R"({"a":{"dtype":"F32","shape":[)" + ones + R"(],"data_offsets":[0,4]}})", 4)),
                  "list that is too long");
}

TEST(SafetensorsHostile, ShapesThatDoNotFit) {
  const auto with = [](const std::string& shape, const std::string& offsets, const std::string& dtype = "F32") {
    return load_error(file_with(
        R"({"weight":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}", 16));
  };
  const auto before = CachingAllocator::host().statistics().allocations;
  expect_contains(with("[1152921504606846976]", "[0,16]"), "tensor 'weight' has an axis of length 1152921504606846976");
  expect_contains(with("[18446744073709551615]", "[0,16]"), "tensor 'weight' has an axis");
  expect_contains(with("[1048576,1048576,1048576]", "[0,16]"), "needs 4611686018427387904");
  expect_contains(with("[2147483647,2147483647,4]", "[0,16]"), "no 64-bit number");
  expect_contains(with("[3]", "[0,16]"), "has 16 bytes, but F32 of shape [3] needs 12");
  expect_contains(with("[4]", "[0,12]"), "has 12 bytes");
  expect_contains(with("[4]", "[4,20]"), "lies at bytes 4 to 20 of 16");
  expect_contains(with("[4]", "[16,0]"), "lies at bytes 16 to 0");
  expect_contains(with("[4]", "[18446744073709551600,18446744073709551615]"), "lies at bytes");
  expect_contains(with("[1,1,1,1,1,1,1,1,4]", "[0,16]"), "9 axes");
  expect_contains(with("[4]", "[0,16]", "F8_E5M2"), "dtype 'F8_E5M2'. Only F64");
  expect_contains(with("[4]", "[0,16]", ""), "dtype ''");
  EXPECT_EQ(CachingAllocator::host().statistics().allocations, before) << "memory was taken before the check";
}

TEST(SafetensorsHostile, OverlapsHolesAndTails) {
  const auto two = [](const std::string& first, const std::string& second, std::size_t bytes) {
    const std::string start = R"({"dtype":"I32","shape":[2],"data_offsets":)";
    return load_error(file_with(R"({"a":)" + start + first + R"(},"b":)" + start + second + "}}", bytes));
  };
  expect_contains(two("[0,8]", "[0,8]", 16), "already used");
  expect_contains(two("[0,8]", "[4,12]", 16), "tensor 'b' begins at byte 4, but 8 of the data is already used");
  expect_contains(two("[0,8]", "[12,20]", 20), "not used by any tensor");
  expect_contains(two("[4,12]", "[12,20]", 20), "not used by any tensor");
  expect_contains(two("[0,8]", "[8,16]", 17), "the tensors use 16 bytes of data, the file has 17");
  expect_contains(load_error(file_with("{}", 1)), "the file has 1");
}

TEST(SafetensorsHostile, EveryTruncationAndEveryFlippedByteIsAnErrorOrAFile) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "a.safetensors";
  save_safetensors(file,
                   {.tensors = {{"a", ones({2, 2})}, {"b", from_vector<std::int64_t>({7}, {1})}}, .metadata = {}});
  const std::string good = read_file(file);
  for (std::size_t length = 0; length < good.size(); ++length) EXPECT_NE(load_error(good.substr(0, length)), "");
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x15);
    write_file_atomically(file, bad);
    try {
      load_safetensors(file);
    } catch (const Error&) {
    }
  }
}

TEST(SafetensorsHostile, ABoolIsZeroOrOne) {
  std::string bytes = file_with(R"({"mask":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}})", 2);
  bytes.back() = '\x02';
  expect_contains(load_error(bytes), "'mask' holds bytes other than 0 and 1");
}

}  // namespace
}  // namespace orbitgrad
