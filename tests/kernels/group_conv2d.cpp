#include "kernels/group_conv2d/group_conv2d.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "tests/kernels/case_table.hpp"
#include "tests/kernels/group_conv2d_case.hpp"

namespace orbitgrad::testing {
namespace {

using kernels::DeviceKind;
using kernels::GroupConv2dFilterGradient;
using kernels::GroupConv2dForward;
using kernels::GroupConv2dInputGradient;
using kernels::GroupConv2dProblem;
using kernels::Registry;

using Case = GroupConv2dCase;
using Tables = LatticeTables;

/// Square images: every group acts on them.
std::vector<Case> cases() {
  std::vector<Case> all;
  for (const std::string& group : groups::lattice_group_names())
    for (const bool lift : {true, false}) {
      for (std::int64_t kernel = 1; kernel <= 5; ++kernel) all.push_back({group, lift, 2, 2, 3, 7, 7, kernel});
      all.push_back({group, lift, 1, 1, 1, 8, 8, 3, 1, 1});
      all.push_back({group, lift, 3, 3, 5, 9, 9, 3, 2, 1});       // the stride meets the border
      all.push_back({group, lift, 2, 2, 2, 8, 8, 4, 2, 1});       // the same, even kernel
      all.push_back({group, lift, 1, 2, 2, 11, 11, 3, 1, 2, 2});  // dilated
      all.push_back({group, lift, 2, 4, 6, 6, 6, 3, 1, 1, 1, 2});
      all.push_back({group, lift, 0, 2, 2, 6, 6, 3, 1, 1});
      all.push_back({group, lift, 1, 2, 14, 3, 3, 3});
    }
  all.push_back({"p4m", false, 2, 7, 13, 8, 8, 3, 1, 1});
  all.push_back({"p4", false, 5, 12, 32, 10, 10, 3, 1, 1});
  all.push_back({"p4m", false, 1, 2, 34, 5, 5, 3, 1, 1});  // more fields than a vector has lanes
  all.push_back({"pm", false, 1, 33, 35, 5, 5, 3, 1, 1});
  all.push_back({"p4m", false, 4, 8, 3, 16, 16, 3, 1, 1});  // several sums of columns, several blocks of input fields
  all.push_back({"p4", false, 1, 3, 4, 18, 18, 3});         // a vector is one line of the output
  all.push_back({"p4m", true, 40, 1, 8, 12, 12, 5, 1, 2});
  all.push_back({"p4", true, 3, 3, 12, 28, 28, 3, 1, 3});  // padding larger than the kernel needs
  return all;
}

/// Shapes that no rotation maps to themselves: values are tested, equivariance is not.
std::vector<Case> crooked_cases() {
  return {{"p4m", false, 2, 2, 3, 7, 10, 3, 1, 1},
          {"p4", false, 2, 2, 3, 10, 8, 3, 2, 1},
          {"p4", true, 1, 3, 2, 9, 6, 2, 3},
          {"pm", false, 2, 3, 3, 5, 21, 3, 1, 1},
          {"p4m", true, 2, 1, 4, 10, 10, 3, 2}};
}

/// Calls body(x index, w index, y index) for every product of the definition, written from the formula with the group's
/// own product and inverse and with offsets as half integers: independent of the kernel's tables.
template <class Body>
void for_each_product(const GroupConv2dProblem& p, const groups::LatticeGroup& group, Body&& body) {
  const std::int64_t in = p.in_fields / p.groups, out = p.out_fields / p.groups;
  const double centre = static_cast<double>(p.kernel - 1) / 2;
  for (std::int64_t n = 0; n < p.batch; ++n)
    for (std::int64_t k = 0; k < p.out_fields; ++k)
      for (std::int64_t s = 0; s < p.order; ++s) {
        const int inverse = group.group.inverse(static_cast<int>(s));
        const auto& h = group.matrices[static_cast<std::size_t>(inverse)];
        for (std::int64_t row = 0; row < p.out_height(); ++row)
          for (std::int64_t column = 0; column < p.out_width(); ++column)
            for (std::int64_t c = 0; c < in; ++c)
              for (std::int64_t t = 0; t < p.in_order; ++t)
                for (std::int64_t i = 0; i < p.kernel; ++i)
                  for (std::int64_t j = 0; j < p.kernel; ++j) {
                    const std::int64_t r = row * p.stride + i * p.dilation - p.padding;
                    const std::int64_t q = column * p.stride + j * p.dilation - p.padding;
                    if (r < 0 || r >= p.in_height || q < 0 || q >= p.in_width) continue;
                    const double u = static_cast<double>(i) - centre, v = static_cast<double>(j) - centre;
                    const auto tap_row = static_cast<std::int64_t>(std::lround(h[0] * u + h[1] * v + centre));
                    const auto tap_column = static_cast<std::int64_t>(std::lround(h[2] * u + h[3] * v + centre));
                    const std::int64_t g = p.in_order == 1 ? 0 : group.group.product(inverse, static_cast<int>(t));
                    body((((n * p.in_fields + k / out * in + c) * p.in_order + t) * p.in_height + r) * p.in_width + q,
                         (((k * in + c) * p.in_order + g) * p.kernel + tap_row) * p.kernel + tap_column,
                         (((n * p.out_fields + k) * p.order + s) * p.out_height() + row) * p.out_width() + column);
                  }
      }
}

template <class T>
void check(const Case& c, Data kind) {
  SCOPED_TRACE(describe(c));
  const Tables tables(c.group);
  const GroupConv2dProblem p = problem_of(c, tables);
  const auto x = make_data<T>(p.x_size(), 1, kind), w = make_data<T>(p.w_size(), 2, kind);
  const auto dy = make_data<T>(p.y_size(), 3, kind), bias = make_data<T>(p.out_fields, 4, kind);
  std::vector<double> y(dy.size(), 0.0), y_bias(dy.size()), dx(x.size(), 0.0), dw(w.size(), 0.0), db(bias.size(), 0.0);
  for_each_product(p, tables.group, [&](std::int64_t i, std::int64_t j, std::int64_t k) {
    const auto at_x = static_cast<std::size_t>(i), at_w = static_cast<std::size_t>(j),
               at_y = static_cast<std::size_t>(k);
    const double vx = static_cast<double>(x[at_x]), vw = static_cast<double>(w[at_w]),
                 vd = static_cast<double>(dy[at_y]);
    y[at_y] += vx * vw;
    dx[at_x] += vd * vw;
    dw[at_w] += vx * vd;
  });
  const auto field = static_cast<std::size_t>(p.order * p.out_height() * p.out_width());
  for (std::size_t i = 0; i < y.size(); ++i) {
    y_bias[i] = y[i] + static_cast<double>(bias[i / field % bias.size()]);
    db[i / field % bias.size()] += static_cast<double>(dy[i]);
  }
  for (const auto& f : Registry<GroupConv2dForward<T>>::all()) {
    if (f.device != DeviceKind::cpu || !f.supports(p)) continue;
    SCOPED_TRACE(f.name);
    const auto plain = deterministic<T>(p.y_size(), [&](T* out) { f.launch(p, x.data(), w.data(), nullptr, out); });
    expect_matches(plain, y, kind);
    const auto biased =
        deterministic<T>(p.y_size(), [&](T* out) { f.launch(p, x.data(), w.data(), bias.data(), out); });
    expect_matches(biased, y_bias, kind);
  }
  for (const auto& f : Registry<GroupConv2dInputGradient<T>>::all()) {
    if (f.device != DeviceKind::cpu || !f.supports(p)) continue;
    SCOPED_TRACE(fmt::format("{} input gradient", f.name));
    expect_matches(deterministic<T>(p.x_size(), [&](T* out) { f.launch(p, dy.data(), w.data(), out); }), dx, kind);
  }
  for (const auto& f : Registry<GroupConv2dFilterGradient<T>>::all()) {
    if (f.device != DeviceKind::cpu || !f.supports(p)) continue;
    SCOPED_TRACE(fmt::format("{} filter gradient", f.name));
    expect_matches(deterministic<T>(p.w_size(), [&](T* out) { f.launch(p, x.data(), dy.data(), out); }), dw, kind);
  }
  const auto bias_gradient =
      deterministic<T>(p.out_fields, [&](T* out) { kernels::cpu::group_conv2d_bias_gradient(p, dy.data(), out); });
  expect_matches(bias_gradient, db, kind);
}

/// [L_h f](t, p) = f(h^-1 t, h^-1 p) for f [outer, elements, size, size]; elements is 1 (an image) or the order.
template <class T>
std::vector<T> act(const groups::LatticeGroup& group, int h, const std::vector<T>& f, std::int64_t elements,
                   std::int64_t size) {
  const int inverse = group.group.inverse(h);
  const auto& m = group.matrices[static_cast<std::size_t>(inverse)];
  std::vector<T> result(f.size());
  const std::int64_t plane = size * size, outer = static_cast<std::int64_t>(f.size()) / (elements * plane);
  for (std::int64_t i = 0; i < outer; ++i)
    for (std::int64_t t = 0; t < elements; ++t)
      for (std::int64_t row = 0; row < size; ++row)
        for (std::int64_t column = 0; column < size; ++column) {
          const std::int64_t u = 2 * row - (size - 1), v = 2 * column - (size - 1);
          const std::int64_t r = (m[0] * u + m[1] * v + size - 1) / 2, q = (m[2] * u + m[3] * v + size - 1) / 2;
          const std::int64_t from = elements == 1 ? 0 : group.group.product(inverse, static_cast<int>(t));
          result[static_cast<std::size_t>((i * elements + t) * plane + row * size + column)] =
              f[static_cast<std::size_t>((i * elements + from) * plane + r * size + q)];
        }
  return result;
}

TEST(GroupConv2d, MatchesTheDefinition) {
  auto all = cases();
  const auto crooked = crooked_cases();
  all.insert(all.end(), crooked.begin(), crooked.end());
  for (const Case& c : all) {
    check<float>(c, Data::small_integers);
    check<float>(c, Data::random);
    check<double>(c, Data::random);
  }
}

TEST(GroupConv2d, OrbitGatherAndIrrepBlocksAreEquivariantBitForBit) {
  for (const Case& c : cases())
    for (const std::string name : {"orbit_gather", "irrep_blocks", ""}) {  // the automatic choice is one of them
      const Tables tables(c.group);
      GroupConv2dProblem p = problem_of(c, tables);
      SCOPED_TRACE(fmt::format("{} {}", name, describe(c)));
      p.implementation = name;
      ASSERT_TRUE(kernels::stride_is_equivariant(p));
      const auto forward = [&](const std::vector<float>& x, const std::vector<float>& w, const std::vector<float>& b) {
        return guarded<float>(
            p.y_size(), [&](float* y) { kernels::cpu::group_conv2d_forward(p, x.data(), w.data(), b.data(), y); });
      };
      const auto x = make_data<float>(p.x_size(), 1, Data::random), w = make_data<float>(p.w_size(), 2, Data::random);
      const auto b = make_data<float>(p.out_fields, 3, Data::random);
      const auto y = forward(x, w, b);
      for (int h = 0; h < tables.group.order(); ++h)
        EXPECT_TRUE(same_bits(forward(act(tables.group, h, x, p.in_order, p.in_height), w, b),
                              act(tables.group, h, y, p.order, p.out_height())))
            << "element " << h;
    }
}

TEST(GroupConv2d, TheEpilogueTakesTheReluOfTheSameBits) {
  const auto check_relu = []<class T>(const Case& c, T) {
    const Tables tables(c.group);
    GroupConv2dProblem p = problem_of(c, tables), rectified = p;
    rectified.relu = true;
    const auto x = make_data<T>(p.x_size(), 1, Data::random), w = make_data<T>(p.w_size(), 2, Data::random);
    const auto dy = make_data<T>(p.y_size(), 3, Data::random);
    auto bias = make_data<T>(p.out_fields, 4, Data::random);
    bias[0] = std::numeric_limits<T>::quiet_NaN();  // stays
    for (const auto& f : Registry<GroupConv2dForward<T>>::all()) {
      if (f.device != DeviceKind::cpu || !f.supports(p)) continue;
      SCOPED_TRACE(fmt::format("{} {}", f.name, describe(c)));
      for (const T* b : {static_cast<const T*>(nullptr), static_cast<const T*>(bias.data())}) {
        auto expected = guarded<T>(p.y_size(), [&](T* y) { f.launch(p, x.data(), w.data(), b, y); });
        for (T& value : expected) value = value < 0 ? T{0} : value;
        EXPECT_TRUE(
            same_bits(guarded<T>(p.y_size(), [&](T* y) { f.launch(rectified, x.data(), w.data(), b, y); }), expected));
      }
    }
    for (const auto& f : Registry<GroupConv2dInputGradient<T>>::all())
      if (f.device == DeviceKind::cpu && f.supports(p)) {
        const auto dx_of = [&](const GroupConv2dProblem& problem) {
          return guarded<T>(p.x_size(), [&](T* dx) { f.launch(problem, dy.data(), w.data(), dx); });
        };
        EXPECT_TRUE(same_bits(dx_of(rectified), dx_of(p))) << f.name << " looks at the ReLU, " << describe(c);
      }
  };
  const auto all = cases(), crooked = crooked_cases();
  for (std::size_t i = 0; i < all.size(); i += 3) check_relu(all[i], float{});
  for (const Case& c : crooked) check_relu(c, float{}), check_relu(c, double{});
}

TEST(GroupConv2d, UnevenStrideIsNotEquivariant) {
  const Tables tables("p4");
  Case c{"p4", true, 1, 1, 1, 8, 8, 3, 2, 0};
  EXPECT_FALSE(kernels::stride_is_equivariant(problem_of(c, tables)));
  c.height = c.width = 9;
  EXPECT_TRUE(kernels::stride_is_equivariant(problem_of(c, tables)));
}

TEST(GroupConv2d, ForcedImplementationIsTaken) {
  const Tables tables("p4m");
  GroupConv2dProblem p = problem_of({"p4m", false, 2, 2, 3, 7, 7, 3}, tables);
  for (const auto& f : Registry<GroupConv2dForward<float>>::all()) {
    if (f.device != DeviceKind::cpu) continue;
    p.implementation = f.name;
    EXPECT_EQ(kernels::cpu::choose_group_conv2d_forward<float>(p), f.name);
    EXPECT_EQ(kernels::cpu::choose_group_conv2d_input_gradient<float>(p), f.name);
    EXPECT_EQ(kernels::cpu::choose_group_conv2d_filter_gradient<float>(p), f.name);
  }
  p.implementation = "no such implementation";
  EXPECT_FALSE(kernels::cpu::choose_group_conv2d_forward<float>(p).empty());
}

}  // namespace
}  // namespace orbitgrad::testing
