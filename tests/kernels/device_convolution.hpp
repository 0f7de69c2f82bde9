// The three ops of a convolution, plain or over a group, on a device: what the tests of both share.
#pragma once

#include "tests/kernels/case_table.hpp"
#include "tests/kernels/device_versions.hpp"

namespace orbitgrad::testing {

/// As a kernel of that precision, not float32, rounds its operands.
inline std::vector<float> rounded(kernels::Precision precision, std::vector<float> values) {
  for (float& value : values)
    value = precision == kernels::Precision::tf32       ? kernels::rounded_to_tf32(value)
            : precision == kernels::Precision::bfloat16 ? static_cast<float>(kernels::Bfloat16(value))
                                                        : static_cast<float>(kernels::Float16(value));
  return values;
}

template <class Problem, class T>
struct ConvolutionOnDevice {
  using Array = kernels::testing::DeviceArray<T>;

  Problem problem;
  std::vector<T> x, w, dy, bias;

  ConvolutionOnDevice(const Problem& p, std::int64_t out_fields)
      : problem(p),
        x(make_data<T>(p.x_size(), 1, Data::random)),
        w(make_data<T>(p.w_size(), 2, Data::random)),
        dy(make_data<T>(p.y_size(), 3, Data::random)),
        bias(make_data<T>(out_fields, 4, Data::random)) {}

  auto forward(bool with_bias = true) const { return forward_of(problem, with_bias); }
  /// asked: the problem as the kernel takes it, with a precision for example.
  template <class Asked>
  auto forward_of(const Asked& asked, bool with_bias = true) const {
    return [this, asked, with_bias](const auto& version) {
      Array on_x(version.device, std::span(x)), on_w(version.device, std::span(w)), on_y(version.device, dy.size());
      Array on_bias(version.device, std::span(bias));
      version.launch(asked, on_x.data(), on_w.data(), with_bias ? on_bias.data() : nullptr, on_y.data());
      return on_y.to_host();
    };
  }
  auto input_gradient() const { return input_gradient_of(problem); }
  template <class Asked>
  auto input_gradient_of(const Asked& asked) const {
    return [this, asked](const auto& version) {
      Array on_dy(version.device, std::span(dy)), on_w(version.device, std::span(w)), on_dx(version.device, x.size());
      version.launch(asked, on_dy.data(), on_w.data(), on_dx.data());
      return on_dx.to_host();
    };
  }
  auto filter_gradient() const { return filter_gradient_of(problem); }
  template <class Asked>
  auto filter_gradient_of(const Asked& asked) const {
    return [this, asked](const auto& version) {
      Array on_x(version.device, std::span(x)), on_dy(version.device, std::span(dy)), on_dw(version.device, w.size());
      version.launch(asked, on_x.data(), on_dy.data(), on_dw.data());
      return on_dw.to_host();
    };
  }
};

}  // namespace orbitgrad::testing
