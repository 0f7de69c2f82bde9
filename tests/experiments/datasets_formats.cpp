// graph6 and CIFAR files: known examples, what is written is read back, and no damaged file is believed.
#include "engine/io/crc32.hpp"
#include "engine/io/deflate.hpp"
#include "engine/io/file.hpp"
#include "experiments/datasets/cifar.hpp"
#include "experiments/datasets/graph6.hpp"
#include "tests/experiments/datasets_support.hpp"

namespace orbitgrad::experiments {
namespace {

std::string error_text(const auto& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Graph6, KnownExamples) {
  // The example of the format's description, and small complete and empty graphs.
  EXPECT_EQ(parse_graph6("DQc"), (Graph{5, {{0, 2}, {1, 3}, {0, 4}, {3, 4}}}));
  EXPECT_EQ(parse_graph6("?"), Graph{});
  EXPECT_EQ(parse_graph6("@"), (Graph{1, {}}));
  EXPECT_EQ(parse_graph6(">>graph6<<Bw"), (Graph{3, {{0, 1}, {0, 2}, {1, 2}}}));
  EXPECT_EQ(to_graph6({4, {{0, 1}, {0, 2}, {1, 2}, {0, 3}, {1, 3}, {2, 3}}}), "C~");
}

TEST(Graph6, EverySizeComesBack) {
  std::uint64_t state = 1;
  for (const std::int64_t vertices : {0, 1, 2, 5, 6, 7, 62, 63, 64, 700}) {
    Graph graph{vertices, {}};
    for (std::int64_t j = 1; j < vertices; ++j)
      for (std::int64_t i = 0; i < j; ++i) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        if (state >> 62 == 0) graph.edges.emplace_back(i, j);
      }
    EXPECT_EQ(parse_graph6(to_graph6(graph)), graph) << vertices;
  }
}

TEST(Graph6, DamageIsAnError) {
  for (const auto& [text, part] :
       std::vector<std::pair<std::string, std::string>>{{"", "ends inside the number"},
                                                        {"~", "ends inside the number"},
                                                        {"~~???", "ends inside the number"},
                                                        {"D", "need 2 characters"},
                                                        {"DQ", "need 2 characters"},
                                                        {"DQcc", "need 2 characters"},
                                                        {"D!c", "code 33"},
                                                        {"D\xff"
                                                         "c",
                                                         "code 255"},
                                                        {"Bx", "behind the last pair"},
                                                        {"~~~~~~~~", "vertices are more than"}})
    expect_contains(error_text([&] { parse_graph6(text); }), part);
  expect_contains(error_text([] { to_graph6({3, {{1, 1}}}); }), "(1, 1) is no edge");
  expect_contains(error_text([] { to_graph6({3, {{0, 3}}}); }), "(0, 3) is no edge");
  expect_contains(error_text([] { to_graph6({3, {{0, 1}, {0, 1}}}); }), "twice");
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "graphs.g6") << "DQc\r\n\n@\nD\n";
  expect_contains(error_text([&] { read_graph6(folder.path() / "graphs.g6"); }), "line 4 of");
  std::ofstream(folder.path() / "graphs.g6") << "DQc\r\n\n@";
  EXPECT_EQ(read_graph6(folder.path() / "graphs.g6").size(), 2u);
}

void write_records(const std::filesystem::path& file, const std::vector<std::vector<int>>& labels, int extra = 0) {
  std::ofstream out(file, std::ios::binary);
  for (std::size_t record = 0; record < labels.size(); ++record) {
    for (const int label : labels[record]) out.put(static_cast<char>(label));
    for (int i = 0; i < 3072; ++i) out.put(static_cast<char>((i + static_cast<int>(record)) % 256));
  }
  for (int i = 0; i < extra; ++i) out.put(0);
}

TEST(Cifar, ReadsBothKinds) {
  const TemporaryFolder folder;
  const auto ten = folder.path() / "cifar-10-batches-bin";
  std::filesystem::create_directory(ten);
  for (int batch = 1; batch <= 5; ++batch) write_records(ten / fmt::format("data_batch_{}.bin", batch), {{batch}, {9}});
  write_records(ten / "test_batch.bin", {{0}});
  const Cifar cifar = load_cifar(folder.path());
  EXPECT_EQ(cifar.train.labels, (std::vector<std::int64_t>{1, 9, 2, 9, 3, 9, 4, 9, 5, 9}));
  EXPECT_EQ(cifar.test.count, 1);
  EXPECT_EQ(cifar.train.classes, 10);
  EXPECT_EQ(cifar.train.image(1)[3], 4.0f / 255);
  const auto hundred = folder.path() / "hundred.bin";
  write_records(hundred, {{19, 99}, {3, 20}});
  EXPECT_EQ(read_cifar({hundred}, CifarKind::hundred_fine).labels, (std::vector<std::int64_t>{99, 20}));
  EXPECT_EQ(read_cifar({hundred}, CifarKind::hundred_coarse).labels, (std::vector<std::int64_t>{19, 3}));
}

TEST(Cifar, APartOfItIsReadPackedOrNot) {
  const TemporaryFolder folder;
  EXPECT_FALSE(is_cifar_folder(folder.path()));
  EXPECT_FALSE(is_cifar_folder(folder.path() / "nowhere"));
  write_records(folder.path() / "train_3.bin", {{1}, {2}, {3}});
  write_records(folder.path() / "test_1.bin", {{7}});
  EXPECT_TRUE(is_cifar_folder(folder.path()));
  const Cifar plain = load_cifar(folder.path());
  EXPECT_EQ(plain.train.labels, (std::vector<std::int64_t>{1, 2, 3}));
  if (!io::deflate_available()) return;
  const auto file = folder.path() / "train_3.bin";
  const std::string bytes = read_file(file);
  std::string packed("\x1f\x8b\x08\x08\0\0\0\0\0\x03name\0", 15);
  packed += io::deflate_bytes("test", bytes);
  for (const std::uint32_t value : {io::crc32(bytes), static_cast<std::uint32_t>(bytes.size())})
    for (int shift = 0; shift < 32; shift += 8) packed += static_cast<char>(value >> shift & 0xff);
  std::filesystem::remove(file);
  write_file_atomically(folder.path() / "train_3.bin.gz", packed);
  EXPECT_EQ(load_cifar(folder.path()).train.pixels, plain.train.pixels);
  for (const std::size_t kept : {packed.size() - 9, std::size_t{12}, std::size_t{3}}) {
    write_file_atomically(folder.path() / "train_3.bin.gz", packed.substr(0, kept));
    expect_contains(error_text([&] { load_cifar(folder.path()); }), "gzip");
  }
  for (const std::size_t trailer : {8, 4}) {
    std::string damaged = packed;
    damaged[damaged.size() - trailer] ^= 1;
    write_file_atomically(folder.path() / "train_3.bin.gz", damaged);
    expect_contains(error_text([&] { load_cifar(folder.path()); }), "gzip");
  }
  write_records(folder.path() / "train_4.bin", {{1}});  // which of the two?
  EXPECT_FALSE(is_cifar_folder(folder.path()));
}

TEST(Cifar, DamageIsAnError) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "batch.bin";
  write_records(file, {{1}}, 5);
  expect_contains(error_text([&] { read_cifar({file}); }), "has 3078 bytes");
  write_records(file, {{1}, {10}});
  expect_contains(error_text([&] { read_cifar({file}); }), "label 10 in record 1");
  expect_contains(error_text([&] { load_cifar(folder.path()); }), "Unpack the binary version");
}

}  // namespace
}  // namespace orbitgrad::experiments
