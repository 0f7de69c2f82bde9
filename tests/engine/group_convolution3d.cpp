// Lifting and group convolution of volumes: values against the formula, equivariance for every element, derivatives.
#include "engine/ops/group_convolution3d.hpp"

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/reduction.hpp"
#include "groups/cyclic.hpp"
#include "groups/product.hpp"
#include "tests/engine/expect_error.hpp"
#include "tests/engine/op_checks.hpp"
#include "tests/thread_count.hpp"

namespace orbitgrad {
namespace {

using groups::voxel_group;
using groups::VoxelGroup;
using testing::expect_derivatives;
using testing::Inputs;
using testing::relative_difference;
using testing::same_bits;
using testing::smooth_input;

struct Setting3d {
  std::int64_t fields, outputs;
  Shape size;
  std::int64_t kernel;
  GroupConv3dOptions options;

  std::string text(const VoxelGroup& group, bool lifting) const {
    return fmt::format("{} {} C{} K{} {} k{} stride {} padding {} dilation {} groups {}{} {}", group.name,
                       lifting ? "lift" : "group", fields, outputs, size, kernel, options.stride, options.padding,
                       options.dilation, options.groups, options.padding_mode == PadMode::circular ? " circular" : "",
                       options.implementation);
  }
  Inputs inputs(const VoxelGroup& group, bool lifting, std::int64_t batch = 1) const {
    Shape x{batch, fields}, w{outputs, fields / options.groups};
    if (!lifting) x.push_back(group.order()), w.push_back(group.order());
    for (int axis = 0; axis < 3; ++axis) x.push_back(size[axis]), w.push_back(kernel);
    return {smooth_input(x, 1), smooth_input(w, 2), smooth_input({outputs}, 3)};
  }
};

std::vector<Setting3d> settings() {
  return {{2, 2, {4, 4, 4}, 3, {.padding = 1}},
          {1, 2, {3, 4, 5}, 2, {}},
          {1, 1, {5, 5, 5}, 3, {.stride = 2, .padding = 1}},
          {1, 1, {4, 4, 4}, 1, {.stride = 2, .padding = 2}},
          {1, 1, {5, 5, 5}, 2, {.padding = 3, .dilation = 2}},
          {2, 4, {3, 3, 3}, 2, {.groups = 2}},
          {1, 1, {1, 139, 1}, 3, {.padding = 1}},  // several tiles, the last one partly filled
          {1, 1, {3, 3, 3}, 3, {.padding = 1, .padding_mode = PadMode::circular}}};
}

TensorFunction convolution(const VoxelGroup& group, bool lifting, const GroupConv3dOptions& options) {
  return [=](const Inputs& x) {
    const Tensor bias = x.size() > 2 ? x[2] : Tensor();
    return lifting ? lift_conv3d(x[0], x[1], bias, group, options) : group_conv3d(x[0], x[1], bias, group, options);
  };
}

/// Other devices have the expanded form alone.
std::vector<VoxelGroup> some_groups() {
  if (default_device() != DeviceKind::cpu) return {voxel_group("C4")};
  std::vector<VoxelGroup> result;
  for (const char* name : {"C1", "C4", "T", "O"}) result.push_back(voxel_group(name));
  return result;
}

/// y by the formula, in double.
std::vector<double> by_formula(const Inputs& in, const VoxelGroup& group, bool lifting, const GroupConv3dOptions& o,
                               const Shape& y_shape) {
  const auto x = in[0].to_vector<double>(), w = in[1].to_vector<double>(), b = in[2].to_vector<double>();
  const std::int64_t order = group.order(), planes = lifting ? 1 : order, k = in[1].size(-1);
  const std::int64_t fields = in[0].size(1) / o.groups, outputs = in[1].size(0) / o.groups;
  const std::int64_t size[3] = {in[0].size(-3), in[0].size(-2), in[0].size(-1)};
  std::vector<double> y;
  for (std::int64_t n = 0; n < y_shape[0]; ++n)
    for (std::int64_t f = 0; f < y_shape[1]; ++f)
      for (int s = 0; s < order; ++s)
        for (std::int64_t p = 0; p < y_shape[3] * y_shape[4] * y_shape[5]; ++p) {
          const std::int64_t out[3] = {p / (y_shape[4] * y_shape[5]), p / y_shape[5] % y_shape[4], p % y_shape[5]};
          double sum = b[static_cast<std::size_t>(f)];
          for (std::int64_t c = 0; c < fields; ++c)
            for (int t = 0; t < planes; ++t)
              for (std::int64_t u = 0; u < k * k * k; ++u) {
                const std::int64_t tap[3] = {u / (k * k), u / k % k, u % k};
                std::int64_t at = 0, from = 0;
                bool inside = true;
                const auto& inverse = group.matrices[static_cast<std::size_t>(group.group.inverse(s))];
                for (int i = 0; i < 3; ++i) {
                  std::int64_t place = out[i] * o.stride + tap[i] * o.dilation - o.padding;
                  if (o.padding_mode == PadMode::circular) place = (place + size[i]) % size[i];
                  inside = inside && place >= 0 && place < size[i];
                  at = at * size[i] + place;
                  std::int64_t moved = 0;
                  for (int j = 0; j < 3; ++j)
                    moved += inverse[static_cast<std::size_t>(3 * i + j)] * (2 * tap[j] - (k - 1));
                  from = from * k + (moved + k - 1) / 2;
                }
                if (!inside) continue;
                const std::int64_t channel = f / outputs * fields + c;
                const int element = lifting ? 0 : group.group.product(group.group.inverse(s), t);
                sum += x[static_cast<std::size_t>(
                           ((n * in[0].size(1) + channel) * planes + t) * size[0] * size[1] * size[2] + at)] *
                       w[static_cast<std::size_t>(((f * fields + c) * planes + element) * k * k * k + from)];
              }
          y.push_back(sum);
        }
  return y;
}

class GroupConvolution3dOnCpu : public ::testing::Test {
  void SetUp() override {
    if (default_device() != DeviceKind::cpu) GTEST_SKIP() << "other devices have the expanded form alone";
  }
};

TEST(GroupConvolution3d, EqualsTheFormula) {
  for (const VoxelGroup& group : some_groups())
    for (const bool lifting : {true, false})
      for (const Setting3d& setting : settings()) {
        const Inputs in = setting.inputs(group, lifting, 2);
        Tensor expected;
        for (const std::string& implementation : group_conv3d_implementations(default_device())) {
          GroupConv3dOptions options = setting.options;
          options.implementation = implementation;
          options.allow_broken_symmetry = true;
          SCOPED_TRACE(setting.text(group, lifting) + implementation);
          const Tensor y = convolution(group, lifting, options)(in);
          if (!expected.defined())
            expected = from_vector(by_formula(in, group, lifting, options, y.shape()), y.shape()).to(y.device());
          EXPECT_LE(relative_difference(y, expected), 1e-13);
        }
      }
}

TEST_F(GroupConvolution3dOnCpu, KeepsTheBitsUnderEveryElement) {
  for (const char* group_name : {"C4", "T", "O", "Oh"})
    for (const bool lifting : {true, false})
      for (const std::string implementation : {"orbit_gather", "irrep_blocks", ""}) {
        const VoxelGroup group = voxel_group(group_name);
        const Setting3d setting{
            2, 2, {4, 4, 4}, 3, {.padding = 1, .implementation = implementation, .relu = implementation.empty()}};
        SCOPED_TRACE(setting.text(group, lifting));
        const auto single = [](const Tensor& t) { return t.detach().to(DType::float32); };
        const Inputs in = setting.inputs(group, lifting);
        const Tensor x = single(in[0]), w = single(in[1]), b = single(in[2]);
        const auto f = convolution(group, lifting, setting.options);
        const Tensor y = f({x, w, b});
        for (int h = 0; h < group.order(); ++h) {
          const Tensor moved = lifting ? act_on_volume(x, group, h) : act_on_regular_volume(x, group, h);
          EXPECT_TRUE(same_bits(f({moved, w, b}), act_on_regular_volume(y, group, h))) << "element " << h;
        }
      }
}

TEST_F(GroupConvolution3dOnCpu, IsExactOnWholeNumbers) {
  const VoxelGroup group = voxel_group("O");
  const auto whole = [](const Tensor& t, double unit) {
    std::vector<float> values;
    for (const double value : t.to_vector<double>()) values.push_back(static_cast<float>(std::round(3 * value) * unit));
    return from_vector(values, t.shape());
  };
  const Setting3d setting{3, 2, {5, 4, 3}, 3, {.padding = 1}};
  const Inputs in = setting.inputs(group, false, 2);
  // Weights of the transform are 1/8, 1/24 and 1/18 of what it adds up.
  const Tensor x = whole(in[0], 1), w = whole(in[1], 9), b = whole(in[2], 1);
  GroupConv3dOptions options = setting.options;
  options.implementation = "expanded";
  const Tensor expected = group_conv3d(x, w, b, group, options);
  for (const char* implementation : {"orbit_gather", "irrep_blocks"}) {
    options.implementation = implementation;
    EXPECT_TRUE(same_bits(group_conv3d(x, w, b, group, options), expected)) << implementation;
  }
}

TEST(GroupConvolution3d, DerivativesOfEveryOrder) {
  for (const char* group_name : {"C4", "O"})
    for (const bool lifting : {true, false})
      for (const std::string& implementation : group_conv3d_implementations(default_device())) {
        if (implementation == "expanded" && std::string(group_name) == "O") continue;
        const VoxelGroup group = voxel_group(group_name);
        Setting3d setting{1, 2, {3, 2, 3}, 2, {.padding = 1, .implementation = implementation}};
        expect_derivatives({setting.text(group, lifting), convolution(group, lifting, setting.options),
                            setting.inputs(group, lifting)});
      }
}

TEST(GroupConvolution3d, ReluInTheSamePassIsTheOpRelu) {
  for (const char* group_name : {"C4", "O"})
    for (const bool lifting : {true, false})
      for (const std::string& implementation : group_conv3d_implementations(default_device())) {
        const VoxelGroup group = voxel_group(group_name);
        if (implementation == "expanded" && group.order() > 4) continue;
        Setting3d setting{2, 2, {3, 4, 5}, 2, {.padding = 1, .implementation = implementation}};
        GroupConv3dOptions with_relu = setting.options;
        with_relu.relu = true;
        SCOPED_TRACE(setting.text(group, lifting));
        Inputs in = setting.inputs(group, lifting, 2);
        for (Tensor& tensor : in) tensor = tensor.detach().to(DType::float32), tensor.set_requires_grad();
        const auto one_pass = convolution(group, lifting, with_relu);
        const auto plain = convolution(group, lifting, setting.options);
        const TensorFunction two_passes = [&](const Inputs& inputs) { return relu(plain(inputs)); };
        EXPECT_TRUE(same_bits(one_pass(in), two_passes(in)));
        const auto fused = testing::weighted_gradients(one_pass, in, false);
        const auto apart = testing::weighted_gradients(two_passes, in, false);
        for (std::size_t i = 0; i < in.size(); ++i) EXPECT_TRUE(same_bits(fused[i], apart[i])) << "input " << i;
        if (group.order() > 4) continue;
        setting = {1, 1, {2, 1, 2}, 2, with_relu};
        expect_derivatives(
            {setting.text(group, lifting), convolution(group, lifting, with_relu), setting.inputs(group, lifting)});
      }
}

/// <dy, y(x, w)> is the same sum read three ways.
TEST(GroupConvolution3d, GradientsAreAdjointForEverySetting) {
  for (const VoxelGroup& group : some_groups())
    for (const bool lifting : {true, false})
      for (const Setting3d& setting : settings())
        for (const std::string& implementation : group_conv3d_implementations(default_device())) {
          if (implementation == "expanded" && group.order() > 4) continue;  // ops whose gradients are tested elsewhere
          GroupConv3dOptions options = setting.options;
          options.implementation = implementation;
          options.allow_broken_symmetry = true;
          SCOPED_TRACE(setting.text(group, lifting) + implementation);
          Inputs in = setting.inputs(group, lifting, 2);
          for (Tensor& tensor : in) tensor = tensor.detach(), tensor.set_requires_grad();
          const Tensor y = convolution(group, lifting, options)({in[0], in[1]});
          const Tensor dy = smooth_input(y.shape(), 7).detach();
          const Tensor energy = sum(y * dy);
          const auto gradients = grad({energy}, {in[0], in[1]});
          EXPECT_LE(relative_difference(sum(gradients[0] * in[0]), energy), 1e-12);
          EXPECT_LE(relative_difference(sum(gradients[1] * in[1]), energy), 1e-12);
        }
}

/// Register tiles and vectors of rows are cut by the fields, runs of taps by the kernel.
TEST_F(GroupConvolution3dOnCpu, BlocksAgreeWithTheGatherForAnyFieldsAndTaps) {
  const auto check = [](const Setting3d& setting, DType dtype, double tolerance) {
    const VoxelGroup group = voxel_group("O");
    SCOPED_TRACE(setting.text(group, false));
    Inputs in = setting.inputs(group, false);
    for (Tensor& tensor : in) tensor = tensor.detach().to(dtype), tensor.set_requires_grad();
    const auto results = [&](const std::string& implementation) {
      GroupConv3dOptions options = setting.options;
      options.implementation = implementation;
      const Tensor y = group_conv3d(in[0], in[1], in[2], group, options);
      std::vector<Tensor> all = grad({sum(square(y))}, in);
      all.push_back(y);
      return all;
    };
    const auto blocks = results("irrep_blocks"), gather = results("orbit_gather");
    for (std::size_t i = 0; i < blocks.size(); ++i)
      EXPECT_LE(relative_difference(blocks[i], gather[i]), tolerance) << i;
  };
  for (const std::int64_t outputs : {1, 3, 5, 7, 8, 11, 13, 16, 21}) {
    check({1, outputs, {1, 2, 17}, 2, {.padding = 1}}, DType::float32, 1e-5);
    check({1, outputs, {1, 2, 9}, 2, {.padding = 1}}, DType::float64, 1e-13);
  }
  check({2, 3, {3, 2, 3}, 4, {.padding = 2}}, DType::float64, 1e-13);  // 64 taps
  check({2, 3, {2, 3, 2}, 1, {}}, DType::float64, 1e-13);
}

TEST_F(GroupConvolution3dOnCpu, ThreadsChangeNoBit) {
  const VoxelGroup group = voxel_group("O");
  const auto check = [&](const Setting3d& setting, std::int64_t batch) {
    Inputs in = setting.inputs(group, false, batch);
    for (Tensor& tensor : in) tensor = tensor.detach().to(DType::float32), tensor.set_requires_grad();
    const auto results = [&](int threads, const std::string& implementation) {
      const ThreadCount scope(threads);
      const Tensor y = group_conv3d(in[0], in[1], in[2], group, {.padding = 1, .implementation = implementation});
      std::vector<Tensor> all = grad({sum(square(y))}, in);
      all.push_back(y);
      return all;
    };
    const auto expanded = results(1, "expanded");
    for (const char* implementation : {"orbit_gather", "irrep_blocks"}) {
      const auto one = results(1, implementation), three = results(3, implementation);
      for (std::size_t i = 0; i < one.size(); ++i) {
        EXPECT_TRUE(same_bits(one[i], three[i])) << implementation << i;
        EXPECT_LE(relative_difference(one[i], expanded[i]), 1e-4) << implementation << i;
      }
    }
  };
  check({3, 2, {7, 7, 7}, 3, {.padding = 1}}, 1);
  check({1, 2, {5, 8, 13}, 3, {.padding = 1}}, 1);  // two sums of the filter gradient for the one field
  check({1, 1, {3, 5, 7}, 3, {.padding = 1}}, 3);
}

TEST(GroupConvolution3d, RefusesWhatDoesNotFit) {
  const VoxelGroup o = voxel_group("O");
  const Tensor x = ones({1, 2, 24, 4, 4, 4}), w = ones({3, 2, 24, 3, 3, 3});
  EXPECT_ERROR(group_conv3d(ones({1, 2, 4, 4, 4}), w, {}, o), "|G| = 24, got [1, 2, 4, 4, 4]. Lift it first");
  EXPECT_ERROR(lift_conv3d(x, w, {}, o), "Regular features take group_conv3d(...)");
  EXPECT_ERROR(group_conv3d(x, ones({3, 2, 12, 3, 3, 3}), {}, o), "w must be [K, C / groups, |G|, k, k, k]");
  EXPECT_ERROR(group_conv3d(x, ones({3, 2, 24, 3, 3, 2}), {}, o), "must be a cube");
  EXPECT_ERROR(group_conv3d(x, w, ones({4}), o), "the bias must be [3]");
  EXPECT_ERROR(group_conv3d(x, w, {}, o, {.dilation = 2}), "the kernel covers 5 voxels an axis");
  EXPECT_ERROR(group_conv3d(x, w, {}, o, {.stride = 2, .padding = 1}), "breaks the symmetry under O");
  EXPECT_ERROR(group_conv3d(x, w, {}, o, {.implementation = "fastest"}), "there is no implementation 'fastest'");
  EXPECT_ERROR(group_conv3d(x, ones({3, 2, 24, 0, 0, 0}), {}, o), "at least one tap");
  EXPECT_ERROR(act_on_volume(x, o, 24), "there is no element 24 in O");
  EXPECT_ERROR(act_on_regular_volume(ones({4, 4, 4}), o, 1), "takes regular features");
  EXPECT_EQ(group_conv3d(ones({0, 2, 24, 4, 4, 4}), w, {}, o).shape(), Shape({0, 3, 24, 2, 2, 2}));
}

TEST_F(GroupConvolution3dOnCpu, FastFormsNeedFields) {
  const VoxelGroup o = voxel_group("O");
  const Tensor x = ones({1, 2, 24, 4, 4, 4}), none = ones({0, 2, 24, 3, 3, 3});
  EXPECT_EQ(group_conv3d(x, none, {}, o).shape(), Shape({1, 0, 24, 2, 2, 2}));
  for (const char* implementation : {"orbit_gather", "irrep_blocks"})
    EXPECT_ERROR(group_conv3d(x, none, {}, o, {.implementation = implementation}), "does not support these sizes");
}

TEST(GroupConvolution3d, RefusesAGroupWhoseMatricesAreNotItsOwn) {
  const VoxelGroup c4 = voxel_group("C4");
  const auto lift = [](const VoxelGroup& group) {
    return lift_conv3d(ones({1, 1, 3, 3, 3}), ones({1, 1, 3, 3, 3}), {}, group);
  };
  const Tensor expected = lift(c4);
  VoxelGroup other_table = c4;
  other_table.group = groups::direct_product(groups::cyclic(2), groups::cyclic(2));
  EXPECT_ERROR(lift(other_table), "do not multiply as its table says");
  EXPECT_ERROR(act_on_volume(ones({2, 2, 2}), other_table, 1), "do not multiply as its table says");
  EXPECT_TRUE(same_bits(lift(c4), expected));
  VoxelGroup too_few = c4;
  too_few.matrices.pop_back();
  EXPECT_ERROR(lift(too_few), "3 matrices for 4 elements");
  EXPECT_ERROR(act_on_volume(ones({2, 2, 2}), too_few, 3), "3 matrices for 4 elements");
  VoxelGroup no_symmetry = c4;
  no_symmetry.matrices[1] = {2, 0, 0, 0, 0, -1, 0, 1, 0};
  EXPECT_ERROR(lift(no_symmetry), "no symmetry of a cubic kernel");
  VoxelGroup reordered = c4;
  std::swap(reordered.matrices[0], reordered.matrices[1]);
  EXPECT_ERROR(lift(reordered), "the first element of C4 is not the identity");
  const groups::FiniteGroup large = groups::cyclic(64);  // more elements than there are symmetries
  EXPECT_ERROR(lift({large, std::vector<groups::VoxelMatrix>(64, c4.matrices[0]), "C64"}), "have the same matrix");
}

}  // namespace
}  // namespace orbitgrad
