// One machine vector of T with the few operations our kernels need: load, store, masked load and store, fused
// multiply-add. The width follows the instruction set the file is compiled for; every value of one build passes through
// the same instruction, so that bits never depend on a tail.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#if defined(__AVX512F__) || defined(__FMA__)
#include <immintrin.h>
#elif defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace orbitgrad::kernels::cpu {

#if defined(__AVX512F__)
inline constexpr int vector_bytes = 64;
inline constexpr int vector_registers = 32;
#elif defined(__AVX__)
inline constexpr int vector_bytes = 32;
inline constexpr int vector_registers = 16;
#else
inline constexpr int vector_bytes = 16;
inline constexpr int vector_registers = 16;
#endif

template <class T>
struct VectorType {
  typedef T type __attribute__((vector_size(vector_bytes)));
};
template <class T>
using Vector = typename VectorType<T>::type;
template <class T>
inline constexpr int lanes = vector_bytes / static_cast<int>(sizeof(T));

template <class T>
[[gnu::always_inline]] inline Vector<T> load(const T* from) {
  Vector<T> value;
  __builtin_memcpy(&value, from, sizeof(value));
  return value;
}
template <class T>
[[gnu::always_inline]] inline void store(T* to, Vector<T> value) {
  __builtin_memcpy(to, &value, sizeof(value));
}
template <class T>
[[gnu::always_inline]] inline Vector<T> broadcast(T value) {
  return value - Vector<T>{};  // value - 0 keeps the sign of a zero
}

/// a b + c rounded once where the machine can, and rounded twice everywhere where it cannot.
[[gnu::always_inline]] inline Vector<float> multiply_add(Vector<float> a, Vector<float> b, Vector<float> c) {
#if defined(__AVX512F__)
  return reinterpret_cast<Vector<float>>(
      _mm512_fmadd_ps(reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b), reinterpret_cast<__m512>(c)));
#elif defined(__FMA__)
  return reinterpret_cast<Vector<float>>(
      _mm256_fmadd_ps(reinterpret_cast<__m256>(a), reinterpret_cast<__m256>(b), reinterpret_cast<__m256>(c)));
#elif defined(__ARM_NEON) && defined(__aarch64__)
  return reinterpret_cast<Vector<float>>(
      vfmaq_f32(reinterpret_cast<float32x4_t>(c), reinterpret_cast<float32x4_t>(a), reinterpret_cast<float32x4_t>(b)));
#else
  return a * b + c;
#endif
}
[[gnu::always_inline]] inline Vector<double> multiply_add(Vector<double> a, Vector<double> b, Vector<double> c) {
#if defined(__AVX512F__)
  return reinterpret_cast<Vector<double>>(
      _mm512_fmadd_pd(reinterpret_cast<__m512d>(a), reinterpret_cast<__m512d>(b), reinterpret_cast<__m512d>(c)));
#elif defined(__FMA__)
  return reinterpret_cast<Vector<double>>(
      _mm256_fmadd_pd(reinterpret_cast<__m256d>(a), reinterpret_cast<__m256d>(b), reinterpret_cast<__m256d>(c)));
#elif defined(__ARM_NEON) && defined(__aarch64__)
  return reinterpret_cast<Vector<double>>(
      vfmaq_f64(reinterpret_cast<float64x2_t>(c), reinterpret_cast<float64x2_t>(a), reinterpret_cast<float64x2_t>(b)));
#else
  return a * b + c;
#endif
}

/// The lanes whose bit is set from memory, the others from `otherwise`. Memory of the other lanes is not touched.
template <class T>
[[gnu::always_inline]] inline Vector<T> masked_load(Vector<T> otherwise, std::uint32_t mask, const T* from) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {
    return reinterpret_cast<Vector<T>>(
        _mm512_mask_loadu_ps(reinterpret_cast<__m512>(otherwise), static_cast<__mmask16>(mask), from));
  } else {
    return reinterpret_cast<Vector<T>>(
        _mm512_mask_loadu_pd(reinterpret_cast<__m512d>(otherwise), static_cast<__mmask8>(mask), from));
  }
#else
  if (mask == (1u << lanes<T>)-1) return load(from);
  for (int lane = 0; lane < lanes<T>; ++lane)
    if (mask >> lane & 1) otherwise[lane] = from[lane];
  return otherwise;
#endif
}
template <class T>
[[gnu::always_inline]] inline void masked_store(T* to, std::uint32_t mask, Vector<T> value) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {
    _mm512_mask_storeu_ps(to, static_cast<__mmask16>(mask), reinterpret_cast<__m512>(value));
  } else {
    _mm512_mask_storeu_pd(to, static_cast<__mmask8>(mask), reinterpret_cast<__m512d>(value));
  }
#else
  if (mask == (1u << lanes<T>)-1) return store(to, value);
  for (int lane = 0; lane < lanes<T>; ++lane)
    if (mask >> lane & 1) to[lane] = value[lane];
#endif
}

/// Transposes the square of lanes<T> vectors: halves of blocks change places, from the largest blocks to single lanes.
template <class T>
[[gnu::always_inline]] inline void transpose(Vector<T>* value) {
  using Index = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  constexpr int n = lanes<T>;
#pragma GCC unroll 4
  for (int half = n / 2; half > 0; half /= 2) {
    Vector<Index> upper{}, lower{};
    for (int j = 0; j < n; ++j) {
      upper[j] = static_cast<Index>((j & half) == 0 ? j : n + j - half);
      lower[j] = static_cast<Index>((j & half) == 0 ? j + half : n + j);
    }
#pragma GCC unroll 16
    for (int i = 0; i < n; ++i) {
      if ((i & half) != 0) continue;
      const Vector<T> a = value[i], b = value[i + half];
      value[i] = __builtin_shuffle(a, b, upper);
      value[i + half] = __builtin_shuffle(a, b, lower);
    }
  }
}

}  // namespace orbitgrad::kernels::cpu
