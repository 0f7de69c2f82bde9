// Convolution on hexagons: the lattice, the definition, every element bit for bit, derivatives, layers.
#include "engine/ops/hexagonal.hpp"

#include <thread>

#include "engine/allocator.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/cast.hpp"
#include "engine/ops/comparison.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/group_convolution.hpp"
#include "engine/ops/hexagonal_domain.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/symmetry.hpp"
#include "engine/ops/transfer.hpp"
#include "tests/engine/expect_error.hpp"
#include "tests/engine/op_checks.hpp"
#include "tests/thread_count.hpp"

namespace orbitgrad::testing {
namespace {

using groups::lattice_group;
using groups::LatticeGroup;
using groups::LatticeMatrix;

struct Hexagon {
  std::int64_t radius = 0, taps = 1;  // of x and of w
  GroupConv2dOptions options = {};

  Shape x(std::int64_t fields) const { return {2, fields, 2 * radius + 1, 2 * radius + 1}; }
  Shape w(std::int64_t out, std::int64_t in) const { return {out, in, 2 * taps + 1, 2 * taps + 1}; }
  std::int64_t out_radius() const { return (radius + options.padding - options.dilation * taps) / options.stride; }
  std::string text() const {
    return fmt::format("R {} r {} stride {} padding {} dilation {}", radius, taps, options.stride, options.padding,
                       options.dilation);
  }
};

std::vector<Hexagon> hexagons() {
  return {{3, 1},
          {2, 1, {.padding = 1}},
          {4, 2, {.padding = 1}},
          {3, 0},
          {5, 1, {.stride = 2}},
          {6, 1, {.stride = 3, .padding = 1}},
          {4, 1, {.padding = 2, .dilation = 2}},
          {1, 3, {.padding = 3}}};
}

/// As many planes as the group has elements after the field axis, unless the tensor is lifted.
Shape with_group(Shape shape, const LatticeGroup& group, bool lifting) {
  if (lifting) return shape;
  return {shape[0], shape[1], group.order(), shape[2], shape[3]};
}

Inputs inputs_for(const Hexagon& hexagon, const LatticeGroup& group, bool lifting, std::int64_t in, std::int64_t out,
                  DType dtype = DType::float64, std::int64_t channel_groups = 1) {
  return {normal(with_group(hexagon.x(in), group, lifting), RandomKey{1}, 0, 1, dtype),
          normal(with_group(hexagon.w(out, in / channel_groups), group, lifting), RandomKey{2}, 0, 1, dtype),
          normal({out}, RandomKey{3}, 0, 1, dtype)};
}

Tensor convolve(const Inputs& in, const LatticeGroup& group, bool lifting, GroupConv2dOptions options,
                const std::string& implementation) {
  options.implementation = implementation;
  return lifting ? lift_conv2d(in[0], in[1], in[2], group, options) : group_conv2d(in[0], in[1], in[2], group, options);
}

/// y[n,k,s,o] = b[k] + sum_{c,t,u} x[n,c,t, o stride + u dilation] w[k,c, h_s^-1 h_t, h_s^-1 u], offsets from the
/// centres and sums over hexagons.
Tensor by_definition(const Inputs& in, const LatticeGroup& group, bool lifting, const Hexagon& hexagon) {
  const auto x = in[0].to(DType::float64).to_vector<double>(), w = in[1].to(DType::float64).to_vector<double>(),
             b = in[2].to(DType::float64).to_vector<double>();
  const std::int64_t batch = in[0].size(0), fields = in[0].size(1), out = in[1].size(0), order = group.order();
  const std::int64_t planes = lifting ? 1 : order, radius = hexagon.radius, taps = hexagon.taps;
  const auto value = [](const std::vector<double>& from, std::int64_t plane, std::int64_t reach, std::int64_t row,
                        std::int64_t col) {
    const bool inside = std::max({std::abs(row), std::abs(col), std::abs(row + col)}) <= reach;
    const std::int64_t size = 2 * reach + 1;
    return inside ? from[static_cast<std::size_t>((plane * size + row + reach) * size + col + reach)] : 0.0;
  };
  const std::int64_t reach = hexagon.out_radius();
  std::vector<double> y;
  for (std::int64_t n = 0; n < batch; ++n)
    for (std::int64_t k = 0; k < out; ++k)
      for (int s = 0; s < order; ++s)
        for (std::int64_t row = -reach; row <= reach; ++row)
          for (std::int64_t col = -reach; col <= reach; ++col) {
            double sum = b[static_cast<std::size_t>(k)];
            const int inverse = group.group.inverse(s);
            const LatticeMatrix& back = group.matrices[static_cast<std::size_t>(inverse)];
            for (std::int64_t c = 0; c < fields; ++c)
              for (int t = 0; t < planes; ++t)
                for (std::int64_t i = -taps; i <= taps; ++i)
                  for (std::int64_t j = -taps; j <= taps; ++j) {
                    const std::int64_t element = lifting ? 0 : group.group.product(inverse, t);
                    sum += value(x, (n * fields + c) * planes + t, radius,
                                 row * hexagon.options.stride + i * hexagon.options.dilation,
                                 col * hexagon.options.stride + j * hexagon.options.dilation) *
                           value(w, (k * fields + c) * planes + element, taps, back[0] * i + back[1] * j,
                                 back[2] * i + back[3] * j);
                  }
            y.push_back(std::abs(row + col) <= reach ? sum : 0.0);
          }
  return from_vector(y, {batch, out, order, 2 * reach + 1, 2 * reach + 1});
}

std::vector<std::string> implementations() {
  return default_device() == DeviceKind::cpu ? std::vector<std::string>{"expanded", "orbit_gather", ""}
                                             : std::vector<std::string>{"expanded", ""};
}

TEST(HexagonalLattice, MaskHasTheHexagonsPixels) {
  for (const std::int64_t radius : {0, 1, 2, 5}) {
    const Tensor mask = hexagonal_mask(radius, DType::float64);
    EXPECT_EQ(mask.shape(), Shape({2 * radius + 1, 2 * radius + 1}));
    EXPECT_EQ(sum(mask).item(), static_cast<double>(3 * radius * (radius + 1) + 1));
  }
  EXPECT_EQ(hexagonal_mask(1).to_vector<float>(), (std::vector<float>{0, 1, 1, 1, 1, 1, 1, 1, 0}));
}

TEST(HexagonalLattice, MasksAreMadeOnce) {
  const DeviceKind device = default_device();
  const auto storage = [&](std::int64_t radius) { return hexagonal::shared_mask(radius, device).body().storage; };
  const auto first = storage(7);
  EXPECT_EQ(storage(7), first);
  EXPECT_NE(storage(6), first);
  EXPECT_NE(hexagonal_mask(7, DType::boolean).body().storage, first);  // of the caller, who may write to it
  const std::vector<float> whole = hexagonal_mask(7).to_vector<float>();
  for (std::int64_t radius = 8; radius < 60; ++radius) {
    EXPECT_EQ(hexagonal::shared_mask(radius, device).size(0), 2 * radius + 1);
    EXPECT_LE(first.use_count(), 2);
  }
  EXPECT_EQ(first.use_count(), 1);  // forgotten: the masks kept are bounded
  EXPECT_EQ(cast(hexagonal::shared_mask(7, device), DType::float32).to_vector<float>(), whole);
  EXPECT_NE(storage(500), storage(500));
}

TEST(HexagonalLattice, ThreadsShareTheMasks) {
  std::vector<std::thread> threads;
  std::vector<double> sums(4);
  for (std::size_t i = 0; i < sums.size(); ++i)
    threads.emplace_back([&sums, i] {
      for (std::int64_t radius = 0; radius < 40; ++radius)
        sums[i] += sum(cast(hexagonal::shared_mask(radius, DeviceKind::cpu), DType::float64)).item() /
                   static_cast<double>(radius + 1);
    });
  for (std::thread& thread : threads) thread.join();
  double expected = 0;
  for (std::int64_t radius = 0; radius < 40; ++radius)
    expected += static_cast<double>(3 * radius * (radius + 1) + 1) / static_cast<double>(radius + 1);
  for (const double value : sums) EXPECT_DOUBLE_EQ(value, expected);
}

TEST(HexagonalLattice, TheSecondConvolutionMakesNoMask) {
  const LatticeGroup group = lattice_group("p6");
  const Tensor x = ones({1, 1, 23, 23}, DType::float32, DeviceKind::cpu);
  const Tensor w = ones({1, 1, 3, 3}, DType::float32, DeviceKind::cpu);
  const auto allocations = [&] {
    const std::int64_t before = CachingAllocator::host().statistics().allocations;
    static_cast<void>(lift_conv2d(x, w, {}, group));
    return CachingAllocator::host().statistics().allocations - before;
  };
  hexagonal::shared_mask(1, DeviceKind::cpu);  // of w
  const std::int64_t first = allocations(), second = allocations();
  EXPECT_GE(first, second + 4);  // masks of radius 11 and 10, each made in float and cast
}

TEST(HexagonalLattice, TheGroupActsOnTheDomain) {
  for (const char* name : {"p6", "p6m"}) {
    const LatticeGroup group = lattice_group(name);
    const Tensor x = normal({2, group.order(), 7, 7}, RandomKey{5}) * hexagonal_mask(3);
    for (int a = 0; a < group.order(); ++a) {
      EXPECT_EQ(relative_difference(sum(square(act_on_image(x, group, a))), sum(square(x))) < 1e-6, true);
      for (int b = 0; b < group.order(); ++b)
        EXPECT_TRUE(same_bits(act_on_regular(act_on_regular(x, group, b), group, a),
                              act_on_regular(x, group, group.group.product(a, b))))
            << name << a << b;
    }
  }
}

// The pixel to the right of the centre goes up and to the right by a sixth of a turn, counter-clockwise.
TEST(HexagonalLattice, TurnsCounterClockwise) {
  const LatticeGroup group = lattice_group("p6");
  const auto turned = act_on_image(from_vector(std::vector<float>{0, 0, 0, 0, 0, 7, 0, 0, 0}, {3, 3}), group, 1);
  EXPECT_EQ(turned.to_vector<float>(), (std::vector<float>{0, 0, 7, 0, 0, 0, 0, 0, 0}));
}

TEST(HexagonalConvolution, IsItsDefinition) {
  for (const char* name : {"p6", "p6m"})
    for (const bool lifting : {true, false})
      for (const Hexagon& hexagon : hexagons())
        for (const std::string& implementation : implementations()) {
          SCOPED_TRACE(std::string(name) + (lifting ? " lift " : " group ") + implementation + " " + hexagon.text());
          const LatticeGroup group = lattice_group(name);
          const Inputs in = inputs_for(hexagon, group, lifting, 2, 2);
          EXPECT_LE(relative_difference(convolve(in, group, lifting, hexagon.options, implementation),
                                        by_definition(in, group, lifting, hexagon)),
                    1e-12);
        }
}

TEST(HexagonalConvolution, EveryElementBitForBit) {
  if (default_device() != DeviceKind::cpu) GTEST_SKIP() << "the orbit gather of devices takes no 6 or 12 elements";
  for (const char* name : {"p6", "p6m"})
    for (const bool lifting : {true, false})
      for (const Hexagon& hexagon : hexagons())
        for (const char* implementation : {"orbit_gather", ""}) {
          SCOPED_TRACE(std::string(name) + (lifting ? " lift " : " group ") + hexagon.text());
          const LatticeGroup group = lattice_group(name);
          const Inputs in = inputs_for(hexagon, group, lifting, 3, 5, DType::float32);
          const Tensor y = convolve(in, group, lifting, hexagon.options, implementation);
          for (int s = 0; s < group.order(); ++s) {
            Inputs moved = in;
            moved[0] = lifting ? act_on_image(in[0], group, s) : act_on_regular(in[0], group, s);
            EXPECT_TRUE(same_bits(convolve(moved, group, lifting, hexagon.options, implementation),
                                  act_on_regular(y, group, s)))
                << "element " << s;
          }
        }
}

TEST(HexagonalConvolution, HasDerivativesOfEveryOrder) {
  if (default_device() != DeviceKind::cpu) GTEST_SKIP() << "differences take long there";
  for (const char* implementation : {"expanded", "orbit_gather"})
    for (const bool lifting : {true, false}) {
      const LatticeGroup group = lattice_group("p6");
      const Hexagon hexagon{1, 1, {.padding = 1}};
      Inputs in = inputs_for(hexagon, group, lifting, 1, 1);
      for (Tensor& tensor : in) tensor.set_requires_grad();
      expect_derivatives(GradientCase{
          implementation,
          [=](const Inputs& inputs) { return convolve(inputs, group, lifting, hexagon.options, implementation); }, in});
    }
}

TEST(HexagonalConvolution, GradientsAreAdjointAndZeroInTheCorners) {
  for (const bool lifting : {true, false})
    for (const Hexagon& hexagon : hexagons())
      for (const std::string& implementation : implementations()) {
        SCOPED_TRACE(implementation + hexagon.text());
        const LatticeGroup group = lattice_group("p6m");
        Inputs in = inputs_for(hexagon, group, lifting, 2, 4, DType::float64, 2);
        in[2] = Tensor();
        in[0].set_requires_grad(), in[1].set_requires_grad();
        GroupConv2dOptions options = hexagon.options;
        options.groups = 2;
        const Tensor y = convolve(in, group, lifting, options, implementation);
        const Tensor energy = sum(y * normal(y.shape(), RandomKey{9}, 0, 1, DType::float64));
        const auto gradients = grad({energy}, {in[0], in[1]});
        EXPECT_LE(relative_difference(sum(gradients[0] * in[0]), energy), 1e-11);
        EXPECT_LE(relative_difference(sum(gradients[1] * in[1]), energy), 1e-11);
        for (const Tensor& gradient : gradients) {
          const Tensor corners = 1.0 - hexagonal_mask(gradient.size(-1) / 2, DType::float64);
          EXPECT_EQ(sum(square(gradient * corners)).item(), 0);
        }
      }
}

TEST(HexagonalConvolution, DoesNotReadTheCorners) {
  const LatticeGroup group = lattice_group("p6m");
  const Hexagon hexagon{3, 1, {.padding = 1}};
  const Inputs in = inputs_for(hexagon, group, false, 2, 2, DType::float32);
  const auto spoilt = [](const Tensor& x) {
    const Tensor inside = hexagonal_mask(x.size(-1) / 2, DType::boolean);
    return where(inside, x, full(x.shape(), std::numeric_limits<double>::quiet_NaN()));
  };
  EXPECT_TRUE(same_bits(convolve({spoilt(in[0]), spoilt(in[1]), in[2]}, group, false, hexagon.options, ""),
                        convolve(in, group, false, hexagon.options, "")));
  EXPECT_TRUE(same_bits(act_on_image(spoilt(in[0]), group, 5), act_on_image(in[0], group, 5)));
}

TEST(HexagonalConvolution, RefusesWhatHasNoCentre) {
  const LatticeGroup p6 = lattice_group("p6");
  const Tensor x = ones({1, 1, 7, 7}), w = ones({1, 1, 3, 3});
  EXPECT_ERROR(lift_conv2d(ones({1, 1, 6, 6}), w, {}, p6), "must end in [2R + 1, 2R + 1], got [1, 1, 6, 6]");
  EXPECT_ERROR(lift_conv2d(ones({1, 1, 7, 5}), w, {}, p6), "must end in [2R + 1, 2R + 1]");
  EXPECT_ERROR(lift_conv2d(x, ones({1, 1, 2, 2}), {}, p6), "so w must end in");
  EXPECT_ERROR(lift_conv2d(x, w, {}, p6, {.stride = 3}), "misses the centre of the hexagon");
  EXPECT_ERROR(lift_conv2d(x, w, {}, p6, {.padding = 1, .padding_mode = PadMode::circular}), "no circular padding");
  EXPECT_ERROR(lift_conv2d(x, w, {}, p6, {.implementation = "irrep_blocks"}), "mplementation 'irrep_blocks'");
  EXPECT_ERROR(act_on_image(ones({4, 4}), p6, 1), "must end in [2R + 1, 2R + 1]");
  EXPECT_ERROR(image_to_hexagonal(ones({1, 1, 4, 4}), -1), "the radius is -1");
  EXPECT_ERROR(image_to_hexagonal(ones({1, 1, 4, 4}), 2, 0), "the spacing is 0");
  EXPECT_ERROR(image_to_hexagonal(ones({4, 4}), 2), "must be images [N, C, H, W]");
  LatticeGroup shear = p6;
  shear.matrices[1] = {1, 1, 0, 1};
  EXPECT_ERROR(lift_conv2d(x, w, {}, shear), "no symmetry of a square or hexagonal kernel");
}

TEST(ImageToHexagonal, SamplesTheImageAtAxialPlaces) {
  // A linear image has its values between the pixels too: 3 right + 5 down + 1 from the centre of [9, 11].
  std::vector<double> image;
  for (int row = 0; row < 9; ++row)
    for (int col = 0; col < 11; ++col) image.push_back(3 * (col - 5) + 5 * (row - 4) + 1);
  const auto found = image_to_hexagonal(from_vector(image, {1, 1, 9, 11}), 2, 1.5).to_vector<double>();
  for (int row = -2; row <= 2; ++row)
    for (int col = -2; col <= 2; ++col) {
      const double expected =
          std::abs(row + col) > 2 ? 0 : 3 * 1.5 * (col + row / 2.0) + 5 * 1.5 * row * std::sqrt(0.75) + 1;
      EXPECT_NEAR(found[static_cast<std::size_t>((row + 2) * 5 + col + 2)], expected, 1e-12) << row << " " << col;
    }
}

// Half a turn maps pixels to pixels on both lattices.
TEST(ImageToHexagonal, CommutesWithHalfATurn) {
  const Tensor x = normal({2, 3, 8, 9}, RandomKey{4}, 0, 1, DType::float64);
  const Tensor turned = image_to_hexagonal(act_on_image(x, lattice_group("p2"), 1), 4);
  EXPECT_LE(relative_difference(turned, act_on_image(image_to_hexagonal(x, 4), lattice_group("p6"), 3)), 1e-12);
}

}  // namespace
}  // namespace orbitgrad::testing
