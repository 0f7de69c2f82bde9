// The loop of cloning: draw, compare, learn, until a criterion holds. Every number it draws is a function of
// (seed, step), so that a clone has the same bits in every run and for every number of threads.
#pragma once

#include <functional>
#include <memory>

#include "models/symmetry_cloning/clone_options.hpp"
#include "nn/optimizer.hpp"

namespace orbitgrad::models {

/// What a step draws it draws from the key of its number; what is drawn once, from clone_key.
RandomKey clone_key(std::uint64_t seed);
RandomKey step_key(std::uint64_t seed, std::int64_t step);

/// One comparison of student and teacher on fresh inputs.
struct Comparison {
  Tensor loss = {};   ///< to be minimised, one element
  double error = 0;   ///< sum |h - y|^2
  double target = 0;  ///< sum |y|^2
};
/// sum |h - y|^2 / N as the loss, N the length of the first axis.
Comparison compare(const Tensor& h, const Tensor& y);

/// The rate of step t.
using Rate = std::function<double(std::int64_t step)>;
struct Learner {
  std::unique_ptr<nn::Optimizer> optimizer;
  Rate rate;
};
/// SGD with options.learning_rate; else Adam with it or 1e-3, falling to 0 along a cosine over options.stop.steps.
/// Error of `op`: SGD without a rate, a parameter that is held.
Learner make_learner(std::string_view op, std::vector<nn::NamedTensor> parameters, const CloneOptions& options);

/// Records gradients even where the caller does not. `threshold` is the error to reach where options.stop has none.
/// Error of `op`: an error that is not finite, with its step; a teacher whose outputs are all 0.
CloneResult run_clone_loop(std::string_view op, const Learner& learner, double threshold, const CloneOptions& options,
                           const std::function<Comparison(RandomKey)>& compare_on);

/// What options.stop has for the students where it is absent.
double default_stop_nmse(StudentKind kind);

}  // namespace orbitgrad::models
