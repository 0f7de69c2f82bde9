#include "kernels/conv2d/conv2d.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/kernels/case_table.hpp"
#include "tests/kernels/conv2d_case.hpp"

namespace orbitgrad::testing {
namespace {

using kernels::Conv2dFilterGradient;
using kernels::Conv2dForward;
using kernels::Conv2dInputGradient;
using kernels::Conv2dProblem;
using kernels::DeviceKind;
using kernels::Registry;

std::vector<Conv2dProblem> cases() {
  std::vector<Conv2dProblem> all = {make(1, 1, 1, 1, 1, 1, 1),
                                    make(2, 3, 5, 7, 4, 3, 3),
                                    make(3, 4, 8, 8, 6, 3, 3, 1, 1),
                                    make(1, 16, 9, 9, 8, 5, 5, 1, 2),
                                    make(2, 2, 7, 6, 3, 2, 4, 1, 1),
                                    make(2, 4, 9, 11, 4, 3, 3, 2, 1),
                                    make(2, 4, 10, 8, 6, 3, 3, 2, 0),
                                    make(1, 2, 12, 12, 2, 3, 3, 1, 2, 2),
                                    make(2, 6, 7, 7, 4, 3, 3, 1, 1, 1, 2),
                                    make(19, 2, 6, 6, 3, 3, 3, 1, 1),
                                    make(1, 1, 28, 28, 16, 5, 5),
                                    make(33, 8, 5, 5, 8, 1, 1),
                                    make(0, 2, 5, 5, 3, 3, 3),
                                    make(2, 2, 4, 4, 3, 1, 1, 3),
                                    make(2, 3, 7, 8, 4, 1, 1, 2),  // entries of x that no output reads
                                    make(8, 2, 9, 7, 3, 2, 2, 3, 2),
                                    make(2, 2, 4, 5, 3, 2, 3, 1, 4),    // outputs that read padding alone
                                    make(1, 70, 5, 6, 13, 3, 3, 1, 1),  // more channels than are copied at once
                                    make(1, 32, 20, 20, 64, 3, 3, 1, 1)};
  Conv2dProblem uneven = make(2, 3, 9, 12, 5, 3, 2);
  uneven.stride_height = 2, uneven.stride_width = 3, uneven.padding_height = 0, uneven.padding_width = 1;
  uneven.dilation_height = 2;
  all.push_back(uneven);
  return all;
}

/// Calls body(x index, w index, y index) for every product of the definition.
template <class Body>
void for_each_product(const Conv2dProblem& p, Body&& body) {
  const std::int64_t in = p.in_channels / p.groups, out = p.out_channels / p.groups;
  for (std::int64_t n = 0; n < p.batch; ++n)
    for (std::int64_t k = 0; k < p.out_channels; ++k)
      for (std::int64_t row = 0; row < p.out_height(); ++row)
        for (std::int64_t column = 0; column < p.out_width(); ++column)
          for (std::int64_t c = 0; c < in; ++c)
            for (std::int64_t i = 0; i < p.kernel_height; ++i)
              for (std::int64_t j = 0; j < p.kernel_width; ++j) {
                const std::int64_t r = row * p.stride_height + i * p.dilation_height - p.padding_height;
                const std::int64_t q = column * p.stride_width + j * p.dilation_width - p.padding_width;
                if (r < 0 || r >= p.in_height || q < 0 || q >= p.in_width) continue;
                body(((n * p.in_channels + k / out * in + c) * p.in_height + r) * p.in_width + q,
                     ((k * in + c) * p.kernel_height + i) * p.kernel_width + j,
                     ((n * p.out_channels + k) * p.out_height() + row) * p.out_width() + column);
              }
}

template <class T>
void check(const Conv2dProblem& p, Data kind) {
  SCOPED_TRACE(
      fmt::format("batch {} channels {}->{} image {}x{} kernel {}x{} stride {} padding {} dilation {} groups {}",
                  p.batch, p.in_channels, p.out_channels, p.in_height, p.in_width, p.kernel_height, p.kernel_width,
                  p.stride_height, p.padding_height, p.dilation_height, p.groups));
  const auto x = make_data<T>(p.x_size(), 1, kind), w = make_data<T>(p.w_size(), 2, kind);
  const auto dy = make_data<T>(p.y_size(), 3, kind), bias = make_data<T>(p.out_channels, 4, kind);
  std::vector<double> y(dy.size(), 0.0), y_bias(dy.size()), dx(x.size(), 0.0), dw(w.size(), 0.0), db(bias.size(), 0.0);
  for_each_product(p, [&](std::int64_t i, std::int64_t j, std::int64_t k) {
    const auto at_x = static_cast<std::size_t>(i), at_w = static_cast<std::size_t>(j),
               at_y = static_cast<std::size_t>(k);
    const double vx = static_cast<double>(x[at_x]), vw = static_cast<double>(w[at_w]),
                 vd = static_cast<double>(dy[at_y]);
    y[at_y] += vx * vw;
    dx[at_x] += vd * vw;
    dw[at_w] += vx * vd;
  });
  const auto positions = p.out_height() * p.out_width();
  for (std::size_t i = 0; i < y.size(); ++i) {
    const std::size_t k = i / static_cast<std::size_t>(positions) % bias.size();
    y_bias[i] = y[i] + static_cast<double>(bias[k]);
    db[k] += static_cast<double>(dy[i]);
  }
  for (const auto& f : Registry<Conv2dForward<T>>::all()) {
    if (f.device != DeviceKind::cpu || !f.supports(p)) continue;
    SCOPED_TRACE(f.name);
    const auto plain = deterministic<T>(p.y_size(), [&](T* out) { f.launch(p, x.data(), w.data(), nullptr, out); });
    expect_matches(plain, y, kind);
    const auto biased =
        deterministic<T>(p.y_size(), [&](T* out) { f.launch(p, x.data(), w.data(), bias.data(), out); });
    expect_matches(biased, y_bias, kind);
  }
  for (const auto& f : Registry<Conv2dInputGradient<T>>::all()) {
    if (f.device != DeviceKind::cpu || !f.supports(p)) continue;
    SCOPED_TRACE(fmt::format("{} input gradient", f.name));
    expect_matches(deterministic<T>(p.x_size(), [&](T* out) { f.launch(p, dy.data(), w.data(), out); }), dx, kind);
  }
  for (const auto& f : Registry<Conv2dFilterGradient<T>>::all()) {
    if (f.device != DeviceKind::cpu || !f.supports(p)) continue;
    SCOPED_TRACE(fmt::format("{} filter gradient", f.name));
    expect_matches(deterministic<T>(p.w_size(), [&](T* out) { f.launch(p, x.data(), dy.data(), out); }), dw, kind);
  }
  const auto bias_gradient = deterministic<T>(p.out_channels, [&](T* out) {
    kernels::cpu::conv2d_bias_gradient(p.batch, p.out_channels, positions, dy.data(), out);
  });
  expect_matches(bias_gradient, db, kind);
}

TEST(Conv2d, MatchesTheDefinition) {
  for (const auto& p : cases())
    for (const Data kind : {Data::small_integers, Data::random}) {
      check<float>(p, kind);
      check<double>(p, kind);
    }
}

// Sizes from which a library is called for blocks of channels: odd numbers of them, strides, dilation, several images
// with few positions and with large filters.
TEST(Conv2d, BlocksOfChannelsMatchTheDefinition) {
  for (const Conv2dProblem& p :
       {make(1, 67, 14, 13, 71, 3, 3, 1, 1), make(1, 65, 40, 31, 100, 3, 3, 2, 2, 2), make(1, 64, 41, 41, 129, 1, 1),
        make(3, 64, 26, 26, 64, 3, 3, 2, 1), make(3, 150, 6, 5, 130, 4, 4, 1, 2)})
    check<float>(p, Data::random);
}

TEST(Conv2d, ForcedImplementationIsTaken) {
  Conv2dProblem p = make(2, 3, 6, 6, 4, 3, 3);
  const auto x = make_data<float>(p.x_size(), 1, Data::random), w = make_data<float>(p.w_size(), 2, Data::random);
  for (const auto& f : Registry<Conv2dForward<float>>::all()) {
    if (f.device != DeviceKind::cpu) continue;
    p.implementation = f.name;
    const auto direct = guarded<float>(p.y_size(), [&](float* y) { f.launch(p, x.data(), w.data(), nullptr, y); });
    const auto chosen = guarded<float>(
        p.y_size(), [&](float* y) { kernels::cpu::conv2d_forward<float>(p, x.data(), w.data(), nullptr, y); });
    EXPECT_TRUE(same_bits(direct, chosen)) << f.name;
  }
}

}  // namespace
}  // namespace orbitgrad::testing
