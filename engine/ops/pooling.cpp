#include "engine/ops/pooling.hpp"

#include <limits>

#include "engine/ops/pick_positions.hpp"
#include "engine/ops/shape_ops.hpp"
#include "kernels/group_pool/group_pool.hpp"
#include "kernels/pooling/pooling.hpp"

namespace orbitgrad {

namespace {

/// Over pixels or over the group; keeps nothing but the positions of the winners.
struct MaximumNode final : Node {
  MaximumNode(std::string_view name, const kernels::GatherAxisProblem& problem) : name_(name), problem_(problem) {}
  std::string_view name() const override { return name_; }
  Saves saves() const override { return Saves::input(1); }
  std::vector<Tensor> backward(const Tensor& dy) override {
    return {linear::apply_adjoint(PickPositions{problem_, input_shape(0), dy.shape(), input(1)}, dy), Tensor()};
  }
  std::string_view name_;
  kernels::GatherAxisProblem problem_;
};

struct AveragePool {
  static constexpr std::string_view name = "average_pool2d", adjoint_name = "average_pool2d_adjoint";
  kernels::Pool2dProblem problem;
  Shape in_shape, out_shape;

  template <class T>
  void forward(DeviceKind device, const T* x, T* y) const {
    launch<kernels::AveragePool2dForward<T>>(name, device, kernels::cpu::average_pool2d_forward<T>, problem, x, y);
  }
  template <class T>
  void adjoint(DeviceKind device, const T* y, T* x) const {
    launch<kernels::AveragePool2dAdjoint<T>>(adjoint_name, device, kernels::cpu::average_pool2d_adjoint<T>, problem, y,
                                             x);
  }
};

struct GroupMean {
  static constexpr std::string_view name = "group_mean_pool", adjoint_name = "group_mean_pool_adjoint";
  kernels::GroupPoolProblem problem;
  Shape in_shape, out_shape;

  template <class T>
  void forward(DeviceKind device, const T* x, T* y) const {
    launch<kernels::GroupMeanForward<T>>(name, device, kernels::cpu::group_mean_forward<T>, problem, x, y);
  }
  template <class T>
  void adjoint(DeviceKind device, const T* y, T* x) const {
    launch<kernels::GroupMeanAdjoint<T>>(adjoint_name, device, kernels::cpu::group_mean_adjoint<T>, problem, y, x);
  }
};

/// Runs maximum(x, y, index or null) on dense arrays and records; the winners are looked for only if somebody will ask.
template <class Maximum>
Tensor maximum_over(std::string_view op, const Tensor& x, const Shape& shape, const kernels::GatherAxisProblem& problem,
                    Maximum&& maximum) {
  if (is_half(x.dtype()))
    return in_float32(x, [&](const Tensor& wide) { return maximum_over(op, wide, shape, problem, maximum); });
  Tensor y = Tensor::empty(shape, x.dtype(), x.device());
  Tensor index =
      GradMode::is_recording() && x.requires_grad() ? Tensor::empty(shape, DType::int64, x.device()) : Tensor();
  visit_floating(op, x.dtype(), [&]<class T>(TypeTag<T>) {
    const NoGrad no_grad;
    maximum(contiguous(x).data<T>(), fresh_data<T>(y), index.defined() ? fresh_data<std::int64_t>(index) : nullptr);
  });
  return record<MaximumNode>(std::move(y), {&x, &index}, op, problem);
}

struct PlanePooling {
  kernels::Pool2dProblem problem;
  Shape shape;  // of the result
};

PlanePooling plane_pooling(std::string_view op, const Tensor& x, const Pool2dOptions& options) {
  if (x.rank() < 3) fail(op, "x must have rank 3 or more, [..., H, W], got {}. Reshape it.", x.shape().to_string());
  require(options.kernel >= 1, op, "the kernel must be at least 1, got {}. Use 2 to halve an image.", options.kernel);
  require(options.stride >= 0, op, "the stride must be at least 1, got {}. Use 0 for that of the kernel.",
          options.stride);
  constexpr std::int64_t most = std::int64_t{1} << 20;  // longer than any image; the arithmetic below stays in range
  require(options.kernel <= most && options.stride <= most, op,
          "kernel and stride are at most {}, got {} and {}. Use smaller ones, or a mean over the axes.", most,
          options.kernel, options.stride);
  require(options.padding >= 0 && options.padding <= options.kernel / 2, op,
          "the padding must be between 0 and half the kernel {}, got {}. More would pool over padding alone.",
          options.kernel, options.padding);
  PlanePooling result{.problem = {}, .shape = x.shape()};
  kernels::Pool2dProblem& problem = result.problem;
  problem.planes = 1;
  for (int axis = 0; axis < x.rank() - 2; ++axis) problem.planes *= x.shape()[axis];
  problem.height = x.size(-2), problem.width = x.size(-1);
  require(problem.height > 0 && problem.width > 0, op, "x {} has no pixels to pool. Leave empty images out.",
          x.shape());
  require(problem.height <= std::numeric_limits<std::int32_t>::max() / problem.width, op,
          "the images of x {} have more pixels than a 32-bit number can count. Cut them up.", x.shape());
  problem.kernel_h = problem.kernel_w = options.kernel;
  problem.stride_h = problem.stride_w = options.stride == 0 ? options.kernel : options.stride;
  problem.pad_h = problem.pad_w = options.padding;
  if (options.kernel > problem.height + 2 * options.padding || options.kernel > problem.width + 2 * options.padding)
    fail(op, "the kernel {} is larger than the padded image {} x {} of x {}. Pad more, or use a smaller kernel.",
         options.kernel, problem.height + 2 * options.padding, problem.width + 2 * options.padding,
         x.shape().to_string());
  result.shape[x.rank() - 2] = problem.out_height();
  result.shape[x.rank() - 1] = problem.out_width();
  return result;
}

kernels::GroupPoolProblem group_pooling(std::string_view op, const Tensor& x) {
  if (x.rank() != 5 || x.size(2) < 1)
    fail(op, "x must be regular features [N, C, |G|, H, W], got {}.{}", x.shape().to_string(),
         x.rank() == 4 ? " Images have no group axis: lift them first, lift_conv2d(...)."
                       : " Keep one plane per group element.");
  return kernels::GroupPoolProblem::whole_group(x.size(0) * x.size(1), x.size(2), x.size(3) * x.size(4));
}

}  // namespace

Tensor max_pool2d(const Tensor& x, const Pool2dOptions& options) {
  const PlanePooling pooling = plane_pooling("max_pool2d", x, options);
  const kernels::Pool2dProblem& problem = pooling.problem;
  return maximum_over("max_pool2d", x, pooling.shape, problem.gather(),
                      [&]<class T>(const T* from, T* to, std::int64_t* index) {
                        launch<kernels::MaxPool2dForward<T>>(
                            "max_pool2d", x.device(), kernels::cpu::max_pool2d_forward<T>, problem, from, to, index);
                      });
}

Tensor average_pool2d(const Tensor& x, const Pool2dOptions& options) {
  const auto [problem, shape] = plane_pooling("average_pool2d", x, options);
  return linear::apply(AveragePool{problem, x.shape(), shape}, x);
}

Tensor group_max_pool(const Tensor& x) {
  const kernels::GroupPoolProblem problem = group_pooling("group_max_pool", x);
  return maximum_over("group_max_pool", x, x.shape().without_axis(2), problem.gather(),
                      [&]<class T>(const T* from, T* to, std::int64_t* index) {
                        launch<kernels::GroupMaxForward<T>>(
                            "group_max_pool", x.device(), kernels::cpu::group_max_forward<T>, problem, from, to, index);
                      });
}

Tensor group_mean_pool(const Tensor& x) {
  return linear::apply(GroupMean{group_pooling("group_mean_pool", x), x.shape(), x.shape().without_axis(2)}, x);
}

}  // namespace orbitgrad
