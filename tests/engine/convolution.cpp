// Plain convolution: values against the formula, derivatives, circular padding, errors.
#include "engine/ops/convolution.hpp"

#include <limits>
#include <memory>

#include "engine/ops/arithmetic.hpp"
#include "tests/engine/expect_error.hpp"
#include "tests/engine/op_checks.hpp"

namespace orbitgrad {
namespace {

using testing::expect_derivatives;
using testing::Inputs;
using testing::relative_difference;
using testing::smooth_input;

struct Setting {
  std::int64_t channels, outputs, height, width, kernel_height, kernel_width;
  Conv2dOptions options;
  std::string text() const {
    return fmt::format("C{} K{} {}x{} k{}x{} stride {} padding {} dilation {} groups {}{}", channels, outputs, height,
                       width, kernel_height, kernel_width, options.stride, options.padding, options.dilation,
                       options.groups, options.padding_mode == PadMode::circular ? " circular" : "");
  }
  Inputs inputs(std::int64_t batch = 2) const {
    return {smooth_input({batch, channels, height, width}, 1),
            smooth_input({outputs, channels / options.groups, kernel_height, kernel_width}, 2),
            smooth_input({outputs}, 3)};
  }
};

std::vector<Setting> settings() {
  return {{2, 3, 5, 4, 3, 3, {.padding = 1}},
          {2, 2, 5, 6, 2, 2, {}},
          {1, 2, 6, 5, 1, 1, {.stride = 2}},
          {2, 2, 6, 5, 3, 2, {.stride = 2, .padding = 1}},
          {1, 2, 6, 6, 3, 3, {.padding = 2, .dilation = 2}},
          {4, 2, 4, 4, 3, 3, {.padding = 1, .groups = 2}},
          {2, 2, 4, 3, 3, 3, {.padding = 1, .padding_mode = PadMode::circular}},
          {2, 2, 4, 5, 2, 3, {.stride = 2, .padding = 3, .padding_mode = PadMode::circular}}};
}

/// The formula of the header, position by position.
Tensor reference(const Tensor& x, const Tensor& w, const Tensor& bias, const Conv2dOptions& options) {
  const auto xs = x.to_vector<double>(), ws = w.to_vector<double>(), bs = bias.to_vector<double>();
  const std::int64_t channels = x.size(1), height = x.size(2), width = x.size(3), outputs = w.size(0),
                     depth = w.size(1);
  const std::int64_t kh = w.size(2), kw = w.size(3);
  const std::int64_t out_height = (height + 2 * options.padding - options.dilation * (kh - 1) - 1) / options.stride + 1;
  const std::int64_t out_width = (width + 2 * options.padding - options.dilation * (kw - 1) - 1) / options.stride + 1;
  std::vector<double> ys;
  const auto wrapped = [](std::int64_t p, std::int64_t size) { return ((p % size) + size) % size; };
  for (std::int64_t n = 0; n < x.size(0); ++n)
    for (std::int64_t k = 0; k < outputs; ++k)
      for (std::int64_t o = 0; o < out_height * out_width; ++o) {
        double y = bs[static_cast<std::size_t>(k)];
        for (std::int64_t c = 0; c < depth; ++c)
          for (std::int64_t u = 0; u < kh * kw; ++u) {
            std::int64_t row = o / out_width * options.stride + u / kw * options.dilation - options.padding;
            std::int64_t col = o % out_width * options.stride + u % kw * options.dilation - options.padding;
            if (options.padding_mode == PadMode::circular) row = wrapped(row, height), col = wrapped(col, width);
            if (row < 0 || col < 0 || row >= height || col >= width) continue;
            const std::int64_t channel = k / (outputs / options.groups) * depth + c;
            y += xs[static_cast<std::size_t>(((n * channels + channel) * height + row) * width + col)] *
                 ws[static_cast<std::size_t>((k * depth + c) * kh * kw + u)];
          }
        ys.push_back(y);
      }
  return from_vector(ys, {x.size(0), outputs, out_height, out_width});
}

TEST(Convolution, FollowsTheFormula) {
  for (const Setting& setting : settings()) {
    SCOPED_TRACE(setting.text());
    const Inputs in = setting.inputs();
    const Tensor expected = reference(in[0], in[1], in[2], setting.options);
    EXPECT_LE(relative_difference(conv2d(in[0], in[1], in[2], setting.options), expected), 1e-12);
    const auto single = [](const Tensor& t) { return t.detach().to(DType::float32); };
    EXPECT_LE(relative_difference(conv2d(single(in[0]), single(in[1]), single(in[2]), setting.options), expected),
              3e-6);
  }
}

TEST(Convolution, DerivativesOfEveryOrder) {
  for (const Setting& setting : settings()) {
    const Conv2dOptions options = setting.options;
    expect_derivatives(
        {setting.text(), [=](const Inputs& x) { return conv2d(x[0], x[1], x[2], options); }, setting.inputs()});
  }
  const Inputs in = settings()[0].inputs();
  expect_derivatives({"no bias", [](const Inputs& x) { return conv2d(x[0], x[1]); }, {in[0], in[1]}});
}

TEST(Convolution, OnlyTheFilterIsTracked) {
  const Inputs in = settings()[0].inputs();
  expect_derivatives({"filter", [](const Inputs& x) { return conv2d(x[0], x[1]); }, {in[0].detach(), in[1]}});
  EXPECT_FALSE(conv2d(in[0].detach(), in[1].detach()).requires_grad());
}

/// Whether the graph of y = conv2d(x, w, bias), with gradients asked for as given, keeps x and w in memory.
std::pair<bool, bool> kept(bool x_is_tracked, bool w_is_tracked, bool bias_is_tracked) {
  const auto made = [](const Shape& shape, bool is_tracked) {
    Tensor leaf = ones(shape);
    if (is_tracked) leaf.set_requires_grad();
    return leaf * 1.0;  // of which nobody else has a handle
  };
  Tensor x = made({2, 3, 5, 4}, x_is_tracked), w = made({4, 3, 3, 3}, w_is_tracked);
  const Tensor y = conv2d(x, w, made({4}, bias_is_tracked));
  const std::weak_ptr<Storage> x_memory = x.body().storage, w_memory = w.body().storage;
  x = w = Tensor();
  return {!x_memory.expired(), !w_memory.expired()};
}

TEST(Convolution, KeepsOnlyWhatAGradientNeeds) {
  using Kept = std::pair<bool, bool>;
  EXPECT_EQ(kept(true, true, true), Kept(true, true));
  EXPECT_EQ(kept(true, false, true), Kept(false, true));
  EXPECT_EQ(kept(false, true, false), Kept(true, false));
  EXPECT_EQ(kept(false, false, true), Kept(false, false));
  EXPECT_EQ(kept(false, false, false), Kept(false, false));
}

TEST(Convolution, EmptyBatch) {
  const Inputs in = settings()[0].inputs(0);
  const TensorFunction f = [](const Inputs& x) { return conv2d(x[0], x[1], x[2], {.padding = 1}); };
  EXPECT_EQ(f(in).shape(), (Shape{0, 3, 5, 4}));
  testing::expect_empty_gradients(f, in);
}

TEST(Convolution, Errors) {
  const Tensor x = ones({2, 3, 5, 4}), w = ones({4, 3, 3, 3});
  EXPECT_ERROR(conv2d(ones({3, 5, 4}), w), "x must be [N, C, H, W], got [3, 5, 4]");
  EXPECT_ERROR(conv2d(x, ones({4, 3, 3})), "w must be [K, C / groups, kh, kw]");
  EXPECT_ERROR(conv2d(x, w.to(DType::float64)), "float64");
  EXPECT_ERROR(conv2d(x.to(DType::int64), w.to(DType::int64)), "takes float32 or float64, got int64");
  EXPECT_ERROR(conv2d(Tensor(), w), "undefined");
  EXPECT_ERROR(conv2d(x, ones({4, 2, 3, 3})), "w must be [K, 3, ...], got [4, 2, 3, 3]");
  EXPECT_ERROR(conv2d(x, w, {}, {.groups = 2}), "2 channel groups must divide the 3 input channels");
  EXPECT_ERROR(conv2d(x, w, ones({3})), "the bias must be [4]");
  EXPECT_ERROR(conv2d(x, w, {}, {.stride = 0}), "the stride must be at least 1");
  EXPECT_ERROR(conv2d(x, w, {}, {.padding = -1}), "the padding must not be negative, got -1");
  EXPECT_ERROR(conv2d(x, w, {}, {.dilation = 0}), "the dilation must be at least 1");
  EXPECT_ERROR(conv2d(x, w, {}, {.groups = 0}), "groups must be at least 1");
  EXPECT_ERROR(conv2d(x, w, {}, {.dilation = 3}), "the kernel covers 7 x 7 pixels");
  EXPECT_ERROR(conv2d(x, ones({4, 3, 0, 3})), "at least one tap");
  // Products with these would wrap around and pass for a kernel of one tap, or for a negative padding.
  constexpr std::int64_t huge = std::int64_t{1} << 62, most = std::numeric_limits<std::int64_t>::max();
  EXPECT_ERROR(conv2d(x, ones({4, 3, 5, 5}), {}, {.dilation = huge}), "stride, padding and dilation are at most");
  EXPECT_ERROR(conv2d(x, w, {}, {.padding = most}), "stride, padding and dilation are at most");
  EXPECT_ERROR(conv2d(x, w, {}, {.stride = most}), "stride, padding and dilation are at most");
}

}  // namespace
}  // namespace orbitgrad
