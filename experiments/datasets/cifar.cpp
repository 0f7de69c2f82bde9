#include "experiments/datasets/cifar.hpp"

#include "engine/error.hpp"
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

void append(ImageDataset& dataset, const fs::path& file, const Layout& layout) {
  const std::string bytes = read_file(file);
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
  const Layout layout = layout_of(kind);
  std::vector<std::string> train = {"train.bin"};
  std::string test = "test.bin";
  if (kind == CifarKind::ten) {
    train.clear();
    for (int batch = 1; batch <= 5; ++batch) train.push_back(fmt::format("data_batch_{}.bin", batch));
    test = "test_batch.bin";
  }
  for (const fs::path& folder : {directory, directory / layout.folder}) {
    std::error_code ignored;
    if (!fs::is_regular_file(folder / test, ignored)) continue;
    std::vector<fs::path> files;
    for (const std::string& name : train) files.push_back(folder / name);
    return {read_cifar(files, kind), read_cifar({folder / test}, kind)};
  }
  fail("load_cifar", "{} is neither in {} nor in {} below it. Unpack the binary version there.", test,
       directory.string(), layout.folder);
}

}  // namespace orbitgrad::experiments
