// Interpolation, sampling and adaptive pooling against PyTorch's values, and their derivatives.
#include "engine/ops/resampling.hpp"

#include <limits>

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/reduction.hpp"
#include "tests/engine/expect_error.hpp"
#include "tests/engine/golden_values.hpp"
#include "tests/engine/op_checks.hpp"

namespace orbitgrad {
namespace {

using testing::checksum;
using testing::expect_derivatives;
using testing::GradientCase;
using testing::Inputs;
using testing::smooth_input;
using testing::wave;

constexpr double tolerance = 1e-11;

TEST(Interpolate, IsPyTorchs) {
  struct Case {
    Interpolation mode;
    bool align_corners;
    std::int64_t height, width;
    double expected;
  };
  const Case cases[] = {
      {Interpolation::nearest, false, 5, 7, 33.186717593305},
      {Interpolation::nearest, false, 2, 3, -8.02000592076629},
      {Interpolation::nearest, false, 1, 1, 1.19391228025027},
      {Interpolation::bilinear, false, 5, 7, 43.7930517845786},
      {Interpolation::bilinear, true, 5, 7, 35.1303304332684},
      {Interpolation::bilinear, false, 2, 3, 10.6951401783798},
      {Interpolation::bilinear, true, 2, 3, 18.2938516555242},
      {Interpolation::bilinear, false, 1, 1, -1.10964010270041},
      {Interpolation::bilinear, true, 1, 1, 1.19391228025027},
      {Interpolation::bicubic, false, 5, 7, 47.0383323740836},
      {Interpolation::bicubic, true, 5, 7, 25.9980427158091},
      {Interpolation::bicubic, false, 2, 3, 10.5481570658634},
      {Interpolation::bicubic, true, 2, 3, 19.0122528685757},
      {Interpolation::bicubic, false, 1, 1, -1.21631122297191},
      {Interpolation::bicubic, true, 1, 1, 1.19391228025027},
  };
  const Tensor x = wave({1, 1, 3, 4}, 1);
  for (const Case& c : cases)
    EXPECT_NEAR(checksum(interpolate(x, c.height, c.width, c.mode, c.align_corners)), c.expected, tolerance)
        << "mode " << static_cast<int>(c.mode) << ", align_corners " << c.align_corners << " to " << c.height;
}

TEST(Interpolate, Derivatives) {
  std::vector<GradientCase> cases;
  for (const Interpolation mode : {Interpolation::nearest, Interpolation::bilinear, Interpolation::bicubic})
    cases.push_back({"interpolate",
                     [mode](const Inputs& x) { return square(interpolate(x[0], 3, 2, mode)); },
                     {smooth_input({2, 2, 3}, 1)}});
  expect_derivatives(cases);
}

TEST(GridSample, IsPyTorchs) {
  struct Case {
    Interpolation mode;
    GridPadding padding;
    bool align_corners;
    double expected;
  };
  const Case cases[] = {
      {Interpolation::nearest, GridPadding::zeros, false, 6.00675340394216},
      {Interpolation::nearest, GridPadding::zeros, true, 9.58849024469295},
      {Interpolation::nearest, GridPadding::border, false, 15.359650239334},
      {Interpolation::nearest, GridPadding::border, true, 15.359650239334},
      {Interpolation::nearest, GridPadding::reflection, false, 15.359650239334},
      {Interpolation::nearest, GridPadding::reflection, true, 17.9054845683553},
      {Interpolation::bilinear, GridPadding::zeros, false, 4.26184037904451},
      {Interpolation::bilinear, GridPadding::zeros, true, 6.75257447575494},
      {Interpolation::bilinear, GridPadding::border, false, 15.6279613429243},
      {Interpolation::bilinear, GridPadding::border, true, 11.2636046741829},
      {Interpolation::bilinear, GridPadding::reflection, false, 16.0905584487312},
      {Interpolation::bilinear, GridPadding::reflection, true, 8.91008882563317},
      {Interpolation::bicubic, GridPadding::zeros, false, 5.28598504923325},
      {Interpolation::bicubic, GridPadding::zeros, true, 6.9761990387006},
      {Interpolation::bicubic, GridPadding::border, false, 17.1732214258086},
      {Interpolation::bicubic, GridPadding::border, true, 11.4508253688636},
      {Interpolation::bicubic, GridPadding::reflection, false, 18.816056098786},
      {Interpolation::bicubic, GridPadding::reflection, true, 11.3999658578956},
  };
  const Tensor x = wave({1, 1, 3, 4}, 1), grid = wave({1, 2, 3, 2}, 2);
  for (const Case& c : cases)
    EXPECT_NEAR(checksum(grid_sample(x, grid, c.mode, c.padding, c.align_corners)), c.expected, tolerance)
        << "mode " << static_cast<int>(c.mode) << ", padding " << static_cast<int>(c.padding) << ", align_corners "
        << c.align_corners;
}

TEST(GridSample, Derivatives) {
  std::vector<GradientCase> cases;
  for (const Interpolation mode : {Interpolation::bilinear, Interpolation::bicubic})
    for (const GridPadding padding : {GridPadding::zeros, GridPadding::border, GridPadding::reflection})
      cases.push_back({"grid_sample " + std::to_string(static_cast<int>(padding)),
                       [=](const Inputs& in) { return grid_sample(in[0], in[1], mode, padding, true); },
                       {smooth_input({2, 1, 2, 3}, 1), smooth_input({2, 1, 1, 2}, 2)}});
  cases.push_back({"nearest",
                   [](const Inputs& in) {
                     return square(grid_sample(in[0], wave({1, 2, 2, 2}, 1), Interpolation::nearest));
                   },
                   {smooth_input({1, 2, 3, 3}, 1)}});
  expect_derivatives(cases);
}

TEST(GridSample, StrangePointsAreSafe) {
  const double infinity = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor x = wave({1, 1, 2, 2}, 1);
  const Tensor grid = from_vector<double>({infinity, 0, -1e300, 1e300, nan, 0}, {1, 1, 3, 2});
  const auto outside = grid_sample(x, grid).to_vector<double>();
  EXPECT_EQ(outside[0], 0);
  EXPECT_EQ(outside[1], 0);
  EXPECT_TRUE(std::isnan(outside[2]));
  const auto border = grid_sample(x, grid, Interpolation::bilinear, GridPadding::border).to_vector<double>();
  EXPECT_EQ(border[1], x.to_vector<double>()[2]) << "the lower left pixel";
  for (const Interpolation mode : {Interpolation::nearest, Interpolation::bicubic})
    for (const GridPadding padding : {GridPadding::zeros, GridPadding::reflection})
      EXPECT_TRUE(std::isfinite(grid_sample(x, grid, mode, padding).to_vector<double>()[0]));
}

TEST(AdaptivePool, IsPyTorchs) {
  struct Case {
    std::int64_t height, width;
    double mean, maximum;
  };
  const Tensor x = wave({2, 5, 7}, 3);
  for (const Case& c :
       {Case{1, 1, 0.808806806667009, 4.78196035136073}, Case{3, 2, 15.8503309934955, 62.3164954497006},
        Case{5, 7, 81.3289621930739, 81.3289621930739}, Case{6, 9, 82.0671911307505, 305.762239333729}}) {
    EXPECT_NEAR(checksum(adaptive_average_pool2d(x, c.height, c.width)), c.mean, tolerance);
    EXPECT_NEAR(checksum(adaptive_max_pool2d(x, c.height, c.width)), c.maximum, tolerance);
  }
}

TEST(AdaptivePool, Derivatives) {
  expect_derivatives({
      {"mean",
       [](const Inputs& x) { return square(adaptive_average_pool2d(x[0], 2, 2)); },
       {smooth_input({2, 3, 5}, 1)}},
      {"max", [](const Inputs& x) { return square(adaptive_max_pool2d(x[0], 2, 2)); }, {smooth_input({2, 3, 5}, 1)}},
  });
}

TEST(Resampling, Errors) {
  const Tensor x = zeros({1, 1, 2, 2}), grid = zeros({1, 2, 2, 2});
  EXPECT_ERROR(interpolate(x, 0, 2), "0 x 2 cannot be made");
  EXPECT_ERROR(interpolate(x, 2, 2, Interpolation::nearest, true), "no corners to align");
  EXPECT_ERROR(interpolate(zeros({2}), 2, 2), "[..., H, W]");
  EXPECT_ERROR(interpolate(zeros({1, 0, 2}), 2, 2), "no pixels");
  EXPECT_ERROR(adaptive_max_pool2d(arange(4), 1, 1), "[..., H, W]");
  EXPECT_ERROR(adaptive_average_pool2d(x, 1, -1), "cannot be made");
  EXPECT_ERROR(grid_sample(x, zeros({1, 2, 2, 3})), "(column, row)");
  EXPECT_ERROR(grid_sample(x, zeros({2, 2, 2, 2})), "must be [1, Ho, Wo, 2]");
  EXPECT_ERROR(grid_sample(x, zeros({1, 2, 2, 2}, DType::float64)), "float64");
  EXPECT_ERROR(grid_sample(zeros({1, 1, 0, 2}), grid), "at least one pixel");
}

}  // namespace
}  // namespace orbitgrad
