// The Fourier transform in frames: inverse, convolution theorem, counts, and translations that keep every bit.
#include "groups/irrep_frame.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "groups/cyclic.hpp"
#include "groups/dihedral.hpp"
#include "groups/lattice_group.hpp"
#include "groups/orbit_sums.hpp"
#include "groups/product.hpp"
#include "groups/symmetric.hpp"
#include "groups/voxel_group.hpp"

namespace orbitgrad::groups {
namespace {

using Values = std::vector<double>;

std::vector<FiniteGroup> all_groups() {
  std::vector<FiniteGroup> groups;
  for (const std::string& name : voxel_group_names()) groups.push_back(voxel_group(name).group);
  const VoxelMatrix turn = {0, 0, 1, 1, 0, 0, 0, 1, 0}, mirror = {0, 1, 0, 1, 0, 0, 0, 0, -1};
  groups.push_back(voxel_group_from_generators("third turns", {turn}).group);
  groups.push_back(voxel_group_from_generators("mirror", {mirror}).group);
  for (const std::string& name : lattice_group_names()) groups.push_back(lattice_group(name).group);
  groups.push_back(cyclic(6));
  groups.push_back(dihedral(6));
  groups.push_back(cyclic(8));
  groups.push_back(symmetric(4).group);
  return groups;
}

/// Numbers whose sums round.
Values numbers(int count, int seed) {
  Values result;
  for (int i = 0; i < count; ++i) result.push_back(std::sin(1.7 * i + seed) / 3);
  return result;
}

template <class T>
T symmetric_sum(T a, T b, T c) {
  const T low = std::min({a, b, c}), high = std::max({a, b, c});
  const T middle = std::max(std::min(a, b), std::min(std::max(a, b), c));
  return (low + high) + middle;
}

/// Every P[f, f'], by the program.
template <class T>
std::vector<std::vector<T>> run(const OrbitSums& program, std::vector<T> values) {
  for (const OrbitSumStep& step : program.steps) {
    const auto at = [&](std::int32_t i) { return values[static_cast<std::size_t>(i)]; };
    const T a = at(step.a), b = static_cast<T>(step.sign_b) * at(step.b);
    values.push_back(step.c < 0 ? a + b : symmetric_sum(a, b, static_cast<T>(step.sign_c) * at(step.c)));
  }
  std::vector<std::vector<T>> result;
  for (const auto& sums : program.sums) {
    result.emplace_back();
    for (const SignedValue& sum : sums)
      result.back().push_back(static_cast<T>(sum.sign) * values[static_cast<std::size_t>(sum.value)]);
  }
  return result;
}

/// X[f, j] of each irrep.
std::vector<Values> transform(const std::vector<IrrepFrame>& frames, const OrbitSums& program, const Values& x) {
  const auto sums = run(program, x);
  std::vector<Values> result;
  for (std::size_t r = 0; r < frames.size(); ++r) {
    const IrrepFrame& frame = frames[r];
    Values block;
    for (std::int64_t f = 0; f < frame.size; ++f)
      for (std::int64_t j = 0; j < frame.degree; ++j) {
        double value = 0;
        for (std::int64_t from = 0; from < frame.size; ++from)
          value += sums[r][static_cast<std::size_t>(f * frame.size + from)] *
                   frame.coordinates[static_cast<std::size_t>(from * frame.degree + j)];
        block.push_back(value);
      }
    result.push_back(block);
  }
  return result;
}

Values inverse_transform(const FiniteGroup& group, const std::vector<IrrepFrame>& frames,
                         const std::vector<Values>& blocks) {
  Values x;
  for (int s = 0; s < group.order(); ++s) {
    double value = 0;
    for (std::size_t r = 0; r < frames.size(); ++r) {
      const IrrepFrame& frame = frames[r];
      for (std::int64_t f = 0; f < frame.size; ++f)
        for (std::int64_t i = 0; i < frame.degree; ++i)
          value += 1 / frame.divisor * frame.sign[frame.at(s, f)] *
                   blocks[r][static_cast<std::size_t>(frame.image[frame.at(s, f)] * frame.degree + i)] *
                   frame.gram[static_cast<std::size_t>(f * frame.degree + i)];
    }
    x.push_back(value);
  }
  return x;
}

TEST(IrrepFrame, TheTransformIsInverted) {
  for (const FiniteGroup& group : all_groups()) {
    SCOPED_TRACE(group.name());
    const auto frames = irrep_frames(group);
    const Values x = numbers(group.order(), 1);
    const Values back = inverse_transform(group, frames, transform(frames, orbit_sums(group, frames), x));
    for (std::size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(back[i], x[i], 1e-13);
  }
}

TEST(IrrepFrame, CorrelationBecomesAProductOfBlocks) {
  for (const FiniteGroup& group : all_groups()) {
    SCOPED_TRACE(group.name());
    const auto frames = irrep_frames(group);
    const Values x = numbers(group.order(), 1), a = numbers(group.order(), 2);
    std::vector<Values> blocks = transform(frames, orbit_sums(group, frames), x);
    for (std::size_t r = 0; r < frames.size(); ++r) {
      const IrrepFrame& frame = frames[r];
      const auto d = static_cast<std::size_t>(frame.degree);
      Values filter(d * d), product(blocks[r].size());
      for (std::size_t j = 0; j < d; ++j)
        for (int g = 0; g < group.order(); ++g)
          for (std::size_t i = 0; i < d; ++i)
            filter[j * d + i] +=
                a[static_cast<std::size_t>(g)] * frame.sign[frame.at(g, frame.basis[j])] *
                frame.coordinates[static_cast<std::size_t>(frame.image[frame.at(g, frame.basis[j])]) * d + i];
      for (std::size_t f = 0; f < static_cast<std::size_t>(frame.size); ++f)
        for (std::size_t i = 0; i < d; ++i)
          for (std::size_t j = 0; j < d; ++j) product[f * d + i] += blocks[r][f * d + j] * filter[j * d + i];
      blocks[r] = product;
    }
    const Values y = inverse_transform(group, frames, blocks);
    for (int s = 0; s < group.order(); ++s) {
      double expected = 0;
      for (int g = 0; g < group.order(); ++g)
        expected += a[static_cast<std::size_t>(g)] * x[static_cast<std::size_t>(group.product(s, g))];
      EXPECT_NEAR(y[static_cast<std::size_t>(s)], expected, 1e-13) << s;
    }
  }
}

TEST(IrrepFrame, ATranslationMovesTheBitsOfTheSums) {
  for (const FiniteGroup& group : all_groups()) {
    SCOPED_TRACE(group.name());
    const auto frames = irrep_frames(group);
    const OrbitSums program = orbit_sums(group, frames);
    const Values wide = numbers(group.order(), 3);
    const std::vector<float> x(wide.begin(), wide.end());
    const auto sums = run(program, x);
    for (int h = 0; h < group.order(); ++h) {
      std::vector<float> moved;
      for (int s = 0; s < group.order(); ++s)
        moved.push_back(x[static_cast<std::size_t>(group.product(group.inverse(h), s))]);
      const auto moved_sums = run(program, moved);
      for (std::size_t r = 0; r < frames.size(); ++r) {
        const IrrepFrame& frame = frames[r];
        for (std::int64_t f = 0; f < frame.size; ++f)
          for (std::int64_t from = 0; from < frame.size; ++from)
            EXPECT_EQ(moved_sums[r][static_cast<std::size_t>(frame.image[frame.at(h, f)] * frame.size + from)],
                      static_cast<float>(frame.sign[frame.at(h, f)]) *
                          sums[r][static_cast<std::size_t>(f * frame.size + from)]);
      }
    }
  }
}

/// Products of one input value set with one filter, of S^2 in the dense form.
std::int64_t products(const FiniteGroup& group) {
  std::int64_t sum = 0;
  for (const IrrepFrame& frame : irrep_frames(group)) sum += frame.size * frame.degree * frame.degree;
  return sum;
}

TEST(IrrepFrame, NeedsFewProducts) {
  EXPECT_EQ(products(voxel_group("C4").group), 10);
  EXPECT_EQ(products(voxel_group("D4").group), 12);
  EXPECT_EQ(products(voxel_group("O").group), 68);
  EXPECT_EQ(products(voxel_group("Oh").group), 136);
  const auto frames = irrep_frames(voxel_group("O").group);
  EXPECT_LE(orbit_sums(voxel_group("O").group, frames).steps.size(), 90u);
  for (const IrrepFrame& frame : frames)
    for (const double value : frame.coordinates) EXPECT_EQ(value, std::round(value));
}

TEST(VoxelGroup, HasTheKnownOrders) {
  const std::vector<int> orders = {1, 2, 2, 4, 8, 12, 24, 24, 24, 48};
  for (std::size_t i = 0; i < orders.size(); ++i) EXPECT_EQ(voxel_group(voxel_group_names()[i]).order(), orders[i]);
  const VoxelGroup group = voxel_group("Oh");
  const auto table = group.filter_element_table();
  for (int s = 0; s < group.order(); ++s)
    for (int t = 0; t < group.order(); ++t)
      EXPECT_EQ(group.group.product(s, table[static_cast<std::size_t>(s * group.order() + t)]), t);
}

TEST(VoxelGroup, RefusesWhatTurnsNoCube) {
  const auto message = [](auto&& call) -> std::string {
    try {
      call();
    } catch (const std::exception& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(message([] { static_cast<void>(voxel_group("O3")); }).find("there is no voxel group 'O3'. Choose one of"),
            std::string::npos);
  const VoxelMatrix shear = {1, 1, 0, 0, 1, 0, 0, 0, 1};
  EXPECT_NE(message([&] {
              static_cast<void>(voxel_group_from_generators("shear", {shear}));
            }).find("does not permute the three axes"),
            std::string::npos);
  EXPECT_NE(message([] {
              const FiniteGroup four = direct_product(cyclic(2), cyclic(2)), sixteen = direct_product(four, four);
              static_cast<void>(orbit_sums(sixteen, irrep_frames(sixteen)));
            }).find("[orbit_sums] "),
            std::string::npos);
  EXPECT_NE(message([] {
              const FiniteGroup fifths = cyclic(5);
              static_cast<void>(orbit_sums(fifths, irrep_frames(fifths)));
            }).find("no chain of subgroups"),
            std::string::npos);
}

}  // namespace
}  // namespace orbitgrad::groups
