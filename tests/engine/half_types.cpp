// bfloat16 and float16 tensors: stored, moved, converted, saved, and computed with in float32.
#include <gtest/gtest.h>

#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <functional>
#include <numeric>

#include "engine/autograd/grad.hpp"
#include "engine/io/safetensors.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/cast.hpp"
#include "engine/ops/comparison.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/indexing.hpp"
#include "engine/ops/matmul.hpp"
#include "engine/ops/normalization.hpp"
#include "engine/ops/pooling.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/segments.hpp"
#include "engine/ops/shape_ops.hpp"
#include "engine/ops/sorting.hpp"
#include "engine/ops/statistics.hpp"
#include "engine/ops/triangular.hpp"
#include "engine/random.hpp"
#include "engine/update.hpp"
#include "tests/engine/expect_error.hpp"

namespace orbitgrad {
namespace {

class HalfTensor : public ::testing::TestWithParam<DType> {
 protected:
  DType half() const { return GetParam(); }
  Tensor random(const Shape& shape, std::uint64_t key = 1, double scale = 1) const {
    return cast(normal(shape, RandomKey{key}) * scale, half());
  }
};
INSTANTIATE_TEST_SUITE_P(Types, HalfTensor, ::testing::Values(DType::bfloat16, DType::float16),
                         [](const auto& info) { return std::string(name(info.param)); });

/// The elements as float32 values.
std::vector<float> values(const Tensor& x) { return cast(x.detach(), DType::float32).to_vector<float>(); }

bool same(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() && values(a) == values(b);
}

/// Every bit pattern of the type, NaN and all.
Tensor all_patterns(DType dtype) {
  return visit_half(dtype, [&]<class T>(TypeTag<T>) {
    std::vector<T> patterns(0x10000);
    for (std::size_t i = 0; i < patterns.size(); ++i) patterns[i] = std::bit_cast<T>(static_cast<std::uint16_t>(i));
    return from_vector(patterns, {256, 256});
  });
}
std::vector<std::uint16_t> bits(const Tensor& x) {
  return visit_half(x.dtype(), [&]<class T>(TypeTag<T>) {
    std::vector<std::uint16_t> result;
    for (const T value : x.to_vector<T>()) result.push_back(value.bits);
    return result;
  });
}

TEST_P(HalfTensor, EveryPatternSurvivesMovesAndViews) {
  const Tensor x = all_patterns(half());
  std::vector<std::uint16_t> counted(0x10000);
  std::iota(counted.begin(), counted.end(), std::uint16_t{0});
  EXPECT_EQ(bits(x), counted);
  for (const DeviceKind device : {DeviceKind::cpu, DeviceKind::sim}) {
    const Tensor there = x.to(device);
    EXPECT_EQ(bits(there), counted);
    EXPECT_EQ(bits(contiguous(transpose(contiguous(transpose(there))))), counted);
    EXPECT_EQ(bits(concat(std::vector<Tensor>{narrow(there, 0, 0, 100), narrow(there, 0, 100, 156)}, 0)), counted);
    EXPECT_EQ(bits(flip(flip(there, {0, 1}), {0, 1})), counted);
    Tensor target = zeros({256, 256}, half(), device);
    assign(target, there);
    EXPECT_EQ(bits(target), counted);
  }
}

TEST_P(HalfTensor, CastsRoundOnceOnEveryDevice) {
  const std::vector<double> given{0.1,       -1.0 / 3,         1e5,   -1e300, 1e-6,     1e-300,
                                  65519.999, 1.00390625000001, 2.5e9, -0.0,   INFINITY, 1.001};
  for (const DeviceKind device : {DeviceKind::cpu, DeviceKind::sim}) {
    const Tensor x = cast(from_vector(given).to(device), half());
    std::vector<float> expected;
    for (const double value : given)
      visit_half(half(), [&]<class T>(TypeTag<T>) { expected.push_back(static_cast<float>(T(value))); });
    EXPECT_EQ(values(x), expected) << name(device);
    EXPECT_EQ(cast(x, DType::float64).to_vector<double>(), std::vector<double>(expected.begin(), expected.end()));
  }
  const Tensor x = cast(from_vector<float>({0, 1.5f, -2.75f, NAN, INFINITY}), half());
  EXPECT_EQ(cast(x, DType::boolean).to_vector<bool>(), (std::vector<bool>{false, true, true, true, true}));
  EXPECT_EQ(cast(x, DType::int32).to_vector<std::int32_t>(), (std::vector<std::int32_t>{0, 1, -2, 0, INT32_MAX}));
  EXPECT_EQ(values(cast(from_vector<std::int64_t>({3, -7, 1}), half())), (std::vector<float>{3, -7, 1}));
  EXPECT_EQ(values(cast(from_vector<bool>({true, false}), half())), (std::vector<float>{1, 0}));
}

TEST_P(HalfTensor, AreMadePrintedAndRead) {
  EXPECT_EQ(item_size(half()), 2);
  EXPECT_EQ(full({}, 0.1, half()).item<float>(), half() == DType::bfloat16 ? 0.10009765625f : 0.0999755859375f);
  EXPECT_EQ(values(arange(4, half())), (std::vector<float>{0, 1, 2, 3}));
  EXPECT_EQ(values(identity(2, half())), (std::vector<float>{1, 0, 0, 1}));
  EXPECT_EQ(values(ones({2}, half(), DeviceKind::sim)), (std::vector<float>{1, 1}));
  const std::string text = full({2}, 1.5, half()).to_string();
  EXPECT_NE(text.find("[1.5, 1.5]"), std::string::npos) << text;
  EXPECT_NE(text.find(name(half())), std::string::npos) << text;
  EXPECT_TRUE(same(normal({5}, RandomKey{3}, 0, 1, half()), cast(normal({5}, RandomKey{3}), half())));
  EXPECT_ERROR(zeros({2}, half()).data<float>(), "float32 was asked for");
}

TEST_P(HalfTensor, SafetensorsKeepEveryPattern) {
  const auto file = std::filesystem::temp_directory_path() / fmt::format("orbitgrad_half_{}.safetensors", ::getpid());
  save_safetensors(file, {.tensors = {{"x", all_patterns(half())}, {"y", ones({3})}}, .metadata = {}});
  const SafeTensors loaded = load_safetensors(file);
  std::filesystem::remove(file);
  EXPECT_EQ(loaded.tensors.at("x").dtype(), half());
  EXPECT_EQ(bits(loaded.tensors.at("x")), bits(all_patterns(half())));
}

// An op of half tensors is the float32 op of the same numbers, rounded once; so are its derivatives.
TEST_P(HalfTensor, OpsComputeInFloat32AndRoundOnce) {
  using Op = std::function<Tensor(const std::vector<Tensor>&)>;
  const Tensor positions = from_vector<std::int64_t>({2, 0, 1}, {3});
  const std::vector<std::pair<std::string_view, Op>> ops{
      {"add", [](const auto& x) { return x[0] + x[1]; }},
      {"divide", [](const auto& x) { return x[0] / x[1]; }},
      {"power", [](const auto& x) { return power(absolute(x[0]), x[1]); }},
      {"number", [](const auto& x) { return 1.1 - x[0] * 0.3; }},
      {"power_of_number", [](const auto& x) { return power(absolute(x[0]), 2.2); }},
      {"maximum", [](const auto& x) { return maximum(x[0], x[1]); }},
      {"tanh", [](const auto& x) { return tanh(x[0]); }},
      {"softplus", [](const auto& x) { return softplus(x[0]); }},
      {"relu", [](const auto& x) { return relu(x[0]); }},
      {"where", [](const auto& x) { return where(less(x[0], x[1]), x[0], x[1]); }},
      {"mean", [](const auto& x) { return mean(x[0], {1}); }},
      {"variance", [](const auto& x) { return variance(x[0], {0}); }},
      {"max", [](const auto& x) { return max(x[0], {1}); }},
      {"log_softmax", [](const auto& x) { return log_softmax(x[0], 1); }},
      {"index_select", [&](const auto& x) { return index_select(x[0], 1, positions.to(x[0].device())); }},
      {"average_pool2d", [](const auto& x) { return average_pool2d(unsqueeze(x[0], 0), {.kernel = 2}); }},
      {"max_pool2d", [](const auto& x) { return max_pool2d(unsqueeze(x[0], 0), {.kernel = 2}); }},
      {"sort", [](const auto& x) { return sort(x[0], 1).values; }},
      {"cumsum", [](const auto& x) { return cumsum(x[0], 1); }},
      {"logsumexp", [](const auto& x) { return logsumexp(x[0], {1}); }},
      {"norm", [](const auto& x) { return norm(x[0], 3, {0}); }},
      {"prod", [](const auto& x) { return prod(x[0], {1}); }},
      {"segment_mean", [](const auto& x) { return segment_mean(x[0], zeros({4}, DType::int64, x[0].device()), 2, 0); }},
      {"segment_max", [](const auto& x) { return segment_max(x[0], zeros({4}, DType::int64, x[0].device()), 1, 0); }},
      {"tril", [](const auto& x) { return tril(x[0], 1); }},
      {"matmul", [](const auto& x) { return matmul(x[0], transpose(x[1])); }}};
  for (const DeviceKind device : {DeviceKind::cpu, DeviceKind::sim})
    for (const auto& [title, op] : ops) {
      SCOPED_TRACE(title);
      std::vector<Tensor> halves{random({4, 6}, 1).to(device), random({4, 6}, 2).to(device)}, floats;
      for (Tensor& x : halves) floats.push_back(cast(x, DType::float32));
      for (auto* inputs : {&halves, &floats})
        for (Tensor& x : *inputs) x = x.detach().set_requires_grad();
      const Tensor y = op(halves), wide = op(floats);
      if (title != "number") {  // two ops: its first result is rounded as well
        EXPECT_TRUE(same(y, cast(wide, half())));
      }
      const Tensor dy = random(y.shape(), 3).to(device);
      const GradOptions narrow_options{.allow_unused = true, .output_gradients = {dy}};
      const GradOptions wide_options{.allow_unused = true, .output_gradients = {cast(dy, DType::float32)}};
      const auto dx = grad({y}, halves, narrow_options), wide_dx = grad({wide}, floats, wide_options);
      for (std::size_t i = 0; i < dx.size(); ++i) {
        ASSERT_EQ(dx[i].defined(), wide_dx[i].defined());
        if (!dx[i].defined()) continue;
        EXPECT_EQ(dx[i].dtype(), half());
        const double unit = half() == DType::bfloat16 ? 0x1p-7 : 0x1p-10;
        const auto got = values(dx[i]), expected = values(wide_dx[i]);
        for (std::size_t k = 0; k < got.size(); ++k)
          EXPECT_NEAR(got[k], expected[k], unit * (std::abs(expected[k]) + 1e-3)) << "input " << i;
      }
    }
}

TEST_P(HalfTensor, MeetAnotherTypeAsPyTorchHasIt) {
  const Tensor x = random({3}), f32 = ones({3}), f64 = ones({3}, DType::float64);
  const Tensor other = ones({3}, half() == DType::bfloat16 ? DType::float16 : DType::bfloat16);
  EXPECT_EQ((x + x).dtype(), half());
  EXPECT_EQ((x * 2.0).dtype(), half());
  EXPECT_EQ((x + f32).dtype(), DType::float32);
  EXPECT_EQ((f64 * x).dtype(), DType::float64);
  EXPECT_EQ((x - other).dtype(), DType::float32);
  EXPECT_EQ(matmul(x, f32).dtype(), DType::float32);
  EXPECT_EQ(equal(x, f32).dtype(), DType::boolean);
  EXPECT_TRUE(all(equal(x, cast(x, DType::float64))));
  EXPECT_ERROR(x + arange(3), "Convert one with to()");
  EXPECT_ERROR(f32 + f64, "Convert one with to()");
  Tensor a = x.detach().set_requires_grad(), b = f32.detach().set_requires_grad();
  sum(a * b).backward();
  EXPECT_EQ(a.grad().dtype(), half());
  EXPECT_EQ(b.grad().dtype(), DType::float32);
}

TEST(Float16Tensor, SumsDoNotOverflowOnTheWay) {
  const Tensor x = full({1000}, 1000.0, DType::float16);
  EXPECT_EQ(mean(x).item(), 1000);
  EXPECT_TRUE(std::isinf(sum(x).item())) << "the sum itself is beyond the largest number, 65504";
  EXPECT_EQ(matmul(x, full({1000}, 1.0 / 1024, DType::float16)).item<float>(), 976.5f);  // 976.5625, rounded once
}

TEST_P(HalfTensor, SecondDerivativesExist) {
  Tensor x = random({4, 4}).set_requires_grad();
  const Tensor y = sum(tanh(x) * x);
  const Tensor dx = grad({y}, {x}, {.create_graph = true})[0];
  const Tensor ddx = grad({sum(dx)}, {x})[0];
  EXPECT_EQ(ddx.dtype(), half());
  // (x tanh x)'' = 2 s (1 - x t) with t = tanh x, s = 1 - t^2
  const Tensor wide = cast(x.detach(), DType::float32), t = tanh(wide), s = 1.0 - square(t);
  const auto expected = values(s * 2.0 * (1.0 - wide * t)), got = values(ddx);
  const double unit = half() == DType::bfloat16 ? 0x1p-5 : 0x1p-8;
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], unit);
}

}  // namespace
}  // namespace orbitgrad
