// The digits of the experiment rotmnist: real ones (MNIST, by the protocols of rotated_mnist.hpp) or generated ones,
// always with two test sets, the same digits upright and turned by random angles.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "experiments/datasets/rotated_mnist.hpp"

namespace orbitgrad::experiments {

struct DigitsOptions {
  std::filesystem::path data = {};  // folder of MNIST; empty: generated digits
  /// "12k": the training digits are turned too. "upright": they are not.
  std::string protocol = "12k";
  std::int64_t train_count = 0;  // 0: 12,000, or all 60,000 of MNIST upright
  std::int64_t test_count = 0;   // 0: 10,000, or 50,000 of MNIST by 12k
  std::uint64_t seed = 0;
};

const std::vector<std::string>& digit_protocols();

/// Error: no MNIST in the folder, more digits asked for than there are, an unknown protocol.
Digits load_digits(const DigitsOptions& options);

/// A number that changes with any pixel or label of the three sets, as 16 hexadecimal digits.
std::string fingerprint(const Digits& digits);

}  // namespace orbitgrad::experiments
