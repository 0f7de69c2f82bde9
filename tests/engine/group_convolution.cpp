// Lifting and group convolution: values against the formula, equivariance for every element, derivatives, errors.
#include "engine/ops/group_convolution.hpp"

#include <fmt/ranges.h>

#include "engine/autograd/grad.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/convolution.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/symmetry.hpp"
#include "tests/engine/expect_error.hpp"
#include "tests/engine/op_checks.hpp"

namespace orbitgrad {
namespace {

using groups::lattice_group;
using groups::LatticeGroup;
using testing::expect_derivatives;
using testing::Inputs;
using testing::relative_difference;
using testing::same_bits;
using testing::smooth_input;

struct Setting {
  std::int64_t fields, outputs, height, width, kernel;
  GroupConv2dOptions options;
  std::string text(const LatticeGroup& group, bool lifting) const {
    return fmt::format("{} {} C{} K{} {}x{} k{} stride {} padding {} dilation {} groups {}{} {}", group.name,
                       lifting ? "lift" : "group", fields, outputs, height, width, kernel, options.stride,
                       options.padding, options.dilation, options.groups,
                       options.padding_mode == PadMode::circular ? " circular" : "", options.implementation);
  }
  Inputs inputs(const LatticeGroup& group, bool lifting, std::int64_t batch = 1) const {
    const Shape x{batch, fields, height, width}, w{outputs, fields / options.groups, kernel, kernel};
    return {smooth_input(lifting ? x : x.with_axis(2, group.order()), 1),
            smooth_input(lifting ? w : w.with_axis(2, group.order()), 2), smooth_input({outputs}, 3)};
  }
};

std::vector<Setting> settings() {
  return {{2, 2, 4, 4, 3, {.padding = 1}},
          {1, 2, 3, 4, 2, {}},
          {1, 1, 5, 5, 3, {.stride = 2, .padding = 1}},
          {1, 1, 5, 5, 2, {.padding = 1, .dilation = 2}},
          {2, 2, 4, 4, 2, {.stride = 2, .groups = 2}},
          {1, 1, 4, 4, 3, {.padding = 1, .padding_mode = PadMode::circular}}};
}

TensorFunction convolution(const LatticeGroup& group, bool lifting, const GroupConv2dOptions& options) {
  return [=](const Inputs& x) {
    const Tensor bias = x.size() > 2 ? x[2] : Tensor();
    return lifting ? lift_conv2d(x[0], x[1], bias, group, options) : group_conv2d(x[0], x[1], bias, group, options);
  };
}

/// Two groups are enough for the kernels of another device: they get the group as a table.
std::vector<LatticeGroup> all_groups() {
  if (default_device() != DeviceKind::cpu) return {lattice_group("p4"), lattice_group("pm")};
  std::vector<LatticeGroup> result;
  for (const std::string& name : groups::lattice_group_names()) result.push_back(lattice_group(name));
  return result;
}

/// The dense filter bank [K |G|, C |G| or C, k, k] by the formula w[k, c, h_s^-1 h_t, h_s^-1 u].
Tensor filter_bank(const Tensor& w, const LatticeGroup& group, bool lifting) {
  const auto ws = w.to_vector<double>();
  const std::int64_t order = group.order(), inner = lifting ? 1 : order, fields = w.size(1), k = w.size(-1);
  std::vector<double> bank;
  for (std::int64_t out = 0; out < w.size(0); ++out)
    for (int s = 0; s < order; ++s) {
      const auto& inverse = group.matrices[static_cast<std::size_t>(group.group.inverse(s))];
      for (std::int64_t c = 0; c < fields; ++c)
        for (int t = 0; t < inner; ++t)
          for (std::int64_t u = 0; u < k * k; ++u) {
            const std::int64_t row = 2 * (u / k) - (k - 1), col = 2 * (u % k) - (k - 1);
            const std::int64_t from_row = (inverse[0] * row + inverse[1] * col + k - 1) / 2;
            const std::int64_t from_col = (inverse[2] * row + inverse[3] * col + k - 1) / 2;
            const std::int64_t element = lifting ? 0 : group.group.product(group.group.inverse(s), t);
            bank.push_back(
                ws[static_cast<std::size_t>((((out * fields + c) * inner + element) * k + from_row) * k + from_col)]);
          }
    }
  return from_vector(bank, {w.size(0) * order, fields * inner, k, k});
}

std::vector<std::string> implementations() { return group_conv2d_implementations(default_device()); }

TEST(GroupConvolution, EqualsAPlainConvolutionWithTheExpandedFilter) {
  std::vector<std::string> forced_or_not = implementations();
  forced_or_not.emplace_back();
  for (const LatticeGroup& group : all_groups())
    for (const bool lifting : {true, false})
      for (const Setting& setting : settings())
        for (const std::string& implementation : forced_or_not) {
          GroupConv2dOptions options = setting.options;
          options.implementation = implementation;
          options.allow_broken_symmetry = true;
          SCOPED_TRACE(setting.text(group, lifting) + implementation);
          const Inputs in = setting.inputs(group, lifting, 2);
          const Tensor y = convolution(group, lifting, options)(in);
          const Tensor flat = lifting ? in[0] : flatten(in[0], 1, 2);
          const Tensor plain =
              conv2d(flat, filter_bank(in[1], group, lifting), {},
                     {options.stride, options.padding, options.dilation, options.groups, options.padding_mode});
          const Tensor bias = reshape(in[2], {1, setting.outputs, 1, 1, 1});
          EXPECT_LE(relative_difference(y, reshape(plain, y.shape()) + bias), 1e-12);
        }
}

TEST(GroupConvolution, IsEquivariantForEveryElement) {
  for (const LatticeGroup& group : all_groups())
    for (const bool lifting : {true, false})
      for (const Setting& setting : settings())
        for (const std::string& implementation : implementations()) {
          GroupConv2dOptions options = setting.options;
          options.implementation = implementation;
          options.relu = setting.kernel == 2;
          SCOPED_TRACE(setting.text(group, lifting) + implementation);
          const Inputs in = setting.inputs(group, lifting);
          const auto moved = [&](const Tensor& x, int h) {
            return lifting ? act_on_image(x, group, h) : act_on_regular(x, group, h);
          };
          const auto single = [](const Tensor& t) { return t.detach().to(DType::float32); };
          const auto f = convolution(group, lifting, options);
          for (int h = 0; h < group.order(); ++h) {
            EXPECT_LE(relative_difference(f({moved(in[0], h), in[1], in[2]}), act_on_regular(f(in), group, h)), 1e-12);
            if (implementation != "orbit_gather" && implementation != "irrep_blocks") continue;
            const Inputs narrow = {single(in[0]), single(in[1]), single(in[2])};
            EXPECT_TRUE(same_bits(f({moved(narrow[0], h), narrow[1], narrow[2]}), act_on_regular(f(narrow), group, h)))
                << "element " << h;
          }
        }
}

TEST(GroupConvolution, DerivativesOfEveryOrder) {
  for (const LatticeGroup& group : all_groups())
    for (const bool lifting : {true, false})
      for (const Setting& setting : settings())
        expect_derivatives({setting.text(group, lifting), convolution(group, lifting, setting.options),
                            setting.inputs(group, lifting)});
}

TEST(GroupConvolution, DerivativesOfForcedImplementations) {
  for (const std::string& implementation : implementations())
    for (const bool lifting : {true, false}) {
      Setting setting = settings()[0];
      setting.options.implementation = implementation;
      const LatticeGroup group = lattice_group("p4");
      const Inputs in = setting.inputs(group, lifting);
      expect_derivatives({setting.text(group, lifting), convolution(group, lifting, setting.options), {in[0], in[1]}});
    }
}

TEST(GroupConvolution, ReluInTheSamePassIsTheOpRelu) {
  for (const LatticeGroup& group : all_groups())
    for (const bool lifting : {true, false})
      for (const std::string& implementation : implementations()) {
        Setting setting = settings()[0];
        setting.options.implementation = group.is_hexagonal() ? "" : implementation;
        if (group.is_hexagonal()) setting.height = setting.width = 5;
        GroupConv2dOptions with_relu = setting.options;
        with_relu.relu = true;
        SCOPED_TRACE(setting.text(group, lifting));
        const auto one_pass = convolution(group, lifting, with_relu),
                   plain = convolution(group, lifting, setting.options);
        const TensorFunction two_passes = [&](const Inputs& in) { return relu(plain(in)); };
        for (const DType dtype : {DType::float64, DType::float32}) {
          Inputs in = setting.inputs(group, lifting, 2);
          for (Tensor& tensor : in) tensor = tensor.detach().to(dtype), tensor.set_requires_grad();
          const auto equal = [&](const Tensor& a, const Tensor& b) {
            return dtype == DType::float32 ? same_bits(a, b) : same_bits<double>(a, b);
          };
          EXPECT_TRUE(equal(one_pass(in), two_passes(in)));
          const auto fused = testing::weighted_gradients(one_pass, in, false);
          const auto apart = testing::weighted_gradients(two_passes, in, false);
          for (std::size_t i = 0; i < in.size(); ++i) EXPECT_TRUE(equal(fused[i], apart[i])) << "input " << i;
        }
      }
}

TEST(GroupConvolution, ReluOfHalvesIsThatOfTheRoundedValues) {
  Tensor x = full({1, 1, 1, 1}, 1e-4, DType::float16);  // x w is below the least half
  x.set_requires_grad();
  const Tensor y =
      lift_conv2d(x, full({1, 1, 1, 1}, 1e-4, DType::float16), {}, groups::lattice_group("p1"), {.relu = true});
  EXPECT_EQ(y.to(DType::float32).item(), 0);
  EXPECT_EQ(grad({sum(y)}, {x})[0].to(DType::float32).item(), 0);
}

TEST(GroupConvolution, DerivativesOfEveryOrderWithRelu) {
  for (const LatticeGroup& group : all_groups())
    for (const bool lifting : {true, false}) {
      Setting setting = settings()[0];
      setting.options.relu = true;
      expect_derivatives(
          {setting.text(group, lifting), convolution(group, lifting, setting.options), setting.inputs(group, lifting)});
    }
}

TEST(GroupConvolution, TheGroupMayDieBeforeTheBackward) {
  const Setting setting = settings()[0];
  Inputs in;
  Tensor y;
  {
    const LatticeGroup group = lattice_group("p4");
    std::string name = "orbit_gather";
    GroupConv2dOptions options = setting.options;
    options.implementation = name;
    in = setting.inputs(group, false);
    y = group_conv2d(in[0], in[1], in[2], group, options);
    name = "overwritten by something else, long enough to move";
  }
  const auto gradients = grad({y}, in, {.output_gradients = {ones_like(y)}});
  EXPECT_EQ(gradients[1].shape(), in[1].shape());
}

TEST(GroupConvolution, EmptyBatch) {
  for (const bool lifting : {true, false}) {
    const LatticeGroup group = lattice_group("p4m");
    const Setting setting = settings()[0];
    const Inputs in = setting.inputs(group, lifting, 0);
    const auto f = convolution(group, lifting, setting.options);
    EXPECT_EQ(f(in).shape(), (Shape{0, 2, 8, 4, 4}));
    testing::expect_empty_gradients(f, in);
  }
}

TEST(GroupConvolution, StrideThatBreaksTheSymmetry) {
  const LatticeGroup p4 = lattice_group("p4"), p1 = lattice_group("p1");
  const Tensor x = ones({1, 1, 28, 28}), w = ones({1, 1, 3, 3});
  EXPECT_ERROR(lift_conv2d(x, w, {}, p4, {.stride = 2}), "the stride 2 breaks the symmetry under p4");
  EXPECT_ERROR(lift_conv2d(x, w, {}, p4, {.stride = 2}), "allow_broken_symmetry");
  EXPECT_NO_THROW(lift_conv2d(x, w, {}, p4, {.stride = 2, .allow_broken_symmetry = true}));
  EXPECT_NO_THROW(lift_conv2d(x, w, {}, p1, {.stride = 2}));
  EXPECT_NO_THROW(lift_conv2d(ones({1, 1, 29, 29}), w, {}, p4, {.stride = 2}));
  EXPECT_ERROR(lift_conv2d(ones({1, 1, 29, 28}), w, {}, p4, {.stride = 2}), "26 by 25");
  EXPECT_ERROR(lift_conv2d(x, w, {}, p4, {.stride = 2, .padding = 1, .padding_mode = PadMode::circular}), "27 by 27");
}

TEST(GroupConvolution, Errors) {
  const LatticeGroup p4m = lattice_group("p4m");
  const Tensor images = ones({2, 3, 8, 8}), x = ones({2, 3, 8, 8, 8}), w = ones({4, 3, 8, 3, 3});
  EXPECT_ERROR(group_conv2d(images, w, {}, p4m),
               "[group_conv2d] x must be [N, C, |G|, H, W] with |G| = 8, got [2, 3, 8, 8]. Lift it first: "
               "lift_conv2d(...)");
  EXPECT_ERROR(group_conv2d(ones({2, 3, 4, 8, 8}), w, {}, p4m), "|G| = 8, got [2, 3, 4, 8, 8]");
  EXPECT_ERROR(group_conv2d(x, ones({4, 3, 4, 3, 3}), {}, p4m), "w must be [K, C / groups, |G|, k, k] with |G| = 8");
  EXPECT_ERROR(group_conv2d(x, ones({4, 3, 3, 3}), {}, p4m), "w must be [K, C / groups, |G|, k, k]");
  EXPECT_ERROR(lift_conv2d(x, ones({4, 3, 3, 3}), {}, p4m), "Regular features take group_conv2d");
  EXPECT_ERROR(lift_conv2d(images, w, {}, p4m), "w must be [K, C / groups, k, k]");
  EXPECT_ERROR(group_conv2d(x, ones({4, 3, 8, 3, 2}), {}, p4m), "the kernel must be square so that p4m acts on it");
  EXPECT_ERROR(group_conv2d(x, w.to(DType::float64), {}, p4m), "float64");
  EXPECT_ERROR(group_conv2d(x, w, ones({4}, DType::float64), p4m), "float64");
  EXPECT_ERROR(group_conv2d(x.to(DType::int32), w.to(DType::int32), {}, p4m), "takes float32 or float64, got int32");
  EXPECT_ERROR(group_conv2d(x, ones({4, 2, 8, 3, 3}), {}, p4m), "w must be [K, 3, ...]");
  EXPECT_ERROR(group_conv2d(x, w, {}, p4m, {.groups = 2}), "2 channel groups must divide the 3 input channels");
  EXPECT_ERROR(group_conv2d(x, w, ones({32}), p4m), "the bias must be [4]");
  EXPECT_ERROR(group_conv2d(x, w, {}, p4m, {.stride = 0}), "the stride must be at least 1");
  EXPECT_ERROR(group_conv2d(x, w, {}, p4m, {.padding = -2}), "the padding must not be negative, got -2");
  EXPECT_ERROR(group_conv2d(x, w, {}, p4m, {.dilation = 4}), "the kernel covers 9 x 9 pixels");
  EXPECT_ERROR(group_conv2d(x, ones({4, 3, 8, 5, 5}), {}, p4m, {.dilation = std::int64_t{1} << 62}),
               "stride, padding and dilation are at most");
  EXPECT_ERROR(group_conv2d(x, w, {}, p4m, {.implementation = "fastest"}),
               fmt::format("there is no implementation 'fastest'. Choose one of {}, or leave it empty",
                           fmt::join(implementations(), ", ")));
  const LatticeGroup shear = groups::lattice_group_from_matrices("p3", {{1, 0, 0, 1}, {0, -1, 1, -1}, {-1, 1, -1, 0}});
  EXPECT_ERROR(lift_conv2d(images, ones({4, 3, 3, 3}), {}, shear), "no symmetry of a square or hexagonal kernel");
}

}  // namespace
}  // namespace orbitgrad
