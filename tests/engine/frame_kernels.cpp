// The transforms that the compiler knows: their tables are the programs of the irreps, and their bits those of the
// program that runs step by step.
#include "kernels/group_conv3d/frame_kernel.hpp"
#include "kernels/instruction_set.hpp"

#include <gtest/gtest.h>

#include "engine/ops/voxel_tables.hpp"

namespace orbitgrad::testing {
namespace {

using namespace kernels;
using cpu::FrameProgram;

const FrameTransform& transform_of(const char* group) {
  return voxel_tables("test", groups::voxel_group(group))->transform;
}

TEST(FrameKernels, AreTheProgramsOfOAndOh) {
  EXPECT_TRUE(cpu::is_program_of<cpu::octahedral_table>(transform_of("O")));
  EXPECT_TRUE(cpu::is_program_of<cpu::full_octahedral_table>(transform_of("Oh")));
  for (const char* other : {"T", "C4", "D4"}) EXPECT_EQ(cpu::frame_kernel_of<float>(transform_of(other)), nullptr);
}

TEST(FrameKernels, AnyOtherProgramIsRefused) {
  const FrameTransform& transform = transform_of("O");
  const auto is_refused = [&](auto&& change) {
    FrameTransform changed = transform;
    change(changed);
    return cpu::frame_kernel_of<float>(changed) == nullptr;
  };
  for (std::size_t i = 0; i < transform.steps.size(); ++i) {
    EXPECT_TRUE(is_refused([&](FrameTransform& t) { std::swap(t.steps[i].a, t.steps[i].b); })) << i;
    EXPECT_TRUE(is_refused([&](FrameTransform& t) { t.steps[i].sign_b = -t.steps[i].sign_b; })) << i;
  }
  EXPECT_TRUE(is_refused([](FrameTransform& t) { t.steps.pop_back(); }));
  EXPECT_TRUE(is_refused([](FrameTransform& t) { t.blocks.pop_back(); }));
  EXPECT_TRUE(is_refused([](FrameTransform& t) { t.blocks.push_back(t.blocks[0]); }));
  for (std::size_t b = 0; b < transform.blocks.size(); ++b) {
    EXPECT_TRUE(is_refused([&](FrameTransform& t) { t.blocks[b].coordinates.back() += 1; })) << b;
    EXPECT_TRUE(is_refused([&](FrameTransform& t) { t.blocks[b].sum.back() -= 1; })) << b;
  }
}

template <class T>
void compare_bits(const char* group) {
  if (kernels::instruction_set() != kernels::instruction_set_here)
    GTEST_SKIP() << "the loader took kernels for " << kernels::instruction_set();
  const FrameTransform& transform = transform_of(group);
  const FrameProgram<T> program(transform, FrameProgram<T>::Factors::coordinates);
  const auto kernel = cpu::frame_kernel_of<T>(transform);
  ASSERT_NE(kernel, nullptr);
  constexpr std::int64_t taps = 4, width = cpu::tile_columns<T>, plane = 3 * width + 5;
  const std::int64_t order = transform.order;
  std::vector<T> data(static_cast<std::size_t>(order * plane));
  std::uint32_t state = 1;
  for (T& value : data) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<T>(static_cast<std::int32_t>(state >> 8) - (1 << 23)) / static_cast<T>(state % 97 + 1);
  }
  std::vector<std::int64_t> offset;
  for (std::int64_t i = 0; i < taps * order; ++i) offset.push_back(i % order * plane + i * 7 % width);
  const cpu::ProgramInputs<T> inputs{data.data(), offset.data(), {3, width + 1}, taps};
  std::vector<T> by_kernel(static_cast<std::size_t>(cpu::Panels<T>::size(transform))), by_program(by_kernel.size());
  std::vector<T> scratch(static_cast<std::size_t>(program.scratch_rows() * taps * width));
  kernel({inputs.data, inputs.offset, {inputs.place[0], inputs.place[1]}, 1}, 0, by_kernel.data());
  kernel({inputs.data, inputs.offset + order, {inputs.place[0], inputs.place[1]}, taps - 1}, 1, by_kernel.data());
  program.run(inputs, cpu::Panels<T>(transform, by_program.data()).rows.data(), 0, scratch.data());
  EXPECT_EQ(std::memcmp(by_kernel.data(), by_program.data(), by_kernel.size() * sizeof(T)), 0) << group;
  EXPECT_NE(by_kernel[0], T{0});
}

TEST(FrameKernels, HaveTheBitsOfTheProgram) {
  for (const char* group : {"O", "Oh"}) {
    compare_bits<float>(group);
    compare_bits<double>(group);
  }
}

}  // namespace
}  // namespace orbitgrad::testing
