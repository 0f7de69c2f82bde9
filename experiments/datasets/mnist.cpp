#include "experiments/datasets/mnist.hpp"

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "experiments/datasets/idx.hpp"
#include "groups/error.hpp"
#include "kernels/parallel.hpp"

namespace orbitgrad::experiments {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t side = 28;
constexpr int digit_classes = 10;
constexpr std::array<const char*, 4> stems{"train-images", "train-labels", "t10k-images", "t10k-labels"};
constexpr std::array<const char*, 4> kinds{"idx3-ubyte", "idx1-ubyte", "idx3-ubyte", "idx1-ubyte"};

/// The first existing variant of file number `which` in a folder.
std::optional<fs::path> find_file(const fs::path& folder, std::size_t which) {
  for (const char* separator : {"-", "."}) {
    for (const char* ending : {"", ".gz"}) {
      const fs::path path = folder / (std::string(stems[which]) + separator + kinds[which] + ending);
      std::error_code ignored;
      if (fs::is_regular_file(path, ignored)) return path;
    }
  }
  return std::nullopt;
}

std::array<fs::path, 4> find_files(const fs::path& directory) {
  const std::array<fs::path, 4> folders{directory, directory / "mnist", directory / "images" / "mnist",
                                        directory / "MNIST" / "raw"};
  std::string missing;
  for (const fs::path& folder : folders) {
    std::array<fs::path, 4> paths;
    std::size_t found = 0;
    std::string absent;
    for (std::size_t which = 0; which < stems.size(); ++which) {
      if (const std::optional<fs::path> path = find_file(folder, which)) {
        paths[which] = *path;
        ++found;
      } else {
        absent += fmt::format("{}{}-{}[.gz]", absent.empty() ? "" : ", ", stems[which], kinds[which]);
      }
    }
    if (found == stems.size()) return paths;
    missing += fmt::format("\n  {}: no {}", folder.string(), absent);
  }
  fail("load_mnist",
       "the MNIST files are not all there. Looked for:{}\nPut the four .gz files of the MNIST database into "
       "one folder and pass it with --data, or leave --data out to "
       "use the generated digits.",
       missing);
}

ImageDataset load_part(const fs::path& image_path, const fs::path& label_path) {
  const IdxArray images = read_idx(image_path);
  require(images.shape.size() == 3 && images.shape[1] == side && images.shape[2] == side, "load_mnist",
          "{} has shape [{}], expected [count, 28, 28]. Use the MNIST image file.", image_path.string(),
          fmt::join(images.shape, ", "));
  const IdxArray labels = read_idx(label_path);
  require(labels.shape.size() == 1 && labels.shape[0] == images.shape[0], "load_mnist",
          "{} has shape [{}], expected [{}], one label for every image of {}. Use files that belong together.",
          label_path.string(), fmt::join(labels.shape, ", "), images.shape[0], image_path.string());

  ImageDataset dataset{images.shape[0], 1, side, side, {}, {}, digit_classes};
  dataset.labels.assign(labels.values.begin(), labels.values.end());
  for (std::size_t i = 0; i < dataset.labels.size(); ++i) {
    require(dataset.labels[i] < digit_classes, "load_mnist",
            "{} has label {} at index {}, expected 0 to 9. Use the MNIST label file.", label_path.string(),
            dataset.labels[i], i);
  }
  dataset.pixels.resize(images.values.size());
  kernels::parallel_for(static_cast<std::int64_t>(images.values.size()), 1 << 18,
                        [&](std::int64_t begin, std::int64_t end) {
                          const std::uint8_t* source = images.values.data();
                          float* target = dataset.pixels.data();
                          for (std::int64_t i = begin; i < end; ++i) target[i] = static_cast<float>(source[i]) / 255.0f;
                        });
  return dataset;
}

}  // namespace

Mnist load_mnist(const fs::path& directory) {
  const std::array<fs::path, 4> paths = find_files(directory);
  return {load_part(paths[0], paths[1]), load_part(paths[2], paths[3])};
}

}  // namespace orbitgrad::experiments
