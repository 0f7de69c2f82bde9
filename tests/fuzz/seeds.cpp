// Writes a few valid inputs of every reader, by our own writers, to FOLDER/READER/: where the fuzzers begin.
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "engine/catalogue/catalogue.hpp"
#include "engine/error.hpp"
#include "engine/io/csv.hpp"
#include "engine/io/file.hpp"
#include "engine/io/npy.hpp"
#include "engine/io/npz.hpp"
#include "engine/io/safetensors.hpp"
#include "engine/ops/creation.hpp"
#include "experiments/datasets/graph6.hpp"
#include "experiments/datasets/idx.hpp"
#include "experiments/record.hpp"

namespace {

using namespace orbitgrad;
using namespace std::string_literals;

std::filesystem::path root;

std::filesystem::path place(const std::string& reader, int number) {
  std::filesystem::create_directories(root / reader);
  return root / reader / fmt::format("seed_{}", number);
}

void write(const std::string& reader, const std::vector<std::string>& texts) {
  for (std::size_t i = 0; i < texts.size(); ++i) write_file_atomically(place(reader, static_cast<int>(i)), texts[i]);
}

void write_arrays() {
  const Tensor a = arange(6, DType::float32), b = full({2, 3}, 0.5, DType::float64), c = full({}, 7, DType::int64),
               d = full({3}, 1, DType::boolean), e = full({0, 2}, 1, DType::int32);
  int number = 0;
  for (const Tensor& x : {a, b, c, d, e}) save_npy(place("npy", number++), x);
  save_safetensors(place("safetensors", 0), {});
  save_safetensors(place("safetensors", 1), {{{"weight", b}, {"bias", a}, {"step", c}}, {{"format", "pt"}}});
  save_safetensors(place("safetensors", 2), {{{"a", d}, {"\xc3\xa9", e}}, {}});
  number = 0;
  for (const bool compress : {false, true})
    for (const bool large : {false, true})
      save_npz(place("npz", number++), {{"a", a}, {"b", b}}, {.compress = compress, .force_zip64 = large});
  const std::string npy = npy_bytes("seed", c);
  for (int options = 0; options < 4; ++options)
    write_file_atomically(place("npz_made", options), std::string(1, static_cast<char>(options)) +
                                                          (options == 0 ? "\0"s : "\2\0\0\1\0\5\1"s) +
                                                          "a.npy\0text\0b.npy\0"s + npy);
}

void write_data_sets() {
  using namespace experiments;
  int number = 0;
  for (const IdxArray& array :
       {IdxArray{{3}, {1, 2, 3}}, IdxArray{{2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8}}, IdxArray{{0}, {}}}) {
    write_idx(place("idx", number), array, IdxCompression::none);
    write_idx(place("idx_gz", number++), array, IdxCompression::gzip);
  }
  write("cifar", {"\0\3"s + std::string(3072, 'x'), "\1\3\7"s + std::string(3072, 'y'), "\2"s});
  const Graph path{4, {{0, 1}, {1, 2}, {2, 3}}}, none{0, {}};
  write("graph6",
        {to_graph6(path) + "\n" + to_graph6(none) + "\n", ">>graph6<<" + to_graph6(path), to_graph6({70, {{0, 69}}})});
  write("csv", {"\10a,b\n1,2\n3.5e-3,\n"s, "\1x;\"y;z\"\n"s, "\10\"a\"\"b\",c\r\n-1,+2\r\n"s, "\2"s + "1\tnan\n"});
  const Record config{{"seed", std::int64_t{3}}, {"rate", 0.001}, {"rotate", true}, {"model", "P4CNN"s}};
  const Record line{{"kind", "step"s}, {"step", std::int64_t{50}}, {"loss", 0.25}};
  write("run_folder",
        {config.to_json(true) + "\0"s + line.to_json() + "\n" + line.to_json() + "\n", "{}\0{\"loss\": null}\n{\"lo"s});
}

void write_expressions() {
  write("dlpack", {"\1\2\2\x40\1\2\0\2\0\1\0\3\0\1\0"s, "\1\0\0\x20\1\2\0"s, "\1\1\6\x08\1\0\1\5\0\1\0"s});
  write("group", {"SO(3)", "Embed(O(2),3,0,1)", "Union(SO(3),Scaling(3))", "ZksZnxZn(4,2)", "DirectProduct(C(4),D(3))",
                  "SemidirectProduct(T(2),RotationGroup(2))", "SU(2)", "Cube", "RubiksCube", "E(3)"});
  write("representation",
        {"\0005T(0)+5T(1)"s, "\1irrep(2)+irrep(0o)+V*"s, "\2regular+quotient(1)*V"s, "\3(2V+S)*(V+T(1,1))"s,
         "\4induced(0,1)+irrep(1)"s, "\5T2+dual(V+T(0,2))"s, "\0irrep(2')*irrep(1)"s});
  write("einsum",
        {"\1\2\1\2\2\2\1ij,jk->ik"s, "\0\2\1\1ii->i"s, "\1\3\1\1\2\3\1\2\1...ij,...jk"s, "\2\1\2\1\2\1\2i,i,i->"s});
  write("index", {"\0\1\1\7\11\14\12"s, "\2\3\4\1\2\11\12"s, "\5\3\3\4\2\1"s, "\4\2\2\1\11\11\1\0\0\11"s});
  write("name_map", {"model.* -> *\nold.*.w -> new.*.weight # remark\nskip.* -> -\0model.a\0old.x.w\0skip.b"s,
                     "a*b*c -> *.*\0axbyc\0"s});
  std::vector<std::string> settings;  // every fifth op with all settings of an example
  const auto& ops = catalogue::ops();
  for (std::size_t op = 0; op < ops.size(); op += 5) {
    if (ops[op].examples.empty()) continue;
    std::string input{static_cast<char>(op >> 8), static_cast<char>(op & 255), '\0'};
    for (std::size_t i = 0; i < ops[op].settings.size(); ++i) {
      const auto given = ops[op].examples[0].settings.find(ops[op].settings[i].name);
      const std::string value = given != ops[op].examples[0].settings.end() ? given->second : "1";
      input += static_cast<char>(i) + value + "\n";
    }
    settings.push_back(input);
  }
  write("op_settings", settings);
  write("names", {"\0004GiB"s, "\0001.5 MB"s, "\1cpu"s, "\2bf16"s, "\3cosine"s, "\4p4m"s});
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    fmt::print(stderr, "Which folder? Give one.\n");
    return 2;
  }
  try {
    root = arguments[1];
    write_arrays();
    write_data_sets();
    write_expressions();
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
  return 0;
}
