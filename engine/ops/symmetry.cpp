#include "engine/ops/symmetry.hpp"

#include <cmath>

#include "engine/captured_step.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/hexagonal_domain.hpp"
#include "engine/ops/indexing.hpp"
#include "engine/ops/lattice_tables.hpp"
#include "engine/ops/linear_map.hpp"
#include "engine/ops/shape_ops.hpp"
#include "engine/ops/transfer.hpp"
#include "kernels/orbit_mean/orbit_mean.hpp"
#include "kernels/reynolds/reynolds.hpp"
#include "kernels/rotate/rotate.hpp"

namespace orbitgrad {

namespace {

/// Positions that each element reads: those that its inverse goes to. So destinations serve as sources wherever the
/// sum is over the whole group, and for one element s they are the row of s^-1.
kernels::OrbitProblem orbit_problem(const groups::Action& action, const Shape& shape) {
  const std::int64_t points = action.points();
  return kernels::OrbitProblem::mean(points == 0 ? 0 : shape.numel() / points, points, action.group().order(),
                                     action.destination_table().data());
}

/// L_h for one element h. Orthogonal: the adjoint is the inverse.
struct OneElement {
  static constexpr std::string_view name = "act", adjoint_name = "act_inverse";
  groups::Action action;
  int element;
  Shape in_shape, out_shape;

  template <class T>
  void forward(DeviceKind device, const T* x, T* y) const {
    gather(device, action.group().inverse(element), x, y);
  }
  template <class T>
  void adjoint(DeviceKind device, const T* y, T* x) const {
    gather(device, element, y, x);
  }

 private:
  template <class T>
  void gather(DeviceKind device, int row, const T* x, T* y) const {
    const std::int32_t selected = row;
    kernels::OrbitProblem problem = orbit_problem(action, in_shape);
    problem.terms = 1, problem.selected = &selected, problem.divisor = 1;
    launch<kernels::OrbitExpand<T>>(name, device, kernels::cpu::orbit_expand<T>, problem, x, y);
  }
};

/// The projection onto invariant vectors. The whole group holds every inverse: it is its own adjoint.
struct OrbitAverage {
  static constexpr std::string_view name = "orbit_mean", adjoint_name = "orbit_mean";
  groups::Action action;
  Shape in_shape, out_shape;

  template <class T>
  void forward(DeviceKind device, const T* x, T* y) const {
    launch<kernels::OrbitMean<T>>(name, device, kernels::cpu::orbit_mean<T>, orbit_problem(action, in_shape), x, y);
  }
  template <class T>
  void adjoint(DeviceKind device, const T* y, T* x) const {
    forward(device, y, x);
  }
};

kernels::ReynoldsProblem reynolds_problem(const groups::Action& out, const groups::Action& in) {
  return {.rows = out.points(),
          .cols = in.points(),
          .elements = out.group().order(),
          .source_out = out.destination_table().data(),
          .source_in = in.destination_table().data()};
}

/// P = P P = P^T.
struct Reynolds {
  static constexpr std::string_view name = "reynolds_projection", adjoint_name = "reynolds_projection";
  groups::Action out, in;
  Shape in_shape, out_shape;

  template <class T>
  void forward(DeviceKind device, const T* w, T* projection) const {
    launch<kernels::ReynoldsProject<T>>(name, device, kernels::cpu::reynolds_project<T>, reynolds_problem(out, in), w,
                                        projection);
  }
  template <class T>
  void adjoint(DeviceKind device, const T* y, T* x) const {
    forward(device, y, x);
  }
};

/// Keeps w and, from the fused forward, the gradient 2 (w - P(w)).
struct PenaltyNode final : Node {
  PenaltyNode(const groups::Action& out, const groups::Action& in) : out_(out), in_(in) {}
  std::string_view name() const override { return "equivariance_penalty"; }
  Saves saves() const override { return Saves::all_inputs(); }
  std::vector<Tensor> backward(const Tensor& dy) override {
    if (!GradMode::is_recording()) return {dy * input(1), Tensor()};
    return {dy * ((input(0) - reynolds_projection(input(0), out_, in_)) * 2.0), Tensor()};
  }
  groups::Action out_, in_;
};

struct Rotation {
  static constexpr std::string_view name = "rotate_bilinear", adjoint_name = "rotate_bilinear_adjoint";
  Tensor angles;  // float64, dense, in host memory whatever the device: launches read them there
  Shape in_shape, out_shape;

  template <class T>
  void forward(DeviceKind device, const T* x, T* y) const {
    launch<kernels::RotateForward<T>>(name, device, kernels::cpu::rotate_forward<T>, problem(), x, y);
  }
  template <class T>
  void adjoint(DeviceKind device, const T* y, T* x) const {
    launch<kernels::RotateAdjoint<T>>(adjoint_name, device, kernels::cpu::rotate_adjoint<T>, problem(), y, x);
  }

 private:
  kernels::RotateProblem problem() const {
    return {.batch = in_shape[0],
            .channels = in_shape[1],
            .height = in_shape[2],
            .width = in_shape[3],
            .angles = angles.host_data<double>()};
  }
};

void require_points(std::string_view op, const Tensor& x, const groups::Action& action) {
  require(x.rank() >= 1 && x.size(-1) == action.points(), op,
          "x {} must have the {} points of the action of {} on its last axis. Reshape it.", x.shape(), action.points(),
          action.group().name());
}

void require_weights(std::string_view op, const Tensor& w, const groups::Action& out, const groups::Action& in) {
  require(w.rank() == 2 && w.size(0) == out.points() && w.size(1) == in.points(), op,
          "w must be [out, in] = [{}, {}], the points of the two actions, got {}. Reshape it.", out.points(),
          in.points(), w.shape());
  require(out.group().has_same_table(in.group()), op,
          "the actions are of different groups, {} of order {} and {} of order {}. Both must be of one group.",
          out.group().name(), out.group().order(), in.group().name(), in.group().order());
}

void require_lattice(std::string_view op, const Tensor& x, const groups::LatticeGroup& group, int element, int rank) {
  require(x.rank() >= rank, op, "x must have at least {} axes, got {}. Reshape it.", rank, x.shape());
  group.group.require_element(op, element);
}

/// y(p) = x(h^-1 p) on the hexagon, 0 in the corners of its array.
Tensor act_on_hexagon(const Tensor& x, const groups::LatticeGroup& group, int element) {
  const std::int64_t radius = hexagonal::require_domain("act_on_image", "x", x, group), size = 2 * radius + 1;
  static_cast<void>(lattice_tables("act_on_image", group));  // its errors
  const groups::LatticeMatrix& back = group.matrices[static_cast<std::size_t>(group.group.inverse(element))];
  std::vector<std::int64_t> source;
  for (std::int64_t row = -radius; row <= radius; ++row)
    for (std::int64_t col = -radius; col <= radius; ++col) {
      const std::int64_t from_row = back[0] * row + back[1] * col, from_col = back[2] * row + back[3] * col;
      const bool is_inside = std::abs(row + col) <= radius;
      source.push_back(is_inside ? (from_row + radius) * size + from_col + radius : 0);
    }
  const Tensor index = constant_on(from_vector(source, {size * size}, DeviceKind::cpu), x.device());
  return hexagonal::on_domain(reshape(index_select(flatten(x, -2), -1, index), x.shape()));
}

}  // namespace

Tensor act(const Tensor& x, const groups::Action& action, int element) {
  require_points("act", x, action);
  action.group().require_element("act", element);
  return linear::apply(OneElement{action, element, x.shape(), x.shape()}, x);
}

Tensor act_on_image(const Tensor& x, const groups::LatticeGroup& group, int element) {
  require_lattice("act_on_image", x, group, element, 2);
  if (group.is_hexagonal()) return act_on_hexagon(x, group, element);
  const groups::LatticeMatrix& h = group.matrices[static_cast<std::size_t>(element)];
  const bool swaps_axes = h[1] != 0;
  // y(h p) = x(p): rows of y run backwards where the row of h has a minus.
  Axes reversed;
  if (h[0] + h[1] < 0) reversed.push_back(-2);
  if (h[2] + h[3] < 0) reversed.push_back(-1);
  const Tensor turned = swaps_axes ? transpose(x) : x;
  return reversed.empty() ? turned : flip(turned, reversed);
}

Tensor act_on_regular(const Tensor& x, const groups::LatticeGroup& group, int element) {
  require_lattice("act_on_regular", x, group, element, 3);
  require(x.size(-3) == group.order(), "act_on_regular",
          "x must be [..., |G|, H, W] with |G| = {}, got {}. Use the group that made x.", group.order(), x.shape());
  std::vector<std::int64_t> source;
  const int inverse = group.group.inverse(element);
  for (int t = 0; t < group.order(); ++t) source.push_back(group.group.product(inverse, t));
  return act_on_image(
      index_select(x, -3, constant_on(from_vector(source, {group.order()}, DeviceKind::cpu), x.device())), group,
      element);
}

Tensor orbit_mean(const Tensor& x, const groups::Action& action) {
  require_points("orbit_mean", x, action);
  return linear::apply(OrbitAverage{action, x.shape(), x.shape()}, x);
}

Tensor reynolds_projection(const Tensor& w, const groups::Action& out, const groups::Action& in) {
  require_weights("reynolds_projection", w, out, in);
  return linear::apply(Reynolds{out, in, w.shape(), w.shape()}, w);
}

Tensor equivariance_penalty(const Tensor& w, const groups::Action& out, const groups::Action& in) {
  if (is_half(w.dtype())) return in_float32(w, [&](const Tensor& wide) { return equivariance_penalty(wide, out, in); });
  constexpr std::string_view op = "equivariance_penalty";
  require_weights(op, w, out, in);
  Tensor value = Tensor::empty({}, DType::float64, w.device());
  Tensor gradient =
      GradMode::is_recording() && w.requires_grad() ? Tensor::empty(w.shape(), w.dtype(), w.device()) : Tensor();
  visit_floating(op, w.dtype(), [&]<class T>(TypeTag<T>) {
    const NoGrad no_grad;
    T* const slope = gradient.defined() ? fresh_data<T>(gradient) : nullptr;
    launch<kernels::ReynoldsPenalty<T>>(op, w.device(), kernels::cpu::reynolds_penalty<T>, reynolds_problem(out, in),
                                        contiguous(w).data<T>(), 1.0, fresh_data<double>(value), slope);
  });
  return record<PenaltyNode>(cast(value, w.dtype()), {&w, &gradient}, out, in);
}

Tensor rotate_bilinear(const Tensor& x, const Tensor& angles) {
  constexpr std::string_view op = "rotate_bilinear";
  require(x.rank() == 4, op, "x must be [N, C, H, W], got {}. Reshape it.", x.shape());
  require(angles.defined() && angles.shape() == Shape{x.size(0)}, op,
          "the angles must be [{}], one per image, got {}. Give one for each.", x.size(0),
          angles.defined() ? angles.shape().to_string() : "an undefined tensor");
  refuse_while_capturing(op, "later runs would turn by the same angles, which are read here. Rotate before the step.");
  const Tensor radians = on_host(cast(angles.detach(), DType::float64));
  for (std::int64_t i = 0; i < radians.numel(); ++i)
    require(std::isfinite(radians.host_data<double>()[i]), op,
            "the angle of image {} is {}. Angles are finite numbers, in radians.", i, radians.host_data<double>()[i]);
  return linear::apply(Rotation{radians, x.shape(), x.shape()}, x);
}

}  // namespace orbitgrad
