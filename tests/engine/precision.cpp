// Products at a precision: what is rounded, where, and that nothing is unless it was asked for.
#include "engine/precision.hpp"

#include <gtest/gtest.h>

#include "engine/autograd/gradcheck.hpp"
#include "engine/ops/affine.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/convolution.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/group_convolution.hpp"
#include "engine/ops/matmul.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"
#include "tests/engine/expect_error.hpp"
#include "tests/engine/op_checks.hpp"

namespace orbitgrad {
namespace {

using testing::relative_difference;
using testing::same_bits;

struct Case {
  std::string name;
  Shape x, w, b;
  Tensor (*run)(const Tensor& x, const Tensor& w, const Tensor& b);
};

/// Every product of the engine.
const std::vector<Case>& products() {
  static const std::vector<Case> cases{
      {"matmul",
       {3, 5, 18},
       {18, 7},
       {7},
       [](const auto& x, const auto& w, const auto& b) { return matmul(x, w) + b; }},
      {"affine", {2, 6, 18}, {7, 18}, {7}, [](const auto& x, const auto& w, const auto& b) { return affine(x, w, b); }},
      {"affine_relu",
       {9, 18},
       {7, 18},
       {7},
       [](const auto& x, const auto& w, const auto& b) { return affine(x, w, b, Activation::relu); }},
      {"conv2d",
       {2, 3, 6, 5},
       {4, 3, 3, 3},
       {4},
       [](const auto& x, const auto& w, const auto& b) { return conv2d(x, w, b, {.padding = 1}); }},
      {"lift_conv2d",
       {2, 2, 5, 5},
       {3, 2, 3, 3},
       {3},
       [](const auto& x, const auto& w, const auto& b) {
         return lift_conv2d(x, w, b, groups::lattice_group("p4"), {.padding = 1});
       }},
      {"group_conv2d", {1, 2, 4, 5, 5}, {3, 2, 4, 3, 3}, {3}, [](const auto& x, const auto& w, const auto& b) {
         return group_conv2d(x, w, b, groups::lattice_group("p4"), {});
       }}};
  return cases;
}

std::vector<Tensor> inputs_of(const Case& product, DeviceKind device) {
  std::vector<Tensor> inputs;
  std::uint64_t key = 1;
  for (const Shape& shape : {product.x, product.w, product.b})
    inputs.push_back(normal(shape, RandomKey{++key}, 0, 1, DType::float32, DeviceKind::cpu).to(device));
  return inputs;
}

std::vector<Tensor> tracked(const std::vector<Tensor>& inputs) {
  std::vector<Tensor> result;
  for (const Tensor& x : inputs) result.push_back(x.detach().set_requires_grad());
  return result;
}

class AtPrecision : public ::testing::TestWithParam<Precision> {};
INSTANTIATE_TEST_SUITE_P(All, AtPrecision, ::testing::Values(Precision::tf32, Precision::bfloat16, Precision::float16),
                         [](const auto& info) { return std::string(name(info.param)); });

// The product of rounded numbers in strict float32 is the reference: nothing but the order of the sum may differ.
TEST_P(AtPrecision, OperandsAreRoundedAndSumsAreFloat32) {
  const Precision precision = GetParam();
  for (const Case& product : products())
    for (const DeviceKind device : {DeviceKind::cpu, DeviceKind::sim}) {
      SCOPED_TRACE(product.name + " on " + std::string(name(device)));
      const std::vector<Tensor> given = inputs_of(product, device);
      const Tensor x = rounded(given[0], precision), w = rounded(given[1], precision);
      EXPECT_GT(relative_difference(x, given[0]), 1e-5) << "the numbers are there to be rounded";
      const Tensor expected = product.run(x, w, given[2]);
      const std::vector<Tensor> inputs = tracked(given), strict = tracked({x, w, given[2]});
      const Tensor y = [&] {
        const ScopedPrecision scope(precision);
        return product.run(inputs[0], inputs[1], inputs[2]);
      }();
      EXPECT_EQ(y.dtype(), DType::float32);
      EXPECT_LE(relative_difference(y, expected), 3e-6);
      EXPECT_GT(relative_difference(y, product.run(given[0], given[1], given[2])), 1e-5) << "nothing was rounded";
      if (product.name == "affine_relu") continue;  // its mask may differ where the sum is rounded to zero
      // Derivatives keep the precision outside the scope: the cotangent is rounded as well.
      const Tensor dy = normal(y.shape(), RandomKey{9}, 0, 1, DType::float32, DeviceKind::cpu).to(device);
      const auto gradients = grad({y}, inputs, {.output_gradients = {dy}});
      const auto of_rounded =
          grad({product.run(strict[0], strict[1], strict[2])}, strict, {.output_gradients = {rounded(dy, precision)}});
      const auto of_strict = grad({product.run(strict[0], strict[1], strict[2])}, strict, {.output_gradients = {dy}});
      EXPECT_LE(relative_difference(gradients[0], of_rounded[0]), 3e-6);
      EXPECT_LE(relative_difference(gradients[1], of_rounded[1]), 3e-6);
      EXPECT_LE(relative_difference(gradients[2], of_strict[2]), 3e-6) << "the bias is added, not multiplied";
    }
}

TEST_P(AtPrecision, TheBitsDoNotDependOnTheRun) {
  const ScopedPrecision scope(GetParam());
  for (const Case& product : products())
    for (const DeviceKind device : {DeviceKind::cpu, DeviceKind::sim}) {
      const std::vector<Tensor> x = inputs_of(product, device);
      EXPECT_TRUE(same_bits(product.run(x[0], x[1], x[2]), product.run(x[0], x[1], x[2]))) << product.name;
    }
}

TEST(Precisions, StrictIsTheDefaultAndDoubleIsNeverRounded) {
  EXPECT_EQ(product_precision(), Precision::float32);
  for (const Case& product : products())
    for (const DeviceKind device : {DeviceKind::cpu, DeviceKind::sim}) {
      SCOPED_TRACE(product.name + " on " + std::string(name(device)));
      std::vector<Tensor> single = inputs_of(product, device), wide;
      for (const Tensor& x : single) wide.push_back(x.to(DType::float64));
      const Tensor exact = product.run(wide[0], wide[1], wide[2]);
      EXPECT_LE(relative_difference(product.run(single[0], single[1], single[2]), exact), 3e-6);
      const ScopedPrecision scope(Precision::bfloat16);
      EXPECT_TRUE(same_bits<double>(product.run(wide[0], wide[1], wide[2]), exact));
    }
}

TEST(Precisions, AScopeEndsAndNests) {
  {
    const ScopedPrecision outer(Precision::bfloat16);
    EXPECT_EQ(product_precision(), Precision::bfloat16);
    {
      const ScopedPrecision inner(Precision::tf32);
      EXPECT_EQ(product_precision(), Precision::tf32);
    }
    EXPECT_EQ(product_precision(), Precision::bfloat16);
  }
  EXPECT_EQ(product_precision(), Precision::float32);
}

TEST(Precisions, AreReadByName) {
  for (const Precision precision : {Precision::float32, Precision::tf32, Precision::bfloat16, Precision::float16})
    EXPECT_EQ(parse_precision(name(precision)), precision);
  EXPECT_EQ(parse_precision("bfloat16"), Precision::bfloat16);
  EXPECT_ERROR(parse_precision("fp8"), "no precision 'fp8'");
}

// Half tensors: exact reading, products of their own precision, one rounding at the end.
TEST(Precisions, ProductsTakeHalfTensors) {
  for (const DType half : {DType::bfloat16, DType::float16})
    for (const Case& product : products())
      for (const DeviceKind device : {DeviceKind::cpu, DeviceKind::sim}) {
        if (product.name == "matmul") continue;  // a sum comes after it
        SCOPED_TRACE(product.name + " on " + std::string(name(device)));
        std::vector<Tensor> halves, singles;
        for (const Tensor& x : inputs_of(product, device)) {
          halves.push_back(x.to(half));
          singles.push_back(halves.back().to(DType::float32));
        }
        const auto inputs = tracked(halves), wide = tracked(singles);
        const Tensor y = product.run(inputs[0], inputs[1], inputs[2]);
        EXPECT_EQ(y.dtype(), half);
        const double unit = half == DType::bfloat16 ? 0x1p-8 : 0x1p-11;
        EXPECT_LE(relative_difference(y, product.run(wide[0], wide[1], wide[2])), unit * 1.01);
        sum(y).backward();
        sum(product.run(wide[0], wide[1], wide[2])).backward();
        for (std::size_t i = 0; i < inputs.size(); ++i) {
          EXPECT_EQ(inputs[i].grad().dtype(), half);
          if (product.name == "affine_relu") continue;
          EXPECT_LE(relative_difference(inputs[i].grad(), wide[i].grad()), unit * 1.01) << "input " << i;
        }
      }
}

TEST(Affine, EqualsItsPartsOnEveryDevice) {
  for (const DeviceKind device : {DeviceKind::cpu, DeviceKind::sim}) {
    const Tensor x = normal({3, 70, 19}, RandomKey{1}).to(device), w = normal({67, 19}, RandomKey{2}).to(device);
    const Tensor b = normal({67}, RandomKey{3}).to(device);
    const Tensor z = matmul(x, transpose(w)) + b;
    EXPECT_LE(relative_difference(affine(x, w, b), z), 3e-6);
    EXPECT_LE(relative_difference(affine(x, w), matmul(x, transpose(w))), 3e-6);
    EXPECT_LE(relative_difference(affine(x, w, b, Activation::relu), relu(z)), 3e-6);
    const Tensor gelu = z * 0.5 * (1.0 + erf(z * std::sqrt(0.5)));
    EXPECT_LE(relative_difference(affine(x, w, b, Activation::gelu), gelu), 3e-6);
    Tensor tracked_x = x.detach().set_requires_grad();
    const Tensor recorded = affine(tracked_x, w, b, Activation::gelu);
    EXPECT_LE(relative_difference(recorded, gelu), 3e-6);
    EXPECT_TRUE(device != DeviceKind::cpu || testing::same_bits(recorded, affine(x, w, b, Activation::gelu)));
  }
  const Tensor nan = affine(full({1, 1}, NAN), ones({1, 1}), {}, Activation::relu);
  EXPECT_TRUE(std::isnan(nan.item())) << "a ReLU hides no NaN";
  EXPECT_EQ(affine(zeros({0, 3}), zeros({2, 3}), zeros({2})).shape(), (Shape{0, 2}));
  EXPECT_EQ(affine(zeros({4, 0}), zeros({2, 0}), ones({2}), Activation::relu).to_vector<float>(),
            std::vector<float>(8, 1.0F));
}

TEST(Affine, BadArgumentsAreErrors) {
  const Tensor x = zeros({2, 3}), w = zeros({4, 3});
  EXPECT_ERROR(affine(x, zeros({3, 4})), "got [3, 4] and [2, 3]");
  EXPECT_ERROR(affine(x, w, zeros({3})), "the bias must be [4]");
  EXPECT_ERROR(affine(x, w.to(DType::float64)), "Convert one with to()");
  EXPECT_ERROR(affine(x, Tensor()), "undefined");
  EXPECT_ERROR(affine(zeros({2, 3}, DType::int64), zeros({4, 3}, DType::int64)), "takes floating tensors");
  EXPECT_ERROR(affine(zeros({}), w), "w must be [out, in]");
}

}  // namespace
}  // namespace orbitgrad
