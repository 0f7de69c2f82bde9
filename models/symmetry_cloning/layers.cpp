#include "models/symmetry_cloning/layers.hpp"

#include <cmath>

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/shape_ops.hpp"

namespace orbitgrad::models {

namespace {

void require_channels(std::string_view op, const Channels& channels) {
  require(channels.in > 0 && channels.out > 0, op, "the channels are {} -> {}. Give positive numbers.", channels.in,
          channels.out);
}

DType dtype_of_parameters(const nn::Module& module) { return module.parameters().front().dtype(); }

}  // namespace

Tensor initial_tau(const Channels& channels, std::int64_t taps, RandomKey key, DType dtype) {
  require_channels("initial_tau", channels);
  require(taps > 0, "initial_tau", "tau has {} taps. Give a positive number.", taps);
  const double deviation = std::sqrt(2.0 / static_cast<double>(channels.in * taps));
  return normal({channels.out, channels.in, taps}, key, 0, deviation, dtype);
}

ClonedLayer::ClonedLayer(std::shared_ptr<Student> student, const Channels& channels, RandomKey key)
    : student_(std::move(student)) {
  require(student_ != nullptr && student_->is_conditional(), "ClonedLayer",
          "its student must see tau. Use concatenating or hyper_linear, or a DenseLayer.");
  const DType dtype = dtype_of_parameters(*student_);
  tau_ = register_parameter("tau", initial_tau(channels, student_->sizes().taps, key, dtype));
  bias_ = register_parameter("bias", zeros({channels.out}, dtype));
  register_child("theta", student_);
}

Tensor ClonedLayer::forward(const Tensor& x, const nn::Pass& /*pass*/) {
  return student_->apply_channels(x, tau_) + unsqueeze(bias_, 1);
}

DenseLayer::DenseLayer(std::shared_ptr<Student> student, const Channels& channels)
    : student_(std::move(student)), channels_(channels) {
  constexpr std::string_view op = "DenseLayer";
  require_channels(op, channels);
  require(student_ != nullptr && !student_->is_conditional(), op,
          "its student must not see tau. Use linear, linear_relu or relu_mlp, or a ClonedLayer.");
  const auto& sizes = student_->sizes();
  require(sizes.in % channels.in == 0 && sizes.out % channels.out == 0, op,
          "a student {} -> {} does not split into channels {} -> {}. Give C_in d_in -> C_out d_out.", sizes.in,
          sizes.out, channels.in, channels.out);
  bias_ = register_parameter("bias", zeros({channels.out}, dtype_of_parameters(*student_)));
  register_child("theta", student_);
}

Tensor DenseLayer::forward(const Tensor& x, const nn::Pass& /*pass*/) {
  const auto& sizes = student_->sizes();
  require(x.defined() && x.rank() == 3 && x.size(1) == channels_.in && x.size(1) * x.size(2) == sizes.in, "DenseLayer",
          "x must be [N, {}, {}], got {}.", channels_.in, sizes.in / channels_.in,
          x.defined() ? x.shape().to_string() : "an undefined tensor");
  const Tensor y = student_->before_activation(flatten(x, 1, 2));
  return reshape(y, {x.size(0), channels_.out, sizes.out / channels_.out}) + unsqueeze(bias_, 1);
}

TeacherLayer::TeacherLayer(const LayerFamily& family, const Channels& channels, RandomKey key, DType dtype)
    : family_(family) {
  tau_ = register_parameter("tau", initial_tau(channels, family.taps(), key, dtype));
  bias_ = register_parameter("bias", zeros({channels.out}, dtype));
}

Tensor TeacherLayer::forward(const Tensor& x, const nn::Pass& /*pass*/) {
  return family_.apply(x, tau_) + unsqueeze(bias_, 1);
}

}  // namespace orbitgrad::models
