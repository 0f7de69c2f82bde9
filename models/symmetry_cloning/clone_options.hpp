// What a clone is made of: how the student meets the filter tau, where inputs come from, when to stop, and the report.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/symmetry_cloning/layers.hpp"

namespace orbitgrad::models {

/// `conditional`: the student is given a fresh tau with every input and learns the whole family. `fixed_tau`: tau is
/// drawn once and held. `marginal`: a fresh tau that the student does not see, so that it can only learn the mean
/// E_tau[Phi_tau(x)]: 0, a normalised error of 1; behind a ReLU |patch| / sqrt(2 pi), an error of 1 - 1/pi.
enum class CloneMode { conditional, fixed_tau, marginal };

/// Where x comes from: N(0, 1); rows of `dataset`; those plus sigma N(0, 1); those moved by a random element each, a
/// cyclic shift for plain convolutions, else an element of the point group.
enum class InputSource { noise, dataset, dataset_noise, orbit_augmented };

/// `automatic`: SGD at the best rate (cloning.hpp) for linear, linear_relu and hyper_linear on noise, unless marginal;
/// else Adam.
enum class CloneOptimizer { automatic, sgd, adam };

/// The first that holds ends a clone.
struct StopCriteria {
  /// The normalised error of a fresh batch is below this. Absent: 1e-6 for linear, linear_relu and hyper_linear, 1e-2
  /// for relu_mlp, 5e-2 for concatenating.
  std::optional<double> nmse = {};
  /// Its moving average, decay 0.99, fell by less than this share over `patience` steps.
  double improvement = 0.01;
  std::int64_t patience = 1000;
  std::int64_t steps = 20000;
};

struct CloneProgress {
  std::int64_t step = 0;
  double nmse = 0;     ///< sum |h - y|^2 / sum |y|^2 of the batch of this step, before it is learned
  double average = 0;  ///< its moving average
  double seconds = 0;
};

struct CloneOptions {
  CloneMode mode = CloneMode::conditional;
  InputSource source = InputSource::noise;
  Tensor dataset = {};     ///< [M, C_in, d_in], for the sources that read one
  double sigma = 0.1;      ///< of dataset_noise
  Channels channels = {};  ///< more than one pair with fixed_tau only: all are cloned at once
  Tensor tau = {};         ///< of fixed_tau: [C_out, C_in, K]; undefined: drawn
  /// The teacher is relu(Phi_tau), and tau is scaled by 1 / sqrt(C_in K), so that Phi has unit variance on noise.
  bool include_activation = false;
  std::int64_t batch = 512;
  CloneOptimizer optimizer = CloneOptimizer::automatic;
  /// Of the optimizer that is chosen. Absent: the best for SGD, if it is known; for Adam 1e-3, falling to 0 along a
  /// cosine over stop.steps.
  std::optional<double> learning_rate = {};
  StopCriteria stop = {};
  std::uint64_t seed = 0;
  std::int64_t curve_every = 10;  ///< steps between the points of the curve and the calls of `progress`
  std::function<void(const CloneProgress&)> progress = {};
};

enum class StopReason { converged, stalled, step_limit };

struct CloneResult {
  std::int64_t steps = 0;  ///< learned
  double nmse = 0;         ///< of a fresh batch after the last step
  double average = 0;
  StopReason reason = StopReason::step_limit;
  double seconds = 0;
  std::vector<CloneProgress> curve = {};
  std::vector<Tensor> taus = {};  ///< of fixed_tau: the filter cloned, [C_out, C_in, K], one for each layer
};

std::string_view to_string(CloneMode mode);
std::string_view to_string(InputSource source);
std::string_view to_string(StopReason reason);
const std::vector<std::string>& clone_mode_names();
const std::vector<std::string>& input_source_names();
/// Error with the nearest name for an unknown one.
CloneMode clone_mode_by_name(std::string_view name);
InputSource input_source_by_name(std::string_view name);

/// Error of `op`: a count that is not positive, a negative or non-finite number.
void check_clone_options(std::string_view op, const CloneOptions& options);

}  // namespace orbitgrad::models
