#include "experiments/datasets/cifar.hpp"

#include "engine/error.hpp"
#include "engine/io/crc32.hpp"
#include "engine/io/deflate.hpp"
#include "engine/io/file.hpp"

namespace orbitgrad::experiments {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view op = "read_cifar";
constexpr std::size_t pixels = 3 * 32 * 32;

struct Layout {
  std::size_t label_bytes, label_position;
  int classes;
  const char* folder;
};

Layout layout_of(CifarKind kind) {
  switch (kind) {
    case CifarKind::hundred_coarse:
      return {2, 0, 20, "cifar-100-binary"};
    case CifarKind::hundred_fine:
      return {2, 1, 100, "cifar-100-binary"};
    case CifarKind::ten:
      break;
  }
  return {1, 0, 10, "cifar-10-batches-bin"};
}

/// The bytes, or if they are a gzip member (RFC 1952) what it holds.
std::string unpacked(const fs::path& file) {
  constexpr std::uint64_t most_bytes = std::uint64_t{1} << 30;
  constexpr std::size_t header = 10, trailer = 8;
  const std::string bytes = read_file(file);
  if (!bytes.starts_with("\x1f\x8b")) return bytes;
  const auto damaged = [&] {
    fail(op, "{} is no whole gzip file of one member. Copy it again, or decompress it with gunzip.", file.string());
  };
  if (bytes.size() < header + trailer) damaged();
  constexpr int with_checksum = 2, with_extra = 4, with_name = 8, with_comment = 16;
  const int flags = static_cast<unsigned char>(bytes[3]);
  if ((flags & (with_checksum | with_extra)) != 0) damaged();
  std::size_t begin = header;
  for (const int text : {with_name, with_comment})
    if ((flags & text) != 0) begin = bytes.find('\0', begin) + 1;  // 0 if there is no end
  if (begin < header || begin + trailer > bytes.size()) damaged();
  const std::string_view packed = std::string_view(bytes).substr(begin, bytes.size() - trailer - begin);
  auto result = io::inflate_bytes(op, packed, most_bytes);
  const auto in_trailer = [&](std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = 4; i-- > 0;)
      value = value << 8 | static_cast<unsigned char>(bytes[bytes.size() - trailer + at + i]);
    return value;
  };
  if (!result || io::crc32(*result) != in_trailer(0) || static_cast<std::uint32_t>(result->size()) != in_trailer(4))
    damaged();
  return *std::move(result);
}

void append(ImageDataset& dataset, const fs::path& file, const Layout& layout) {
  const std::string bytes = unpacked(file);
  const std::size_t record = layout.label_bytes + pixels;
  require(bytes.size() % record == 0, op,
          "{} has {} bytes, which is no multiple of a record's {}. It is cut off or of "
          "another kind.",
          file.string(), bytes.size(), record);
  for (std::size_t begin = 0; begin < bytes.size(); begin += record) {
    const auto label = static_cast<unsigned char>(bytes[begin + layout.label_position]);
    require(label < layout.classes, op,
            "{} has the label {} in record {}, the classes are 0 to {}. It is of another "
            "kind or damaged.",
            file.string(), label, begin / record, layout.classes - 1);
    dataset.labels.push_back(label);
    for (std::size_t i = 0; i < pixels; ++i)
      dataset.pixels.push_back(static_cast<float>(static_cast<unsigned char>(bytes[begin + layout.label_bytes + i])) /
                               255.0f);
  }
}

/// The file of that name in the folder, packed or not; an empty path if there is none.
fs::path find_file(const fs::path& folder, const std::string& name) {
  for (const char* ending : {"", ".gz"}) {
    std::error_code ignored;
    const fs::path file = folder / (name + ending);
    if (fs::is_regular_file(file, ignored)) return file;
  }
  return {};
}

/// The only file of the folder that begins so and is a .bin or .bin.gz; an empty path if there is none, or more.
fs::path find_part(const fs::path& folder, std::string_view prefix) {
  std::error_code ignored;
  fs::path found;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(prefix) || !(name.ends_with(".bin") || name.ends_with(".bin.gz"))) continue;
    if (!found.empty()) return {};
    found = entry.path();
  }
  return found;
}

struct CifarFiles {
  std::vector<fs::path> train, test;
};

/// None are found: empty.
CifarFiles find_cifar(const fs::path& directory, CifarKind kind) {
  for (const fs::path& folder : {directory, directory / layout_of(kind).folder}) {
    CifarFiles files;
    if (kind != CifarKind::ten) {
      files = {{find_file(folder, "train.bin")}, {find_file(folder, "test.bin")}};
    } else if (const fs::path test = find_file(folder, "test_batch.bin"); !test.empty()) {
      files.test = {test};
      for (int batch = 1; batch <= 5; ++batch) {
        const std::string name = fmt::format("data_batch_{}.bin", batch);
        const fs::path file = find_file(folder, name);
        files.train.push_back(file.empty() ? folder / name : file);  // reading it says that it is missing
      }
    } else {
      files = {{find_part(folder, "train")}, {find_part(folder, "test")}};
    }
    if (!files.train.front().empty() && !files.test.front().empty()) return files;
  }
  return {};
}

}  // namespace

ImageDataset read_cifar(const std::vector<fs::path>& files, CifarKind kind) {
  const Layout layout = layout_of(kind);
  ImageDataset dataset{.channels = 3, .height = 32, .width = 32, .pixels = {}, .labels = {}, .classes = layout.classes};
  for (const fs::path& file : files) append(dataset, file, layout);
  dataset.count = static_cast<std::int64_t>(dataset.labels.size());
  check_dataset(dataset);
  return dataset;
}

Cifar load_cifar(const fs::path& directory, CifarKind kind) {
  const CifarFiles files = find_cifar(directory, kind);
  require(!files.test.empty(), "load_cifar", "{} is neither in {} nor in {} below it. Unpack the binary version there.",
          kind == CifarKind::ten ? "test_batch.bin" : "test.bin", directory.string(), layout_of(kind).folder);
  return {read_cifar(files.train, kind), read_cifar(files.test, kind)};
}

bool is_cifar_folder(const fs::path& directory) { return !find_cifar(directory, CifarKind::ten).test.empty(); }

}  // namespace orbitgrad::experiments
