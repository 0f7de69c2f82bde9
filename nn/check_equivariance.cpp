#include "nn/check_equivariance.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "engine/autograd/node.hpp"
#include "engine/ops/shape_ops.hpp"
#include "engine/ops/symmetry.hpp"

namespace orbitgrad::nn {

namespace {

template <class T>
using BitsOf = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;

/// max|values|; NaN, which no comparison finds, counts as infinite.
template <class T>
double largest(const std::vector<T>& values) {
  double result = 0;
  for (const T value : values)
    result = std::isnan(value) ? std::numeric_limits<double>::infinity()
                               : std::max(result, std::abs(static_cast<double>(value)));
  return result;
}

template <class T>
ElementError compare(int element, const Tensor& moved_first, const Tensor& moved_last, double scale) {
  const std::vector<T> a = moved_first.to_vector<T>(), b = moved_last.to_vector<T>();
  ElementError result{.element = element};
  double difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto bits = std::bit_cast<BitsOf<T>>(a[i]) ^ std::bit_cast<BitsOf<T>>(b[i]);
    if (bits == 0) continue;
    ++result.differing_values;
    result.differing_bits += std::popcount(bits);
    const double error = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    difference = std::isnan(error) ? std::numeric_limits<double>::infinity() : std::max(difference, error);
  }
  result.relative_error = difference == 0 ? 0 : difference / scale;
  return result;
}

}  // namespace

double EquivarianceReport::max_relative_error() const {
  double result = 0;
  for (const ElementError& error : elements) result = std::max(result, error.relative_error);
  return result;
}

std::int64_t EquivarianceReport::differing_values() const {
  std::int64_t result = 0;
  for (const ElementError& error : elements) result += error.differing_values;
  return result;
}

std::int64_t EquivarianceReport::differing_bits() const {
  std::int64_t result = 0;
  for (const ElementError& error : elements) result += error.differing_bits;
  return result;
}

std::string EquivarianceReport::to_string() const {
  std::string text =
      fmt::format("{:>7}  {:>14}  {:>22}  {:>14}\n", "element", "relative error", "differing values", "differing bits");
  for (const ElementError& error : elements)
    text += fmt::format("{:>7}  {:>14.3e}  {:>22}  {:>14}\n", error.element, error.relative_error,
                        fmt::format("{} of {}", error.differing_values, values), error.differing_bits);
  return text;
}

Tensor transform(const Tensor& x, Representation how, const groups::LatticeGroup& group, int element) {
  switch (how) {
    case Representation::invariant:
      return x;
    case Representation::planar:
      return act_on_image(x, group, element);
    case Representation::regular:
      return act_on_regular(x, group, element);
    case Representation::regular_vector:
      break;
  }
  const Tensor one_pixel = unsqueeze(unsqueeze(x, x.rank()), x.rank() + 1);
  return reshape(act_on_regular(one_pixel, group, element), x.shape());
}

EquivarianceReport check_equivariance(const TensorMap& f, const Tensor& x, const groups::LatticeGroup& group,
                                      Representation input, Representation output) {
  const NoGrad no_grad;
  const Tensor y = f(x);
  return visit_floating("check_equivariance", y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    require(y.numel() > 0, "check_equivariance",
            "f(x) of shape {} has no values to compare. Give inputs that are not empty.", y.shape().to_string());
    const double scale = largest(y.to_vector<T>());
    require(std::isfinite(scale), "check_equivariance", "f(x) of shape {} is not finite. Check weights and input.",
            y.shape().to_string());
    EquivarianceReport report{.elements = {}, .values = y.numel()};
    for (int element = 0; element < group.order(); ++element) {
      const Tensor moved_first = f(transform(x, input, group, element));
      const Tensor moved_last = transform(y, output, group, element);
      require(moved_first.shape() == moved_last.shape(), "check_equivariance",
              "f(L_h x) is {}, but L_h f(x) is {} for h = {}. Use square images, or another output representation.",
              moved_first.shape().to_string(), moved_last.shape().to_string(), element);
      report.elements.push_back(compare<T>(element, moved_first, moved_last, scale));
    }
    return report;
  });
}

EquivarianceReport check_equivariance(Module& module, const Tensor& x, const groups::LatticeGroup& group) {
  const NoGrad no_grad;
  const int rank = module(x).rank();
  return check_equivariance(module, x, group,
                            rank == 5   ? Representation::regular
                            : rank == 4 ? Representation::planar
                                        : Representation::invariant);
}

EquivarianceReport check_equivariance(Module& module, const Tensor& x, const groups::LatticeGroup& group,
                                      Representation output) {
  require(x.rank() == 4 || x.rank() == 5, "check_equivariance",
          "x must be [N, C, H, W] or [N, C, S, H, W], got {}. Give images or regular features.", x.shape().to_string());
  const auto input = x.rank() == 5 ? Representation::regular : Representation::planar;
  return check_equivariance([&](const Tensor& image) { return module(image); }, x, group, input, output);
}

}  // namespace orbitgrad::nn
