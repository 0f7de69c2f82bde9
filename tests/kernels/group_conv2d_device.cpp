#include <fmt/format.h>

#include <string>

#include "kernels/group_conv2d/expanded.hpp"
#include "kernels/rounded.hpp"
#include "tests/kernels/device_convolution.hpp"
#include "tests/kernels/device_map.hpp"
#include "tests/kernels/group_conv2d_case.hpp"

namespace orbitgrad::testing {
namespace {

using kernels::DeviceKind;
using kernels::GroupConv2dProblem;
using kernels::testing::check_barriers_are_needed;
using kernels::testing::check_every_version;
using kernels::testing::map_on_device;

template <class T>
class GroupConv2dDeviceTest : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(GroupConv2dDeviceTest, Types);

using Case = GroupConv2dCase;
using Tables = LatticeTables;

/// `implicit_gemm` supports few fields only when it is asked for by name, and so does `irrep_blocks`, which has checks
/// of its own.
GroupConv2dProblem device_problem(const Case& c, const Tables& tables) {
  GroupConv2dProblem p = problem_of(c, tables);
  p.implementation = "implicit_gemm";
  return p;
}

/// Square images and strides that meet the border: the group acts on them.
std::vector<Case> square_cases() {
  std::vector<Case> all;
  for (const std::string& group : groups::lattice_group_names())
    for (const bool lift : {true, false}) all.push_back({group, lift, 1, 1, 2, 3, 3, 3, 1, 1});
  for (const bool lift : {true, false}) {
    all.push_back({"p4m", lift, 2, 2, 3, 4, 4, 3, 1, 1});
    all.push_back({"p4m", lift, 1, 2, 2, 5, 5, 3, 2, 1});
    all.push_back({"p4m", lift, 1, 1, 2, 4, 4, 2});
    all.push_back({"p4", lift, 1, 2, 2, 6, 6, 4, 2, 1});
    all.push_back({"p4", lift, 1, 1, 2, 5, 5, 3, 1, 2, 2});
    all.push_back({"p4", lift, 2, 4, 6, 3, 3, 3, 1, 1, 1, 2});
    all.push_back({"p4", lift, 1, 1, 1, 2, 2, 1});
    all.push_back({"p4m", lift, 1, 1, 1, 1, 1, 3, 1, 4});  // more padding than the kernel is wide
  }
  all.push_back({"p4m", false, 1, 6, 1, 3, 3, 5, 1, 2});  // the filters of a field do not fit in one piece
  return all;
}

/// Shapes that no rotation maps to themselves, empty ones, and some larger than a block or a tile.
std::vector<Case> other_cases() {
  return {{"p4m", false, 2, 2, 3, 3, 6, 3, 1, 1}, {"p4", false, 1, 2, 3, 7, 6, 3, 2, 1},
          {"pm", true, 2, 3, 2, 5, 9, 2, 3},      {"p4m", false, 0, 2, 2, 4, 4, 3, 1, 1},
          {"p4", true, 2, 2, 2, 2, 2, 3},         {"p4m", false, 2, 1, 1, 5, 8, 3, 1, 1},
          {"p4", false, 1, 1, 66, 2, 3, 1},       {"p4", true, 9, 1, 2, 6, 6, 3, 1, 1}};
}

/// Holds the version of that name against `expected`; false if none on sim supports the problem.
template <class Kernel, class Run, class T>
bool check_version(const typename Kernel::Problem& p, std::string_view name, Run&& run, const std::vector<T>& expected,
                   double most) {
  bool found = false;
  for (const DeviceKind device : {DeviceKind::sim, DeviceKind::cuda}) {
    if (kernels::device_memory(device) == nullptr) continue;
    const auto* version = kernels::Registry<Kernel>::find(name, device, p);
    if (version == nullptr) continue;
    found = found || device == DeviceKind::sim;
    kernels::testing::expect_near(kernels::testing::run_checked<Kernel>(*version, p, run), expected, most,
                                  std::string(Kernel::name) + "/" + std::string(name));
  }
  return found;
}

template <class T>
void check(const Case& c, std::string_view implementation = "implicit_gemm") {
  SCOPED_TRACE(describe(c));
  const Tables tables(c.group);
  GroupConv2dProblem p = device_problem(c, tables);
  p.implementation = implementation;
  const ConvolutionOnDevice<GroupConv2dProblem, T> on_device(p, p.out_fields);
  const auto &x = on_device.x, &w = on_device.w, &dy = on_device.dy, &bias = on_device.bias;
  std::vector<T> y(dy.size()), plain(dy.size()), dx(x.size()), dw(w.size());
  kernels::cpu::group_conv2d_forward(p, x.data(), w.data(), bias.data(), y.data());
  kernels::cpu::group_conv2d_forward<T>(p, x.data(), w.data(), nullptr, plain.data());
  kernels::cpu::group_conv2d_input_gradient(p, dy.data(), w.data(), dx.data());
  kernels::cpu::group_conv2d_filter_gradient(p, x.data(), dy.data(), dw.data());
  check_every_version<kernels::GroupConv2dForward<T>>(p, on_device.forward(), y, tolerance<T>());
  if (c.batch == 1)
    check_every_version<kernels::GroupConv2dForward<T>>(p, on_device.forward(false), plain, tolerance<T>());
  check_every_version<kernels::GroupConv2dInputGradient<T>>(p, on_device.input_gradient(), dx, tolerance<T>());
  check_every_version<kernels::GroupConv2dFilterGradient<T>>(p, on_device.filter_gradient(), dw, tolerance<T>());
  if (implementation == "expanded") return;
  p.implementation = "irrep_blocks";
  EXPECT_TRUE(check_version<kernels::GroupConv2dForward<T>>(p, "irrep_blocks", on_device.forward(), y, tolerance<T>()));
  EXPECT_EQ(check_version<kernels::GroupConv2dInputGradient<T>>(p, "irrep_blocks", on_device.input_gradient(), dx,
                                                                tolerance<T>()),
            p.in_order == p.order);
  EXPECT_TRUE(check_version<kernels::GroupConv2dFilterGradient<T>>(p, "irrep_blocks", on_device.filter_gradient(), dw,
                                                                   tolerance<T>()));
}

TYPED_TEST(GroupConv2dDeviceTest, EveryVersionMatchesTheCpu) {
  constexpr std::size_t step = sizeof(TypeParam) == 4 ? 1 : 3;  // the kernels are the same templates
  for (const auto& cases : {square_cases(), other_cases()})
    for (std::size_t i = 0; i < cases.size(); i += step) check<TypeParam>(cases[i]);
}

// The images times the elements of the group are no 64-bit number.
TYPED_TEST(GroupConv2dDeviceTest, GatheredVersionsRefuseAnyNumberOfEmptyImages) {
  using Forward = kernels::GroupConv2dForward<TypeParam>;
  const Tables tables("p4m");
  for (const bool lift : {true, false}) {
    const GroupConv2dProblem p = device_problem({"p4m", lift, std::int64_t{1} << 61, 0, 0, 5, 5, 3}, tables);
    EXPECT_EQ(kernels::Registry<Forward>::find("implicit_gemm", DeviceKind::sim, p), nullptr);
  }
}

TYPED_TEST(GroupConv2dDeviceTest, ExpandedFiltersGiveTheSame) {
  using T = TypeParam;
  for (const bool lift : {true, false}) {
    if (lift && sizeof(T) == 8) continue;  // the kernels are the same templates
    check<T>({"p4", lift, 2, 4, 2, 3, 4, 3, 1, 1, 1, 2}, "expanded");
    check<T>({"p4m", lift, 1, 1, 2, 5, 5, 3, 2, 1, 2}, "expanded");
    const Case c{"p4m", lift, 1, 2, 2, 3, 3, 3};
    SCOPED_TRACE(describe(c));
    const Tables tables(c.group);
    const GroupConv2dProblem p = device_problem(c, tables);
    const auto w = make_data<T>(p.w_size(), 2, Data::random),
               gradient = make_data<T>(p.w_size() * p.order, 3, Data::random);
    std::vector<T> bank(gradient.size()), dw(w.size());
    kernels::cpu::expand_filter(p, w.data(), bank.data());
    kernels::cpu::sum_filter_orbits(p, gradient.data(), dw.data());
    check_every_version<kernels::ExpandFilter<T>>(
        p, [&](const auto& version) { return map_on_device<T>(version, p, bank.size(), w); }, bank, 0);
    check_every_version<kernels::SumFilterOrbits<T>>(
        p, [&](const auto& version) { return map_on_device<T>(version, p, dw.size(), gradient); }, dw, 0);
  }
}

TYPED_TEST(GroupConv2dDeviceTest, EveryBarrierIsNeeded) {
  using T = TypeParam;
  const Tables tables("p4m");
  for (const std::string_view name : {"implicit_gemm", "irrep_blocks"}) {
    if (sizeof(T) == 8 && name == "irrep_blocks") continue;  // the kernels are the same templates
    const auto on_device = [&](const Case& c) {
      GroupConv2dProblem p = problem_of(c, tables);
      p.implementation = name;
      return ConvolutionOnDevice<GroupConv2dProblem, T>(p, p.out_fields);
    };
    // The filters of one field, 15 x 72 entries, do not fit in one piece.
    const auto forward = on_device({"p4m", false, 1, 15, 1, 1, 1, 3, 1, 1});
    check_barriers_are_needed<kernels::GroupConv2dForward<T>>(forward.problem, forward.forward());
    const auto input = on_device({"p4m", false, 1, 1, 15, 1, 1, 3, 1, 1});
    check_barriers_are_needed<kernels::GroupConv2dInputGradient<T>>(input.problem, input.input_gradient());
    const auto filter = on_device({"p4m", true, 1, 1, 2, 6, 6, 2});
    check_barriers_are_needed<kernels::GroupConv2dFilterGradient<T>>(filter.problem, filter.filter_gradient());
  }
}

/// [L_h f](t, p) = f(h^-1 t, h^-1 p) for f [outer, elements, size, size]; elements is 1 (an image) or the order.
template <class T>
std::vector<T> act(const groups::LatticeGroup& group, int h, const std::vector<T>& f, std::int64_t elements,
                   std::int64_t size) {
  const int inverse = group.group.inverse(h);
  const auto& m = group.matrices[static_cast<std::size_t>(inverse)];
  std::vector<T> result(f.size());
  const std::int64_t plane = size * size;
  for (std::size_t i = 0; i < f.size(); ++i) {
    const auto at = static_cast<std::int64_t>(i), t = at / plane % elements;
    const std::int64_t u = 2 * (at / size % size) - (size - 1), v = 2 * (at % size) - (size - 1);
    const std::int64_t row = (m[0] * u + m[1] * v + size - 1) / 2, column = (m[2] * u + m[3] * v + size - 1) / 2;
    const std::int64_t from = elements == 1 ? 0 : group.group.product(inverse, static_cast<int>(t));
    result[i] = f[static_cast<std::size_t>((at / plane - t + from) * plane + row * size + column)];
  }
  return result;
}

// f(L_h x) and L_h f(x) are the same bits, and so are the gradients by the input where the stride is 1.
TYPED_TEST(GroupConv2dDeviceTest, GathersAndBlocksAreEquivariantBitForBit) {
  using T = TypeParam;
  for (const Case& c : square_cases()) {
    SCOPED_TRACE(describe(c));
    const Tables tables(c.group);
    const GroupConv2dProblem p = device_problem(c, tables);
    ASSERT_TRUE(kernels::stride_is_equivariant(p));
    const ConvolutionOnDevice<GroupConv2dProblem, T> at_unit(p, p.out_fields);
    for (const std::string_view name : {"orbit_gather", "implicit_gemm", "irrep_naive", "irrep_blocks"}) {
      GroupConv2dProblem asked = p;
      asked.implementation = name;
      const auto* forward = kernels::Registry<kernels::GroupConv2dForward<T>>::find(name, DeviceKind::sim, asked);
      const auto* input = kernels::Registry<kernels::GroupConv2dInputGradient<T>>::find(name, DeviceKind::sim, asked);
      ASSERT_TRUE(forward != nullptr && (c.lift || input != nullptr));
      const auto y = at_unit.forward()(*forward), dx = input == nullptr ? at_unit.x : at_unit.input_gradient()(*input);
      for (int h = 0; h < tables.group.order(); ++h) {
        auto moved = at_unit;
        moved.x = act(tables.group, h, at_unit.x, p.in_order, p.in_height);
        moved.dy = act(tables.group, h, at_unit.dy, p.order, p.out_height());
        EXPECT_TRUE(same_bits(moved.forward()(*forward), act(tables.group, h, y, p.order, p.out_height())))
            << name << ", element " << h;
        if (!c.lift && input != nullptr) {
          EXPECT_TRUE(same_bits(moved.input_gradient()(*input), act(tables.group, h, dx, p.in_order, p.in_height)))
              << name << ", input gradient, element " << h;
        }
      }
    }
  }
}

TEST(GroupConv2dDevice, TheChoiceIsByOrderAndFields) {
  const auto best = [&](const std::string& group, bool lift, std::int64_t fields) {
    const Tables tables(group);
    GroupConv2dProblem p = device_problem({group, lift, 1, 2, fields, 4, 4, 3}, tables);
    p.implementation = {};
    return kernels::Registry<kernels::GroupConv2dForward<float>>::best(DeviceKind::sim, p)->name;
  };
  EXPECT_EQ(best("p4m", false, 7), "orbit_gather");
  EXPECT_EQ(best("p4m", false, 8), "irrep_blocks");
  EXPECT_EQ(best("p4", true, 16), "irrep_blocks");
  EXPECT_EQ(best("p2", false, 16), "implicit_gemm");
  EXPECT_EQ(best("p6", false, 16), "formula");
}

TYPED_TEST(GroupConv2dDeviceTest, TheEpilogueTakesTheReluOfTheSameBits) {
  using T = TypeParam;
  const auto check_versions = [](const auto& versions, const auto& asked, auto relu, const auto& problem) {
    const ConvolutionOnDevice<GroupConv2dProblem, T> on_device(problem, problem.out_fields);
    for (const auto& version : versions) {
      if (version.device != DeviceKind::sim || !version.supports(asked)) continue;
      for (const bool with_bias : {true, false}) {
        auto expected = on_device.forward_of(asked, with_bias)(version);
        for (T& value : expected) value = value < 0 ? T{0} : value;
        EXPECT_TRUE(same_bits(on_device.forward_of(relu, with_bias)(version), expected)) << version.name;
      }
    }
  };
  for (const Case& c : {Case{"p4m", false, 1, 2, 3, 3, 5, 3, 1, 1}, Case{"p4", true, 1, 1, 2, 4, 4, 3}})
    for (const char* name : {"implicit_gemm", "expanded", "irrep_blocks"}) {
      SCOPED_TRACE(describe(c));
      const Tables tables(c.group);
      GroupConv2dProblem p = device_problem(c, tables);
      p.implementation = name;
      GroupConv2dProblem rectified = p;
      rectified.relu = true;
      check_versions(kernels::Registry<kernels::GroupConv2dForward<T>>::all(), p, rectified, p);
      if constexpr (sizeof(T) == 4) {
        using Asked = kernels::RoundedProblem<GroupConv2dProblem>;
        check_versions(kernels::Registry<kernels::Rounded<kernels::GroupConv2dForward<T>>>::all(),
                       Asked{p, kernels::Precision::tf32}, Asked{rectified, kernels::Precision::tf32}, p);
      }
      const ConvolutionOnDevice<GroupConv2dProblem, T> plain(p, p.out_fields), with_relu(rectified, p.out_fields);
      for (const auto& version : kernels::Registry<kernels::GroupConv2dInputGradient<T>>::all())
        if (version.device == DeviceKind::sim && version.supports(p)) {
          EXPECT_TRUE(same_bits(with_relu.input_gradient()(version), plain.input_gradient()(version))) << version.name;
        }
    }
}

// The reference is the strict product of numbers that were rounded before.
TEST(GroupConv2dDevice, RoundedVersionsMatchTheCpuOnRoundedOperands) {
  using kernels::Rounded;
  for (const kernels::Precision precision : {kernels::Precision::tf32, kernels::Precision::float16})
    for (const Case& c : {Case{"p4m", true, 1, 2, 2, 5, 5, 3, 2, 1}, Case{"p4", false, 2, 4, 6, 3, 3, 3, 1, 1, 1, 2}}) {
      SCOPED_TRACE(describe(c));
      const Tables tables(c.group);
      const GroupConv2dProblem p = problem_of(c, tables);
      const ConvolutionOnDevice<GroupConv2dProblem, float> on_device(p, p.out_fields);
      const auto x = rounded(precision, on_device.x), w = rounded(precision, on_device.w);
      const auto dy = rounded(precision, on_device.dy);
      std::vector<float> y(dy.size()), dx(x.size()), dw(w.size());
      kernels::cpu::group_conv2d_forward(p, x.data(), w.data(), on_device.bias.data(), y.data());
      kernels::cpu::group_conv2d_input_gradient(p, dy.data(), w.data(), dx.data());
      kernels::cpu::group_conv2d_filter_gradient(p, x.data(), dy.data(), dw.data());
      const kernels::RoundedProblem<GroupConv2dProblem> asked{p, precision};
      EXPECT_TRUE(check_version<Rounded<kernels::GroupConv2dForward<float>>>(asked, "mma", on_device.forward_of(asked),
                                                                             y, tolerance<float>()));
      EXPECT_TRUE(check_version<Rounded<kernels::GroupConv2dInputGradient<float>>>(
          asked, "mma", on_device.input_gradient_of(asked), dx, tolerance<float>()));
      EXPECT_TRUE(check_version<Rounded<kernels::GroupConv2dFilterGradient<float>>>(
          asked, "mma", on_device.filter_gradient_of(asked), dw, tolerance<float>()));
    }
}

// Random numbers within what the precision allows; whole numbers are exact, since their transforms are, in bfloat16
// too. More fields and positions than a tile has, and rows that do not fill a step.
TEST(GroupConv2dDevice, IrrepBlocksOnTensorCoresKeepThePrecision) {
  using kernels::Rounded;
  for (const Data kind : {Data::random, Data::small_integers})
    for (const Case& c : {Case{"p4m", false, 3, 1, 33, 5, 5, 3, 2, 1}, Case{"p4m", true, 1, 3, 2, 9, 9, 3, 1, 1},
                          Case{"p4", false, 1, 4, 6, 3, 3, 3, 1, 1, 1, 2}, Case{"p2", true, 1, 1, 1, 4, 3, 2}}) {
      SCOPED_TRACE(describe(c));
      const Tables tables(c.group);
      GroupConv2dProblem p = problem_of(c, tables);
      ConvolutionOnDevice<GroupConv2dProblem, float> on_device(p, p.out_fields);
      on_device.x = make_data<float>(p.x_size(), 1, kind), on_device.w = make_data<float>(p.w_size(), 2, kind);
      on_device.dy = make_data<float>(p.y_size(), 3, kind), on_device.bias = make_data<float>(p.out_fields, 4, kind);
      const auto &x = on_device.x, &w = on_device.w, &dy = on_device.dy;
      std::vector<float> y(dy.size()), dx(x.size()), dw(w.size());
      kernels::cpu::group_conv2d_forward(p, x.data(), w.data(), on_device.bias.data(), y.data());
      kernels::cpu::group_conv2d_input_gradient(p, dy.data(), w.data(), dx.data());
      kernels::cpu::group_conv2d_filter_gradient(p, x.data(), dy.data(), dw.data());
      for (const kernels::Precision precision : {kernels::Precision::tf32, kernels::Precision::bfloat16}) {
        const kernels::RoundedProblem<GroupConv2dProblem> asked{p, precision};
        const double most = kind == Data::random ? kernels::testing::library_tolerance(precision) : 0;
        EXPECT_TRUE(check_version<Rounded<kernels::GroupConv2dForward<float>>>(asked, "irrep_mma",
                                                                               on_device.forward_of(asked), y, most));
        EXPECT_NE(c.lift, check_version<Rounded<kernels::GroupConv2dInputGradient<float>>>(
                              asked, "irrep_mma", on_device.input_gradient_of(asked), dx, most));
        EXPECT_TRUE(check_version<Rounded<kernels::GroupConv2dFilterGradient<float>>>(
            asked, "irrep_mma", on_device.filter_gradient_of(asked), dw, most));
      }
      if (kind == Data::random) continue;
      p.implementation = "irrep_blocks";
      EXPECT_TRUE(check_version<kernels::GroupConv2dForward<float>>(p, "irrep_blocks", on_device.forward(), y, 0));
      EXPECT_TRUE(check_version<kernels::GroupConv2dFilterGradient<float>>(p, "irrep_blocks",
                                                                           on_device.filter_gradient(), dw, 0));
    }
}

TEST(GroupConv2dDevice, EveryBarrierOfTheTensorCoresIsNeeded) {
  using kernels::Rounded;
  const Tables tables("p4");
  const GroupConv2dProblem p = problem_of({"p4", false, 1, 2, 1, 5, 5, 3, 1, 1}, tables);
  const ConvolutionOnDevice<GroupConv2dProblem, float> on_device(p, p.out_fields);
  const kernels::RoundedProblem<GroupConv2dProblem> asked{p, kernels::Precision::bfloat16};
  check_barriers_are_needed<Rounded<kernels::GroupConv2dForward<float>>>(asked, on_device.forward_of(asked));
  check_barriers_are_needed<Rounded<kernels::GroupConv2dFilterGradient<float>>>(asked,
                                                                                on_device.filter_gradient_of(asked));
}

}  // namespace
}  // namespace orbitgrad::testing
