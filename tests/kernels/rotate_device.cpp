#include "kernels/rotate/rotate.hpp"

#include "tests/kernels/buffer.hpp"
#include "tests/kernels/device_map.hpp"

namespace orbitgrad::testing {
namespace {

using kernels::RotateProblem;
using kernels::testing::check_every_version;
using kernels::testing::map_on_device;

template <class T>
class RotateDeviceTest : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(RotateDeviceTest, Types);

const double angles[] = {0.3, 1.5707963267948966, -2.5, 0.0, 3.14159265358979, 0.7853981633974483};

TYPED_TEST(RotateDeviceTest, EveryVersionHasTheBitsOfTheCpu) {
  using T = TypeParam;
  const RotateProblem problems[] = {{1, 1, 1, 1, angles}, {6, 1, 9, 9, angles},   {2, 4, 8, 8, angles},
                                    {2, 5, 7, 4, angles}, {6, 6, 12, 11, angles}, {0, 3, 5, 5, angles},
                                    {2, 0, 5, 5, angles}, {2, 3, 0, 5, angles}};
  for (const RotateProblem& p : problems) {
    const auto count = static_cast<std::size_t>(p.count());
    const auto x = random_values<T>(p.count(), 1);
    std::vector<T> y(count), dx(count);
    kernels::cpu::rotate_forward(p, x.data(), y.data());
    kernels::cpu::rotate_adjoint(p, x.data(), dx.data());
    const auto run = [&](const auto& version) { return map_on_device<T>(version, p, count, x); };
    check_every_version<kernels::RotateForward<T>>(p, run, y, 0);
    check_every_version<kernels::RotateAdjoint<T>>(p, run, dx, 0);
  }
}

// The box that the gather looks at holds every reader, for angles all round the circle.
TEST(RotateDevice, ReadersHoldEveryOutputThatReadsAPixel) {
  const std::int64_t height = 9, width = 6;
  for (int step = 0; step < 720; ++step) {
    const double angle = step * 3.14159265358979323846 / 360, cosine = std::cos(angle), sine = std::sin(angle);
    for (std::int64_t row = 0; row < height; ++row)
      for (std::int64_t col = 0; col < width; ++col) {
        const auto taps = kernels::rotation_taps<double>(row, col, height, width, cosine, sine);
        for (int corner = 0; corner < 4; ++corner) {
          if (taps.weight[corner] == 0) continue;
          const auto box = kernels::rotation_readers(taps.offset[corner] / width, taps.offset[corner] % width, height,
                                                     width, cosine, sine);
          EXPECT_TRUE(row >= box.row_begin && row < box.row_end && col >= box.col_begin && col < box.col_end)
              << "angle " << angle << ", output (" << row << ", " << col << "), input " << taps.offset[corner];
          EXPECT_LE(box.row_end - box.row_begin, 4);
          EXPECT_LE(box.col_end - box.col_begin, 4);
        }
      }
  }
}

}  // namespace
}  // namespace orbitgrad::testing
