// The npy format: round trips of every type, the bytes of the specification, and every hostile file.
#include "engine/io/npy.hpp"

#include <cstring>

#include "engine/io/file.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/shape_ops.hpp"
#include "tests/engine/expect_error.hpp"
#include "tests/experiments/datasets_support.hpp"

namespace orbitgrad {
namespace {

using experiments::TemporaryFolder;

std::string npy(const std::string& header, const std::string& data, char version = 1) {
  std::string bytes = "\x93NUMPY";
  bytes += {version, '\0', static_cast<char>(header.size() & 0xff), static_cast<char>(header.size() >> 8)};
  if (version > 1) bytes += {'\0', '\0'};
  return bytes + header + data;
}

Tensor read(const std::string& bytes) {
  const TemporaryFolder folder;
  write_file_atomically(folder.path() / "x.npy", bytes);
  return load_npy(folder.path() / "x.npy");
}

TEST(Npy, KeepsEveryTypeAndShape) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "x.npy";
  for (const DType dtype : {DType::float32, DType::float64, DType::int64, DType::int32, DType::boolean, DType::float16})
    for (const Shape& shape : {Shape{}, Shape{5}, Shape{2, 3}, Shape{0, 4}, Shape{1, 2, 1, 3, 1, 2, 1, 1}}) {
      const Tensor x = reshape(arange(shape.numel()), shape).to(dtype);
      save_npy(file, x);
      const Tensor y = load_npy(file);
      EXPECT_EQ(y.dtype(), dtype);
      EXPECT_EQ(y.shape(), shape);
      const DType comparable = dtype == DType::float16 ? DType::float32 : dtype;
      visit_dtype(comparable, [&]<class T>(TypeTag<T>) {
        EXPECT_EQ(y.to(comparable).template to_vector<T>(), x.to(comparable).template to_vector<T>());
      });
      EXPECT_EQ(read_file(file).find('\n') % 64, 63u) << "the elements are aligned";
    }
  EXPECT_ERROR(save_npy(file, zeros({2}, DType::bfloat16)), "npy has no type for bfloat16");
  const Tensor turned = transpose(reshape(arange(6), {2, 3}));
  save_npy(file, turned);
  EXPECT_EQ(load_npy(file).to_vector<std::int64_t>(), turned.to_vector<std::int64_t>());
}

TEST(Npy, WritesTheBytesOfTheSpecification) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "x.npy";
  save_npy(file, full({3}, 1.5));
  const std::string bytes = read_file(file);
  EXPECT_EQ(bytes.substr(0, 10), std::string("\x93NUMPY\x01\0\x76\0", 10));
  EXPECT_TRUE(bytes.substr(10).starts_with("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }"));
  EXPECT_EQ(bytes.size(), 128u + 12u);
}

TEST(Npy, ReadsWhatNumpyMayWrite) {
  const std::string six("\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5\0\0\0\6\0\0\0", 24);
  using Values = std::vector<std::int32_t>;
  for (const char version : {'\1', '\2', '\3'})
    EXPECT_EQ(read(npy("{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }\n", six, version))
                  .to_vector<std::int32_t>(),
              (Values{1, 2, 3, 4, 5, 6}));
  const Tensor columns = read(npy("{\"shape\":(2,3),\"fortran_order\":True,\"descr\":\"<i4\"}", six));
  EXPECT_EQ(columns.shape(), (Shape{2, 3}));
  EXPECT_EQ(columns.to_vector<std::int32_t>(), (Values{1, 3, 5, 2, 4, 6}));
  EXPECT_EQ(read(npy("{'descr': '>i4', 'fortran_order': False, 'shape': (), }", std::string("\0\0\1\2", 4))).item(),
            258);
  const auto column = [&](const std::string& descr, const std::string& data) {
    return read(npy("{'descr': '" + descr + "', 'fortran_order': True, 'shape': (2, 1), }", data));
  };
  EXPECT_EQ(column("|u1", "\xff\x01").to_vector<std::int32_t>(), (Values{255, 1}));
  EXPECT_EQ(column("|i1", "\xff\x01").to_vector<std::int32_t>(), (Values{-1, 1}));
  EXPECT_EQ(column(">u2", "\xff\x01\x02\x03").to_vector<std::int32_t>(), (Values{0xff01, 0x203}));
  EXPECT_EQ(column("<i2", "\xff\xff\x02\x03").to_vector<std::int32_t>(), (Values{-1, 0x302}));
  EXPECT_EQ(column("<u4", "\xff\xff\xff\xff\x01\x01\x01\x01").to_vector<std::int64_t>(),
            (std::vector<std::int64_t>{0xffffffff, 0x1010101}));
  EXPECT_EQ(column("|u1", "\xff\x01").shape(), (Shape{2, 1}));
}

TEST(Npy, RefusesHostileFiles) {
  const std::string four(4, '\0');
  const auto with = [&](const std::string& descr, const std::string& shape) {
    return npy("{'descr': " + descr + ", 'fortran_order': False, 'shape': " + shape + ", }", four);
  };
  EXPECT_EQ(read(with("'<f4'", "(1,)")).item(), 0);
  EXPECT_ERROR(read(""), "no npy file");
  EXPECT_ERROR(read("\x93NUMPY"), "no npy file");
  EXPECT_ERROR(read("PK\3\4 and so on, a zip"), "no npy file");
  EXPECT_ERROR(read(npy("{}", four, 9)), "version 9");
  EXPECT_ERROR(read(std::string("\x93NUMPY\1\0\xff\xff{}", 12)), "is said to have 65535 bytes");
  EXPECT_ERROR(read(std::string("\x93NUMPY\2\0\xff\xff\xff\xff{}", 14)), "is said to have 4294967295 bytes");
  for (const char* shape :
       {"(2,)", "(0,)", "(3, 3)", "(4611686018427387904,)", "(9223372036854775807, 9223372036854775807)"})
    EXPECT_ERROR(read(with("'<f4'", shape)), "");
  for (const char* shape : {"(-1,)", "(1", "1", "(1 1)", "(1,,)", "(99999999999999999999,)", "(1.0,)", "(True,)", ""})
    EXPECT_ERROR(read(with("'<f4'", shape)), "not that of an npy file");
  EXPECT_ERROR(read(with("'<f4'", "(1,1,1,1,1,1,1,1,1)")), "9 axes");
  for (const char* descr : {"'<f16'", "'<c8'", "'|O'", "'<U3'", "'f4'", "'x'", "''", "[('a', '<f4')]", "'<M8[ns]'"})
    EXPECT_ERROR(read(with(descr, "(1,)")), "can be read. Convert it");
  for (const char* header :
       {"", "{", "{}", "{'descr': '<f4'}", "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'more': 1}", "{'descr", "{'descr': '<f4",
        "{'fortran_order': False 'descr': '<f4', 'shape': (1,)}"})
    EXPECT_ERROR(read(npy(header, four)), "");
  EXPECT_ERROR(read(npy("{'descr': '|b1', 'fortran_order': False, 'shape': (4,)}", "\1\2\1\1")), "neither 0 nor 1");
  EXPECT_ERROR(load_npy("/nowhere/x.npy"), "/nowhere/x.npy: cannot open it");
  EXPECT_ERROR(load_npy("/"), "not a regular file");
  EXPECT_ERROR(save_npy("/nowhere/x.npy", zeros({2})), "/nowhere/x.npy: cannot write it");
}

}  // namespace
}  // namespace orbitgrad
