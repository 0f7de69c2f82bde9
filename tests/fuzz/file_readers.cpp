#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "engine/error.hpp"
#include "engine/io/csv.hpp"
#include "engine/io/dlpack.hpp"
#include "engine/io/npy.hpp"
#include "engine/io/npz.hpp"
#include "engine/io/safetensors.hpp"
#include "engine/io/zip.hpp"
#include "engine/observe/memory.hpp"
#include "experiments/datasets/cifar.hpp"
#include "experiments/datasets/graph6.hpp"
#include "experiments/datasets/idx.hpp"
#include "experiments/record.hpp"
#include "experiments/run_directory.hpp"
#include "tests/fuzz/readers.hpp"

namespace orbitgrad::fuzz {

namespace {

std::size_t bytes_of(const Tensor& x) { return static_cast<std::size_t>(x.numel() * item_size(x.dtype())); }

}  // namespace

void read_safetensors_file(std::string_view input) {
  const MemoryFile file(input);
  std::size_t bytes = 0;
  for (const auto& [name, tensor] : load_safetensors(file.path()).tensors) bytes += bytes_of(tensor);
  expect(bytes <= input.size(), "more bytes were read than there are");
}

void read_npy_file(std::string_view input) {
  const Tensor x = parse_npy("input", input);
  expect(bytes_of(x) <= input.size(), "more bytes were read than there are");
  const std::string written = npy_bytes("again", x);
  expect(npy_bytes("again", parse_npy("written", written)) == written, "what was written is read as something else");
}

void read_npz_file(std::string_view input) {
  const MemoryFile file(input);
  (void)load_npz(file.path());
}

/// An archive of ours, so that checksums are right, with some of its bytes replaced: options, how many, (place,
/// byte).., then name\0content of one entry, and a second one with the rest.
void read_npz_made(std::string_view input) {
  Input in(input);
  const unsigned options = in.byte();
  std::vector<std::pair<std::size_t, char>> changes(in.byte() % 8);
  for (auto& [place, value] : changes) {
    place = in.byte() << 8;
    place |= in.byte();
    value = static_cast<char>(in.byte());
  }
  const std::string first_name(in.until('\0')), first(in.until('\0')), second_name(in.until('\0'));
  std::string archive = io::write_zip("fuzz", {{first_name, first}, {second_name, std::string(in.rest())}},
                                      (options & 1) != 0, (options & 2) != 0);
  for (const auto& [place, value] : changes) archive[archive.size() - 1 - place % archive.size()] = value;
  const auto entries = [&] { return io::read_zip("fuzz", "archive", archive); };
  if (changes.empty()) {
    const auto read = entries();
    expect(read.size() == 2 && read[0].bytes == first && read[1].bytes == in.rest(), "other entries come back");
  }
  read_npz_file(archive);
}

void read_idx_file(std::string_view input) {
  const MemoryFile file(input);
  const auto array = experiments::read_idx(file.path());
  double count = 1;  // a product of integers may overflow: an axis of length 0 allows any others
  for (const std::int64_t extent : array.shape) count *= static_cast<double>(extent);
  expect(count == static_cast<double>(array.values.size()), "the values do not fit the shape");
}

void read_cifar_file(std::string_view input) {
  using experiments::CifarKind;
  Input in(input);
  constexpr CifarKind kinds[] = {CifarKind::ten, CifarKind::hundred_coarse, CifarKind::hundred_fine};
  const CifarKind kind = kinds[in.byte() % 3];
  const MemoryFile file(in.rest());
  experiments::check_dataset(experiments::read_cifar({file.path()}, kind));
}

void read_graph6_file(std::string_view input) {
  const MemoryFile file(input);
  for (const auto& graph : experiments::read_graph6(file.path()))
    expect(experiments::parse_graph6(experiments::to_graph6(graph)) == graph, "another graph comes back");
}

void read_csv_file(std::string_view input) {
  Input in(input);
  const unsigned options = in.byte();
  const CsvOptions csv{.separator = ",;\t \""[options % 5], .has_header = (options & 8) != 0};
  const MemoryFile file(in.rest());
  const CsvTable table = load_csv(file.path(), csv);
  const auto columns = static_cast<std::int64_t>(table.columns.size());
  expect(columns == 0 || columns == table.values.size(1), "the names do not fit the columns");
}

/// config.json\0metrics.jsonl of a run, and each of its lines as a record.
void read_run_folder(std::string_view input) {
  using experiments::Record;
  static const std::filesystem::path folder = [] {
    std::filesystem::path path = std::filesystem::temp_directory_path() / fmt::format("orbitgrad_fuzz_{}", ::getpid());
    std::filesystem::create_directories(path);
    return path;
  }();
  static const struct Removal {
    ~Removal() { std::filesystem::remove_all(folder); }
  } removal;
  Input in(input);
  const std::string_view config = in.until('\0');
  std::ofstream(folder / "config.json", std::ios::binary) << config;
  std::ofstream(folder / "metrics.jsonl", std::ios::binary) << in.rest();
  const auto come_back = [](const Record& record) {
    const std::string text = record.to_json();
    expect(Record::from_json(text, "again").to_json() == text, "another record comes back");
  };
  come_back(experiments::read_settings(folder));
  for (const Record& record : experiments::read_metrics(folder)) come_back(record);
}

/// Device, rank, type, flags, then a length and a stride of each axis. Data is there only where all of it is inside.
void read_dlpack_tensor(std::string_view input) {
  static std::vector<double> memory(512);
  observe::set_memory_limit(std::int64_t{1} << 26);  // a stride of 0 makes any size out of little
  Input in(input);
  dlpack::DLManagedTensor managed{};
  dlpack::DLTensor& tensor = managed.dl_tensor;
  tensor.device = {static_cast<std::int32_t>(in.byte()), 0};
  tensor.ndim = static_cast<std::int32_t>(static_cast<signed char>(in.byte()));
  tensor.dtype = {static_cast<std::uint8_t>(in.byte()), static_cast<std::uint8_t>(in.byte()),
                  static_cast<std::uint16_t>(in.byte())};
  const unsigned flags = in.byte();
  tensor.byte_offset = in.byte();
  std::vector<std::int64_t> shape, strides;
  for (int axis = 0; axis < tensor.ndim; ++axis) {
    for (auto* list : {&shape, &strides}) {
      const auto value = static_cast<std::int64_t>(static_cast<signed char>(in.byte()));
      list->push_back(value << (in.byte() % 64));
    }
  }
  tensor.shape = (flags & 1) != 0 ? nullptr : shape.data();
  tensor.strides = (flags & 2) != 0 ? nullptr : strides.data();
  constexpr double middle = 2048;  // bytes into the memory: strides may be negative
  const double item = std::max(tensor.dtype.bits / 8, 1);
  double low = middle + static_cast<double>(tensor.byte_offset), high = low + item, dense = 1;
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    const double stride = tensor.strides != nullptr ? static_cast<double>(strides[axis]) : dense;
    const double reach = (static_cast<double>(shape[axis]) - 1) * stride * item;
    (reach < 0 ? low : high) += reach;
    dense *= static_cast<double>(std::max<std::int64_t>(shape[axis], 0));
  }
  const bool is_inside = low >= 0 && high <= 4096;
  tensor.data = is_inside ? reinterpret_cast<char*>(memory.data()) + static_cast<std::ptrdiff_t>(middle) : nullptr;
  const Tensor x = dlpack::from_dlpack(&managed);
  expect(x.numel() == 0 || is_inside, "there was no data");
}

}  // namespace orbitgrad::fuzz
