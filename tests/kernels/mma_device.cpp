// The tensor-core wrappers against a product written from the definition: a wrong place of one fragment changes it.
#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <vector>

#include "kernels/cuda/mma.hpp"

namespace orbitgrad::testing {
namespace {

using kernels::DeviceScratch;
using kernels::Precision;

/// Depths of one product.
template <Precision precision>
constexpr int depth = precision == Precision::tf32 ? 8 : 16;

template <Precision precision>
__global__ void one_product(const float* a, const float* b, float* c) {
  constexpr int k = depth<precision>;
  const int lane = static_cast<int>(threadIdx.x), g = lane / 4, q = lane % 4;
  float sum[4];
  for (int i = 0; i < 4; ++i) sum[i] = c[(g + i / 2 * 8) * 8 + 2 * q + i % 2];
  if constexpr (k == 8) {
    const float from_a[4] = {a[g * k + q], a[(g + 8) * k + q], a[g * k + q + 4], a[(g + 8) * k + q + 4]};
    const float from_b[2] = {b[q * 8 + g], b[(q + 4) * 8 + g]};
    kernels::mma_m16n8k8_tf32(sum, from_a, from_b);
  } else {
    const auto pack = [](float low, float high) {
      return precision == Precision::bfloat16 ? kernels::pack_bf16(low, high) : kernels::pack_f16(low, high);
    };
    const auto pair_a = [&](int row, int column) { return pack(a[row * k + column], a[row * k + column + 1]); };
    const auto pair_b = [&](int row) { return pack(b[row * 8 + g], b[(row + 1) * 8 + g]); };
    const std::uint32_t from_a[4] = {pair_a(g, 2 * q), pair_a(g + 8, 2 * q), pair_a(g, 2 * q + 8),
                                     pair_a(g + 8, 2 * q + 8)};
    const std::uint32_t from_b[2] = {pair_b(2 * q), pair_b(2 * q + 8)};
    if constexpr (precision == Precision::bfloat16)
      kernels::mma_m16n8k16_bf16(sum, from_a, from_b);
    else
      kernels::mma_m16n8k16_f16(sum, from_a, from_b);
  }
  for (int i = 0; i < 4; ++i) c[(g + i / 2 * 8) * 8 + 2 * q + i % 2] = sum[i];
}

/// c + a b on the simulator, through its memory.
template <Precision precision>
std::vector<float> product(const std::vector<float>& a, const std::vector<float>& b, std::vector<float> c) {
  auto* memory = kernels::device_memory(kernels::this_device);
  const auto bytes = [](const std::vector<float>& v) { return static_cast<std::int64_t>(v.size() * sizeof(float)); };
  const DeviceScratch on_a(kernels::this_device, bytes(a)), on_b(kernels::this_device, bytes(b)),
      on_c(kernels::this_device, bytes(c));
  memory->copy_to_device(on_a.as<float>(), a.data(), bytes(a));
  memory->copy_to_device(on_b.as<float>(), b.data(), bytes(b));
  memory->copy_to_device(on_c.as<float>(), c.data(), bytes(c));
  kernels::launch("mma", one_product<precision>, {.grid = 1, .block = 32}, on_a.as<float>(), on_b.as<float>(),
                  on_c.as<float>());
  memory->synchronize();
  memory->copy_to_host(c.data(), on_c.as<float>(), bytes(c));
  return c;
}

/// Distinct small integers: exact in every type and in the sums, so that every element must agree.
template <Precision precision>
void check_places() {
  constexpr int k = depth<precision>;
  std::vector<float> a(16 * k), b(k * 8), c(16 * 8);
  for (std::size_t i = 0; i < a.size(); ++i) a[i] = static_cast<float>(i * 37 % 251);
  for (std::size_t i = 0; i < b.size(); ++i) b[i] = static_cast<float>(i * 53 % 127) - 60;
  for (std::size_t i = 0; i < c.size(); ++i) c[i] = static_cast<float>(i);
  const auto result = product<precision>(a, b, c);
  for (std::size_t row = 0; row < 16; ++row)
    for (std::size_t column = 0; column < 8; ++column) {
      float sum = c[row * 8 + column];
      for (std::size_t d = 0; d < k; ++d) sum += a[row * k + d] * b[d * 8 + column];
      EXPECT_EQ(result[row * 8 + column], sum) << row << ", " << column;
    }
}

TEST(Mma, EveryFragmentHasItsPlace) {
  check_places<Precision::tf32>();
  check_places<Precision::bfloat16>();
  check_places<Precision::float16>();
}

/// The element (0, 0) of a product whose only factors are `value` and 1.
template <Precision precision>
float rounded(float value) {
  constexpr int k = depth<precision>;
  std::vector<float> a(16 * k), b(k * 8), c(16 * 8);
  a[0] = value, b[0] = 1;
  return product<precision>(a, b, c)[0];
}

TEST(Mma, OperandsAreRounded) {
  const float tf32_step = std::bit_cast<float>(0x3a800000U);  // 2^-10
  EXPECT_EQ(rounded<Precision::tf32>(1 + tf32_step), 1 + tf32_step);
  EXPECT_EQ(rounded<Precision::tf32>(1 + tf32_step / 2), 1 + tf32_step);  // a tie, away from zero
  EXPECT_EQ(rounded<Precision::tf32>(-1 - tf32_step / 2), -1 - tf32_step);
  EXPECT_EQ(rounded<Precision::tf32>(1 + tf32_step / 4), 1);
  const float bf16_step = std::bit_cast<float>(0x3c000000U);  // 2^-7
  EXPECT_EQ(rounded<Precision::bfloat16>(1 + bf16_step), 1 + bf16_step);
  EXPECT_EQ(rounded<Precision::bfloat16>(1 + bf16_step / 2), 1);  // a tie, to even
  EXPECT_EQ(rounded<Precision::bfloat16>(1 + 1.5f * bf16_step), 1 + 2 * bf16_step);
  EXPECT_EQ(rounded<Precision::bfloat16>(1 + 0.75f * bf16_step), 1 + bf16_step);
  EXPECT_TRUE(std::isinf(rounded<Precision::bfloat16>(INFINITY)));
  for (const float value : {1 + 0x1p-11f, 1 + 0x1.8p-10f, -0x1.fp-15f, 0x1p-25f, 65519.0f, 65520.0f})
    EXPECT_EQ(rounded<Precision::float16>(value), static_cast<float>(kernels::Float16(value))) << value;
}

}  // namespace
}  // namespace orbitgrad::testing
