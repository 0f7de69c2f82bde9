#include "models/baselines/group_average.hpp"

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"

namespace orbitgrad::models {

namespace {

Tensor average_of(const PoseMap& f, const Tensor& x, const LatticeSymmetry& symmetry) {
  return mean(stack(returned_outputs(f, x, symmetry), 0), {0});
}

/// f gets the number of the sample j.
Tensor sampled_average_of(const PoseMap& f, const Tensor& x, const LatticeSymmetry& symmetry, std::int64_t samples,
                          RandomKey key) {
  require(samples >= 1, "sampled_group_average", "takes one random element or more, got {}. Ask for k >= 1.", samples);
  const auto& [group, input, output] = symmetry;
  std::vector<Tensor> outputs;
  for (int j = 0; j < samples; ++j) {
    const Tensor g = random_elements(x.size(0), group, key.split(static_cast<std::uint64_t>(j))).to(x.device());
    outputs.push_back(act_each_inverse(f(act_each(x, input, group, g), j), output, group, g));
  }
  return mean(stack(outputs, 0), {0});
}

}  // namespace

Tensor group_average(const TensorMap& f, const Tensor& x, const LatticeSymmetry& symmetry) {
  return average_of([&](const Tensor& pose, int) { return f(pose); }, x, symmetry);
}

Tensor sampled_group_average(const TensorMap& f, const Tensor& x, const LatticeSymmetry& symmetry, std::int64_t samples,
                             RandomKey key) {
  return sampled_average_of([&](const Tensor& pose, int) { return f(pose); }, x, symmetry, samples, key);
}

GroupAveraged::GroupAveraged(std::shared_ptr<nn::Module> network, LatticeSymmetry symmetry, std::int64_t samples)
    : network_(std::move(network)), symmetry_(std::move(symmetry)), samples_(samples) {
  require(samples >= 0, "GroupAveraged", "the number of samples is {}. Give k >= 1, or 0 for the whole group.",
          samples);
  register_child("network", network_);
}

Tensor GroupAveraged::forward(const Tensor& x, const nn::Pass& pass) {
  const auto f = [&](const Tensor& pose, int j) {
    return network_->forward(pose, pass.child(static_cast<std::uint64_t>(j)));
  };
  if (samples_ == 0 || !pass.training) return average_of(f, x, symmetry_);
  return sampled_average_of(f, x, symmetry_, samples_, pass.key.split("elements"));
}

}  // namespace orbitgrad::models
