// Tensor cores: one warp adds the product of two small matrices, each lane holding a few elements of each,
//   C[16, 8] += A[16, 8] B[8, 8] in tf32   and   C[16, 8] += A[16, 16] B[16, 8] in bf16 or f16, sums in float.
// Which lane holds what: PTX ISA, "Matrix fragments for mma.m16n8k8" and "... mma.m16n8k16"; with g = lane / 4 and
// q = lane % 4, C holds rows g and g + 8, columns 2 q and 2 q + 1, in the order (g, 2q), (g, 2q+1), (g+8, 2q), (g+8,
// 2q+1).
#pragma once

#include "kernels/cuda/device.hpp"
#include "kernels/half.hpp"

namespace orbitgrad::kernels {
inline namespace ORBITGRAD_BUILD {

/// A holds (g, q), (g + 8, q), (g, q + 4), (g + 8, q + 4); B holds (q, g), (q + 4, g). Operands are rounded to tf32
/// here, to nearest and ties away from zero. All 32 lanes must call.
__device__ __forceinline__ void mma_m16n8k8_tf32(float (&c)[4], const float (&a)[4], const float (&b)[2]);

/// Two floats as bfloat16 or float16, to nearest even; `low` in the lower half.
__device__ __forceinline__ std::uint32_t pack_bf16(float low, float high);
__device__ __forceinline__ std::uint32_t pack_f16(float low, float high);

/// A holds the pairs (g, 2q..), (g + 8, 2q..), (g, 2q + 8..), (g + 8, 2q + 8..) of neighbouring columns; B the pairs
/// (2q.., g), (2q + 8.., g) of neighbouring rows. All 32 lanes must call.
__device__ __forceinline__ void mma_m16n8k16_bf16(float (&c)[4], const std::uint32_t (&a)[4],
                                                  const std::uint32_t (&b)[2]);
__device__ __forceinline__ void mma_m16n8k16_f16(float (&c)[4], const std::uint32_t (&a)[4],
                                                 const std::uint32_t (&b)[2]);

#if defined(__CUDACC__)

__device__ inline std::uint32_t round_to_tf32(float value) {
  std::uint32_t bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(value));
  return bits;
}

__device__ __forceinline__ void mma_m16n8k8_tf32(float (&c)[4], const float (&a)[4], const float (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
      "%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(round_to_tf32(a[0])), "r"(round_to_tf32(a[1])), "r"(round_to_tf32(a[2])), "r"(round_to_tf32(a[3])),
        "r"(round_to_tf32(b[0])), "r"(round_to_tf32(b[1])));
}

__device__ __forceinline__ std::uint32_t pack_bf16(float low, float high) {
  std::uint32_t pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}

__device__ __forceinline__ void mma_m16n8k16_bf16(float (&c)[4], const std::uint32_t (&a)[4],
                                                  const std::uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
      "%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

__device__ __forceinline__ std::uint32_t pack_f16(float low, float high) {
  std::uint32_t pair;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}

__device__ __forceinline__ void mma_m16n8k16_f16(float (&c)[4], const std::uint32_t (&a)[4],
                                                 const std::uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
      "%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

#else

/// What a lane posts: its fragments, widened to float.
template <int k>
struct MmaFragments {
  float a[k / 2], b[k / 4], c[4];
};

/// Adds the product in double and rounds once; the hardware's order and rounding of the sum are not specified.
template <int k>
void multiply_fragments(void* const* lanes, unsigned) {
  constexpr int pair = k / 8;  // neighbours along the depth that one register holds
  double a[16][k], b[k][8];
  for (int lane = 0; lane < 32; ++lane) {
    const auto& from = *static_cast<const MmaFragments<k>*>(lanes[lane]);
    const int g = lane / 4, q = lane % 4;
    for (int i = 0; i < k / 2; ++i) {
      const int half = i / pair;  // bit 0: lower rows, bit 1: later depths
      a[g + half % 2 * 8][q * pair + i % pair + half / 2 * (k / 2)] = from.a[i];
    }
    for (int i = 0; i < k / 4; ++i) b[q * pair + i % pair + i / pair * (k / 2)][g] = from.b[i];
  }
  for (int lane = 0; lane < 32; ++lane) {
    auto& to = *static_cast<MmaFragments<k>*>(lanes[lane]);
    for (int i = 0; i < 4; ++i) {
      const int row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
      double sum = static_cast<double>(to.c[i]);
      for (int d = 0; d < k; ++d) sum += a[row][d] * b[d][column];
      to.c[i] = static_cast<float>(sum);
    }
  }
}

template <int k>
void run_mma(float (&c)[4], MmaFragments<k>& mine, std::source_location where) {
  for (int i = 0; i < 4; ++i) mine.c[i] = c[i];
  sim::warp_collective(full_warp, &mine, multiply_fragments<k>, false, "mma", where);
  sim::note_mma();
  for (int i = 0; i < 4; ++i) c[i] = mine.c[i];
}

__forceinline__ void mma_m16n8k8_tf32(float (&c)[4], const float (&a)[4], const float (&b)[2]) {
  MmaFragments<8> mine;
  for (int i = 0; i < 4; ++i) mine.a[i] = rounded_to_tf32(a[i]);
  for (int i = 0; i < 2; ++i) mine.b[i] = rounded_to_tf32(b[i]);
  run_mma(c, mine, std::source_location::current());
}

__forceinline__ std::uint32_t pack_bf16(float low, float high) {
  return bfloat16_bits(low) | static_cast<std::uint32_t>(bfloat16_bits(high)) << 16;
}
__forceinline__ std::uint32_t pack_f16(float low, float high) {
  return float16_bits(low) | static_cast<std::uint32_t>(float16_bits(high)) << 16;
}

/// a and b hold pairs that widen(16 bits) reads.
template <class Widen>
void run_half_mma(float (&c)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2], Widen&& widen,
                  std::source_location where) {
  const auto half = [&](std::uint32_t pair, int i) { return widen(static_cast<std::uint16_t>(pair >> 16 * i)); };
  MmaFragments<16> mine;
  for (int i = 0; i < 8; ++i) mine.a[i] = half(a[i / 2], i % 2);
  for (int i = 0; i < 4; ++i) mine.b[i] = half(b[i / 2], i % 2);
  run_mma(c, mine, where);
}

__forceinline__ void mma_m16n8k16_bf16(float (&c)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  run_half_mma(c, a, b, from_bfloat16_bits, std::source_location::current());
}
__forceinline__ void mma_m16n8k16_f16(float (&c)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  run_half_mma(c, a, b, from_float16_bits, std::source_location::current());
}

#endif

}  // namespace ORBITGRAD_BUILD
}  // namespace orbitgrad::kernels
