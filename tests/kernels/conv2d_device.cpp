#include "kernels/conv2d/conv2d.hpp"

#include "kernels/rounded.hpp"
#include "tests/kernels/conv2d_case.hpp"
#include "tests/kernels/device_convolution.hpp"

namespace orbitgrad::testing {
namespace {

using kernels::Conv2dProblem;
using kernels::testing::check_barriers_are_needed;
using kernels::testing::check_every_version;

template <class T>
class Conv2dDeviceTest : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(Conv2dDeviceTest, Types);

std::vector<Conv2dProblem> cases() {
  std::vector<Conv2dProblem> all = {make(1, 1, 1, 1, 1, 1, 1),
                                    make(2, 3, 5, 7, 4, 3, 3, 1, 1),
                                    make(2, 4, 7, 6, 4, 3, 3, 2, 1),
                                    make(1, 2, 9, 9, 2, 3, 3, 1, 2, 2),
                                    make(2, 6, 5, 5, 4, 3, 3, 1, 1, 1, 2),
                                    make(1, 2, 4, 4, 70, 1, 1, 3),
                                    make(0, 2, 5, 5, 3, 3, 3),
                                    make(2, 0, 5, 5, 3, 3, 3, 1, 1),
                                    make(2, 2, 2, 2, 3, 3, 3),           // the kernel does not fit: no outputs
                                    make(3, 1, 2, 2, 2, 3, 3, 1, 4),     // more padding than the kernel is wide
                                    make(9, 1, 12, 12, 2, 3, 3, 1, 1)};  // pieces of a filter gradient
  Conv2dProblem uneven = make(2, 3, 9, 12, 5, 3, 2);
  uneven.stride_height = 2, uneven.stride_width = 3, uneven.padding_height = 0, uneven.padding_width = 1;
  uneven.dilation_height = 2;
  all.push_back(uneven);
  return all;
}

TYPED_TEST(Conv2dDeviceTest, EveryVersionMatchesTheCpu) {
  using T = TypeParam;
  for (const Conv2dProblem& p : cases()) {
    SCOPED_TRACE("batch " + std::to_string(p.batch) + ", " + std::to_string(p.in_channels) + " to " +
                 std::to_string(p.out_channels) + " channels, height " + std::to_string(p.in_height));
    const ConvolutionOnDevice<Conv2dProblem, T> on_device(p, p.out_channels);
    const auto &x = on_device.x, &w = on_device.w, &dy = on_device.dy, &bias = on_device.bias;
    std::vector<T> y(dy.size()), y_plain(dy.size()), dx(x.size()), dw(w.size()), db(bias.size());
    kernels::cpu::conv2d_forward(p, x.data(), w.data(), bias.data(), y.data());
    kernels::cpu::conv2d_forward<T>(p, x.data(), w.data(), nullptr, y_plain.data());
    kernels::cpu::conv2d_input_gradient(p, dy.data(), w.data(), dx.data());
    kernels::cpu::conv2d_filter_gradient(p, x.data(), dy.data(), dw.data());
    check_every_version<kernels::Conv2dForward<T>>(p, on_device.forward(), y, tolerance<T>());
    check_every_version<kernels::Conv2dForward<T>>(p, on_device.forward(false), y_plain, tolerance<T>());
    check_every_version<kernels::Conv2dInputGradient<T>>(p, on_device.input_gradient(), dx, tolerance<T>());
    check_every_version<kernels::Conv2dFilterGradient<T>>(p, on_device.filter_gradient(), dw, tolerance<T>());

    const kernels::BiasGradientProblem of_bias{p.batch, p.out_channels, p.out_height() * p.out_width()};
    kernels::cpu::conv2d_bias_gradient(of_bias.batch, of_bias.channels, of_bias.positions, dy.data(), db.data());
    const auto run = [&](const auto& version) {
      kernels::testing::DeviceArray<T> on_dy(version.device, std::span(dy)), on_db(version.device, db.size());
      version.launch(of_bias, on_dy.data(), on_db.data());
      return on_db.to_host();
    };
    check_every_version<kernels::Conv2dBiasGradient<T>>(of_bias, run, db, tolerance<T>());
  }
}

// Their kernels count places in 32 bits; tensors without elements may have any.
TYPED_TEST(Conv2dDeviceTest, GatheredVersionsRefusePlanesBeyond32Bits) {
  using Forward = kernels::Conv2dForward<TypeParam>;
  const auto gathered = [](const Conv2dProblem& p) {
    return kernels::Registry<Forward>::find("implicit_gemm", kernels::DeviceKind::sim, p) != nullptr;
  };
  for (const int batch : {0, 1}) {
    EXPECT_TRUE(gathered(make(batch, 1, 1 << 10, 1 << 10, 1, 3, 3))) << batch;
    EXPECT_FALSE(gathered(make(batch, 1, 1 << 16, 1 << 16, 1, 3, 3))) << batch;
  }
  EXPECT_FALSE(gathered(make(1 << 12, 1, 1 << 10, 1 << 10, 1, 3, 3)));
  EXPECT_FALSE(gathered(make(0, std::int64_t{1} << 61, 4, 4, 1, 2, 2)));
}

TYPED_TEST(Conv2dDeviceTest, EveryBarrierIsNeeded) {
  using T = TypeParam;
  const Conv2dProblem p = make(2, 9, 9, 9, 3, 2, 2);
  const ConvolutionOnDevice<Conv2dProblem, T> on_device(p, p.out_channels);
  check_barriers_are_needed<kernels::Conv2dForward<T>>(p, on_device.forward());
  check_barriers_are_needed<kernels::Conv2dInputGradient<T>>(p, on_device.input_gradient());
  check_barriers_are_needed<kernels::Conv2dFilterGradient<T>>(p, on_device.filter_gradient());
}

using kernels::Precision;
using kernels::Rounded;

// The reference is the strict product of numbers that were rounded before.
TEST(Conv2dDevice, RoundedVersionsMatchTheCpuOnRoundedOperands) {
  for (const Precision precision : {Precision::tf32, Precision::bfloat16, Precision::float16})
    for (const Conv2dProblem& p : {make(2, 3, 5, 7, 4, 3, 3, 1, 1), make(2, 6, 5, 5, 4, 3, 3, 2, 1, 1, 2),
                                   make(1, 2, 4, 4, 70, 1, 1, 3), make(9, 1, 12, 12, 2, 3, 3, 1, 1)}) {
      const ConvolutionOnDevice<Conv2dProblem, float> on_device(p, p.out_channels);
      const auto x = rounded(precision, on_device.x), w = rounded(precision, on_device.w);
      const auto dy = rounded(precision, on_device.dy);
      std::vector<float> y(dy.size()), dx(x.size()), dw(w.size());
      kernels::cpu::conv2d_forward(p, x.data(), w.data(), on_device.bias.data(), y.data());
      kernels::cpu::conv2d_input_gradient(p, dy.data(), w.data(), dx.data());
      kernels::cpu::conv2d_filter_gradient(p, x.data(), dy.data(), dw.data());
      const kernels::RoundedProblem<Conv2dProblem> asked{p, precision};
      check_every_version<Rounded<kernels::Conv2dForward<float>>>(
          asked, on_device.forward_of(asked), y, tolerance<float>(), kernels::testing::library_tolerance(precision));
      check_every_version<Rounded<kernels::Conv2dInputGradient<float>>>(asked, on_device.input_gradient_of(asked), dx,
                                                                        tolerance<float>(),
                                                                        kernels::testing::library_tolerance(precision));
      check_every_version<Rounded<kernels::Conv2dFilterGradient<float>>>(
          asked, on_device.filter_gradient_of(asked), dw, tolerance<float>(),
          kernels::testing::library_tolerance(precision));
    }
}

TEST(Conv2dDevice, EveryBarrierOfTheRoundedVersionsIsNeeded) {
  const Conv2dProblem p = make(2, 9, 9, 9, 3, 2, 2);
  const ConvolutionOnDevice<Conv2dProblem, float> on_device(p, p.out_channels);
  const kernels::RoundedProblem<Conv2dProblem> asked{p, Precision::bfloat16};
  check_barriers_are_needed<Rounded<kernels::Conv2dForward<float>>>(asked, on_device.forward_of(asked));
  check_barriers_are_needed<Rounded<kernels::Conv2dFilterGradient<float>>>(asked, on_device.filter_gradient_of(asked));
}

}  // namespace
}  // namespace orbitgrad::testing
