// Measures of equivariance: errors against their bound and closed forms, projections, shifts with a border, scores.
#include "models/symmetry_cloning/measures.hpp"

#include <array>
#include <cmath>

#include "engine/ops/indexing.hpp"
#include "engine/ops/matmul.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"
#include "engine/ops/symmetry.hpp"
#include "models/symmetry_cloning/cloning.hpp"
#include "tests/nn/support.hpp"

namespace orbitgrad::models {
namespace {

using namespace testing_support;

const RandomKey key{31};

Tensor noise(const Shape& shape, std::uint64_t stream) {
  return normal(shape, key.split(stream), 0, 1, DType::float64);
}

LayerFamily lifting(std::int64_t size) { return LayerFamily({LayerKind::lifting, "p4", size, size}); }

FeatureMap by(const Tensor& matrix) {
  return [matrix](const Tensor& x) { return matmul(x, transpose(matrix)); };
}

TEST(EquivarianceMeasure, IsZeroForTeachersUnderBothSymmetries) {
  const LayerFamily teacher({LayerKind::group_convolution, "p4m", 4, 4, 3, Boundary::circular});
  const Tensor x = noise({3, 2, teacher.input_size()}, 1), tau = noise({2, 2, teacher.taps()}, 2);
  const FeatureMap h = [&](const Tensor& in) { return teacher.apply(in, tau); };
  EXPECT_LT(equivariance_error(h, x, teacher.point_symmetry()), 1e-24);
  EXPECT_LT(equivariance_error(h, x, teacher.shift_symmetry()), 1e-24);
}

TEST(EquivarianceMeasure, OfARandomMatrixIsNearTwo) {
  // h(g x) and g h(x) are then uncorrelated, with the same mean square.
  const LayerFamily teacher = lifting(8);
  const Tensor matrix = noise({teacher.output_size(), teacher.input_size()}, 1), x = noise({200, 64}, 2);
  const double error = equivariance_error(by(matrix), x, teacher.point_symmetry());
  EXPECT_NEAR(error, 2, 0.1);
  // Its formula, by hand, for one element.
  const LayerSymmetry symmetry = teacher.point_symmetry();
  const Tensor y = by(matrix)(x), d = by(matrix)(act(x, symmetry.in, 3)) - act(y, symmetry.out, 3);
  EXPECT_NEAR(equivariance_error(by(matrix), x, symmetry, std::array{3}), (sum(d * d) / sum(y * y)).item(), 1e-12);
}

TEST(EquivarianceMeasure, IsBoundedByTheErrorOfTheClone) {
  const LayerFamily teacher = lifting(6);
  double before = 10;
  for (const std::int64_t steps : {0, 2, 5, 15}) {
    LinearStudent student(student_sizes(teacher, CloneMode::fixed_tau), key);
    const CloneResult result = clone_layer(
        student, teacher, {.mode = CloneMode::fixed_tau, .batch = 128, .stop = {.nmse = 0.0, .steps = steps}});
    const FeatureMap h = [&](const Tensor& x) { return student.apply(x); };
    const Tensor tau = result.taus.front();
    const FeatureMap phi = [&](const Tensor& x) { return flatten(teacher.apply(unsqueeze(x, 1), tau), 1, 2); };
    const Tensor x = normal({512, 36}, key.split(4));
    const CloneError error = clone_error(h, phi, x);
    const double measured = equivariance_error(h, x, teacher.point_symmetry());
    EXPECT_LE(measured, 1.05 * error.equivariance_bound()) << steps;  // a sample is not quite invariant
    if (steps > 0) {  // about half of it: residuals at x and g x are hardly correlated
      EXPECT_GT(measured, 0.2 * error.equivariance_bound()) << steps;
    }
    EXPECT_LT(measured, before) << steps;
    before = measured;
  }
  EXPECT_LT(before, 1e-6);
}

TEST(EquivariantPart, IsAProjectionThatKeepsEquivariantWeights) {
  for (const auto& teacher : {lifting(4), LayerFamily({LayerKind::convolution, "p1", 3, 4, 3, Boundary::circular})}) {
    const bool shifts = teacher.options().kind == LayerKind::convolution;
    const LayerSymmetry symmetry = shifts ? teacher.shift_symmetry() : teacher.point_symmetry();
    const Tensor weight = noise({2 * teacher.output_size(), 3 * teacher.input_size()}, 1);
    const Tensor part = equivariant_part(weight, symmetry);
    EXPECT_LT(max(absolute(equivariant_part(part, symmetry) - part)).item(), 1e-13);
    EXPECT_LT(symmetry_distance(part, symmetry), 1e-14);
    EXPECT_LT(std::abs(sum((weight - part) * part).item()), 1e-10);  // orthogonal
    const LayerSymmetry channels{on_channels(symmetry.in, 3), on_channels(symmetry.out, 2)};
    EXPECT_LT(equivariance_error(by(part), noise({4, 3 * teacher.input_size()}, 2), channels), 1e-24);
    const Tensor matrices = teacher.matrices(DType::float64);
    EXPECT_LT(symmetry_distance(matrices, symmetry), 1e-14);
    EXPECT_LT(max(absolute(equivariant_part(matrices, symmetry) - matrices)).item(), 1e-14);
  }
}

TEST(EquivariantPart, OfAGaussianMatrixOfFreeOrbitsIsOneOverTheOrder) {
  // C4 moves every pixel of an even grid.
  const LayerFamily teacher = lifting(8);
  const double distance =
      symmetry_distance(noise({teacher.output_size(), teacher.input_size()}, 1), teacher.point_symmetry());
  EXPECT_NEAR(distance * distance, 0.75, 0.01);
  const LayerFamily planar({.height = 6, .width = 6, .boundary = Boundary::circular});
  const double of_shifts = symmetry_distance(noise({36, 36}, 2), planar.shift_symmetry());
  EXPECT_NEAR(of_shifts * of_shifts, 1 - 1.0 / 36, 0.01);
  EXPECT_EQ(symmetry_distance(zeros({36, 36}), planar.shift_symmetry()), 0);
}

TEST(BorderAwareMeasure, SeesExactShiftsInsideAndBrokenOnesAtTheBorder) {
  for (const auto& teacher : {LayerFamily({LayerKind::convolution, "p1", 9, 10, 3}),
                              LayerFamily({LayerKind::convolution, "p1", 11, 11, 5}), lifting(9)}) {
    const Tensor x = noise({2, 1, teacher.input_size()}, 1), tau = noise({2, 1, teacher.taps()}, 2);
    const FeatureMap h = [&](const Tensor& in) { return teacher.apply(in, tau); };
    const std::vector<Shift> shifts{{1, 0}, {0, -1}, {2, -1}, {-1, 2}, {0, 0}};
    EXPECT_LT(interior_shift_error(h, x, teacher, shifts), 1e-24);
    EXPECT_GT(equivariance_error(h, x, teacher.shift_symmetry(), std::array{1}), 1e-3);
    // One weight of one pixel inside is seen.
    const std::int64_t size = teacher.output_size(), height = teacher.options().height;
    const Tensor middle = full({1}, static_cast<double>(height / 2 * (teacher.options().width + 1)), DType::int64);
    const Tensor bump = one_hot(middle, size, DType::float64);
    const FeatureMap broken = [&](const Tensor& in) { return teacher.apply(in, tau) + bump; };
    EXPECT_GT(interior_shift_error(broken, x, teacher, shifts), 1e-5);
  }
}

TEST(BorderAwareMeasure, ShiftsBringInZeros) {
  const Tensor image = from_vector(std::vector<float>{1, 2, 3, 4, 5, 6}, {2, 3});
  EXPECT_EQ(shift_with_zeros(image, {1, 0}).to_vector<float>(), (std::vector<float>{0, 0, 0, 1, 2, 3}));
  EXPECT_EQ(shift_with_zeros(image, {0, -2}).to_vector<float>(), (std::vector<float>{3, 0, 0, 6, 0, 0}));
  EXPECT_EQ(shift_with_zeros(image, {-1, 1}).to_vector<float>(), (std::vector<float>{0, 4, 5, 0, 0, 0}));
  EXPECT_EQ(shift_with_zeros(image, {7, -9}).to_vector<float>(), std::vector<float>(6));
}

TEST(MeasureErrors, SayWhatDoesNotFit) {
  const LayerFamily teacher = lifting(4);
  const LayerSymmetry symmetry = teacher.point_symmetry();
  const FeatureMap zero = [](const Tensor& x) { return zeros({x.size(0), 64}); };
  expect_error([&] { equivariance_error(zero, zeros({2, 16}), symmetry); }, {"h(x) is all 0"});
  expect_error([&] { equivariance_error(zero, zeros({16}), symmetry); }, {"batch", "[16]"});
  const LayerFamily planar({.height = 4, .width = 4});
  expect_error([&] { equivariance_error(zero, ones({2, 16}), planar.point_symmetry()); }, {"all 0"});
  expect_error(
      [&] {
        equivariance_error([](const Tensor& x) { return x; }, ones({2, 16}), planar.point_symmetry());
      },
      {"identity alone"});
  expect_error([&] { symmetry_distance(zeros({64, 15}), symmetry); }, {"15 entries", "16"});
  expect_error([&] { equivariant_part(zeros({64}), symmetry); }, {"[out, in]", "[64]"});
  expect_error([&] { clone_error(zero, zero, zeros({2, 16})); }, {"teacher are all 0"});
  const FeatureMap same = [](const Tensor& x) { return x; };
  expect_error([&] { interior_shift_error(same, ones({2, 1, 16}), planar, {}); }, {"no shifts"});
  expect_error([&] { interior_shift_error(same, ones({2, 1, 16}), planar, std::array{Shift{1, 0}}); }, {"shift by 1"});
  expect_error([] { shift_with_zeros(zeros({3}), {1, 1}); }, {"[..., H, W]"});
}

}  // namespace
}  // namespace orbitgrad::models
