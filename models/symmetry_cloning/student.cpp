#include "models/symmetry_cloning/student.hpp"

#include <array>
#include <cmath>

#include "engine/ops/affine.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"
#include "nn/layer_options.hpp"
#include "nn/nearest_name.hpp"

namespace orbitgrad::models {

namespace {

std::string shape_of(const Tensor& x) { return x.defined() ? x.shape().to_string() : "an undefined tensor"; }

Tensor normal_weight(std::int64_t out, std::int64_t in, double gain, RandomKey key, DType dtype) {
  return nn::fan_in_normal({out, in}, in, gain, key, dtype);
}

StudentSizes without_taps(StudentSizes sizes) {
  sizes.taps = 0;
  return sizes;
}

std::int64_t checked_width(std::string_view op, std::int64_t hidden) {
  require(hidden > 0, op, "the hidden width is {}. Give a positive number.", hidden);
  return hidden;
}

}  // namespace

Student::Student(std::string_view op, const StudentSizes& sizes, bool rectified, bool conditional)
    : sizes_(sizes), rectified_(rectified) {
  require(sizes.in > 0 && sizes.out > 0, op, "the sizes are {} -> {}. Give positive ones.", sizes.in, sizes.out);
  require(!conditional || sizes.taps > 0, op, "the student sees tau, which has {} taps. Give a positive number.",
          sizes.taps);
}

Tensor Student::apply(const Tensor& x, const Tensor& tau) const {
  const Tensor y = before_activation(x, tau);
  return rectified_ ? relu(y) : y;
}

Tensor Student::before_activation(const Tensor& x, const Tensor& tau) const {
  require(x.defined() && x.rank() == 2 && x.size(1) == sizes_.in, to_string(kind()), "x must be [N, {}], got {}.",
          sizes_.in, shape_of(x));
  if (is_conditional())
    require(tau.defined() && tau.shape() == Shape{x.size(0), sizes_.taps}, to_string(kind()),
            "tau must be [{}, {}], got {}. Give one filter per sample.", x.size(0), sizes_.taps, shape_of(tau));
  else
    require(!tau.defined(), to_string(kind()), "this student sees no tau, got {}. Use a conditional one.",
            shape_of(tau));
  return map(x, tau);
}

Tensor Student::forward(const Tensor& x, const nn::Pass& /*pass*/) { return apply(x); }

Tensor Student::apply_channels(const Tensor& x, const Tensor& tau) const {
  const std::string_view op = to_string(kind());
  require(is_conditional(), op, "this student sees no tau. Use a conditional one: concatenating or hyper_linear.");
  require(x.defined() && x.rank() == 3 && x.size(2) == sizes_.in, op, "x must be [N, C, {}], got {}.", sizes_.in,
          shape_of(x));
  require(tau.defined() && tau.rank() == 3 && tau.size(1) == x.size(1) && tau.size(2) == sizes_.taps, op,
          "tau must be [C_out, {}, {}], got {}. Give one filter per pair of channels.", x.size(1), sizes_.taps,
          shape_of(tau));
  return map_channels(x, tau);
}

Tensor Student::map_channels(const Tensor& /*x*/, const Tensor& /*tau*/) const {
  fail(to_string(kind()), "this student sees tau and has no sum over channels. Override map_channels.");
}

LinearStudent::LinearStudent(const StudentSizes& sizes, RandomKey key, const StudentOptions& options)
    : Student("LinearStudent", without_taps(sizes), options.rectified, false),
      weight_(register_parameter("weight", normal_weight(sizes.out, sizes.in, 1, key, options.dtype))) {}

Tensor LinearStudent::map(const Tensor& x, const Tensor& /*tau*/) const { return affine(x, weight_); }

ReluMlpStudent::ReluMlpStudent(const StudentSizes& sizes, RandomKey key, const StudentOptions& options)
    : Student("ReluMlpStudent", without_taps(sizes), options.rectified, false) {
  const std::int64_t width = checked_width("ReluMlpStudent", options.hidden);
  hidden_weight_ = register_parameter("hidden_weight", normal_weight(width, sizes.in, 2, key.split(0), options.dtype));
  hidden_bias_ = register_parameter("hidden_bias", zeros({width}, options.dtype));
  output_weight_ = register_parameter("output_weight", normal_weight(sizes.out, width, 1, key.split(1), options.dtype));
  output_bias_ = register_parameter("output_bias", zeros({sizes.out}, options.dtype));
}

Tensor ReluMlpStudent::map(const Tensor& x, const Tensor& /*tau*/) const {
  return affine(affine(x, hidden_weight_, hidden_bias_, Activation::relu), output_weight_, output_bias_);
}

ConcatenatingStudent::ConcatenatingStudent(const StudentSizes& sizes, RandomKey key, const StudentOptions& options)
    : Student("ConcatenatingStudent", sizes, options.rectified, true) {
  const std::int64_t width = checked_width("ConcatenatingStudent", options.hidden), in = sizes.in + sizes.taps;
  hidden_weight_ = register_parameter("hidden_weight", normal_weight(width, in, 2, key.split(0), options.dtype));
  hidden_bias_ = register_parameter("hidden_bias", zeros({width}, options.dtype));
  output_weight_ = register_parameter("output_weight", normal_weight(sizes.out, width, 1, key.split(1), options.dtype));
  output_bias_ = register_parameter("output_bias", zeros({sizes.out}, options.dtype));
}

Tensor ConcatenatingStudent::map(const Tensor& x, const Tensor& tau) const {
  const Tensor joined = concat(std::array{x, tau}, 1);
  return affine(affine(joined, hidden_weight_, hidden_bias_, Activation::relu), output_weight_, output_bias_);
}

Tensor ConcatenatingStudent::map_channels(const Tensor& x, const Tensor& tau) const {
  // The first layer is a sum over its two inputs, the second is linear: neither need run for each pair of channels.
  const double unit = std::sqrt(2 / static_cast<double>(x.size(1) * sizes().taps));
  const Tensor of_x = affine(x, narrow(hidden_weight_, 1, 0, sizes().in));
  const Tensor of_tau = affine(tau / unit, narrow(hidden_weight_, 1, sizes().in, sizes().taps), hidden_bias_);
  const Tensor hidden = relu(unsqueeze(of_x, 1) + of_tau);  // [N, C_out, C_in, H]
  return affine(sum(hidden, {2}), output_weight_, output_bias_ * static_cast<double>(x.size(1))) * unit;
}

const std::vector<std::string>& student_names() {
  static const std::vector<std::string> names{"linear", "linear_relu", "relu_mlp", "concatenating", "hyper_linear"};
  return names;
}

std::string_view to_string(StudentKind kind) { return student_names()[static_cast<std::size_t>(kind)]; }

StudentKind student_by_name(std::string_view name) {
  for (std::size_t i = 0; i < student_names().size(); ++i)
    if (student_names()[i] == name) return static_cast<StudentKind>(i);
  nn::fail_unknown_name("student", "student", name, student_names());
}

std::shared_ptr<Student> make_student(StudentKind kind, StudentSizes sizes, RandomKey key, StudentOptions options) {
  switch (kind) {
    case StudentKind::linear_relu:
      options.rectified = true;
      [[fallthrough]];
    case StudentKind::linear:
      return std::make_shared<LinearStudent>(sizes, key, options);
    case StudentKind::relu_mlp:
      return std::make_shared<ReluMlpStudent>(sizes, key, options);
    case StudentKind::concatenating:
      return std::make_shared<ConcatenatingStudent>(sizes, key, options);
    case StudentKind::hyper_linear:
      return std::make_shared<HyperLinearStudent>(sizes, key, options);
  }
  fail("make_student", "{} is no kind of student. Use one of StudentKind.", static_cast<int>(kind));
}

}  // namespace orbitgrad::models
