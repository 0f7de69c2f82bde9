// CIFAR-10 and CIFAR-100 (Krizhevsky, 2009): 60,000 colour images of 32 x 32 in the binary version, records of one
// label byte (two for CIFAR-100: coarse, fine) and 3072 pixels, red, green, blue. Source:
// https://www.cs.toronto.edu/~kriz/cifar.html
#pragma once

#include <filesystem>
#include <vector>

#include "experiments/datasets/image_dataset.hpp"

namespace orbitgrad::experiments {

enum class CifarKind { ten, hundred_coarse, hundred_fine };

/// The records of some files, one after another: [count, 3, 32, 32]. Error, naming the file: its size is no multiple of
/// a record, or a label is out of range.
ImageDataset read_cifar(const std::vector<std::filesystem::path>& files, CifarKind kind = CifarKind::ten);

struct Cifar {
  ImageDataset train, test;
};
/// data_batch_1.bin to 5 and test_batch.bin, or train.bin and test.bin, from the folder or from
/// cifar-10-batches-bin/ or cifar-100-binary/ below it; of CIFAR-10 also a part of it: one file train*.bin and one
/// test*.bin. Each may be compressed, and its name then end in .gz.
Cifar load_cifar(const std::filesystem::path& directory, CifarKind kind = CifarKind::ten);
/// Whether load_cifar finds the names of CIFAR-10 there.
bool is_cifar_folder(const std::filesystem::path& directory);

}  // namespace orbitgrad::experiments
