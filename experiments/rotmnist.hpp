// The experiment rotmnist: plain and group-equivariant networks on rotated digits. Cohen and Welling, Group Equivariant
// Convolutional Networks (ICML 2016), section 8.1. The published setting, by the authors' script (gconv_experiments,
// MNIST_ROT): Adam 1e-3, batches of 128, every digit turned by a new random angle in every epoch (--augment rotate, not
// the default here), 100 epochs or 300 for Z2CNN, batch statistics estimated anew before evaluation.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "experiments/digits.hpp"
#include "experiments/training.hpp"
#include "groups/lattice_group.hpp"

namespace orbitgrad::experiments {

struct RotmnistOptions {
  std::string model = "p4cnn";  // see models/gcnn.hpp
  /// Of the group convolutions in training: "auto", "expanded", "orbit_gather" or "irrep_blocks".
  std::string implementation = "auto";
  DigitsOptions digits;
  TrainingOptions training;
  std::filesystem::path out = "runs";
  std::string name = {};  // empty: rotmnist-MODEL-seedSEED
  bool resume = false;

  std::filesystem::path folder() const;
};

/// All that decides the result, as config.json holds it, and back. Error: a setting is missing.
Record settings_of(const RotmnistOptions& options);
RotmnistOptions options_of(const Record& settings);

struct RotmnistResult {
  std::string model;
  double accuracy_upright = 0, accuracy_rotated = 0;  // on the test digits
  std::int64_t parameters = 0;
  double seconds = 0;
  double equivariance_error = 0;  // largest relative error over the elements of the group
  std::int64_t differing_bits = 0, compared_values = 0;
  std::string note = {};  // a line that whoever reads the figures has to know; mostly none
};

/// Trains, or goes on, and evaluates. Digits are shared if they are given.
RotmnistResult train_rotmnist(const RotmnistOptions& options, const Digits* digits = nullptr);

/// A table with one row a result.
std::string result_table(const std::vector<RotmnistResult>& results);

/// The trained network of a run.
struct TrainedModel {
  RotmnistOptions options;
  std::shared_ptr<nn::Sequential> network;
  groups::LatticeGroup group;    // under which it is judged: its own, and p4 for a plain network
  std::string data_fingerprint;  // of the digits it was trained with and tested on; empty if the run did not note it
};
/// Error: not the folder of a run, no checkpoint, a checkpoint of another model. `implementation` as in the options.
/// The network is put on the device, whatever the run was trained on.
TrainedModel load_run(const std::filesystem::path& run, const std::string& implementation,
                      DeviceKind device = DeviceKind::cpu);

/// Accuracy on the test digits of the run; `data` replaces its folder of MNIST unless it is empty. The note of the
/// result says so if these are not the digits of the run.
RotmnistResult evaluate_run(const std::filesystem::path& run, const std::filesystem::path& data,
                            DeviceKind device = DeviceKind::cpu);

/// The first upright test digits of the run, [count, 1, 28, 28].
Tensor digits_to_check(const RotmnistOptions& options, std::int64_t count);

}  // namespace orbitgrad::experiments
