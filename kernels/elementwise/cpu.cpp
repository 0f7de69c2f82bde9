// Elementwise loops. The inner loop is compiled apart for dense and for broadcast operands, so that the compiler
// vectorises it; every element goes through the same formula whichever loop it is in.
#include "kernels/elementwise/elementwise.hpp"

#include <cstdint>
#include <type_traits>

#include "kernels/elementwise/instances.hpp"
#include "kernels/elementwise/strided_loop.hpp"
#include "kernels/gemm/vector.hpp"
#include "kernels/prefetch.hpp"

namespace orbitgrad::kernels::cpu {

template <class Formula, class In, class Out>
void unary(View<const In> in, View<Out> out) {
  const StridedLoop<2> loop(out.rank, out.size, {out.stride, in.stride});
  const auto [step_out, step_in] = loop.inner_stride();
  const bool dense = step_out == 1 && step_in == 1;
  const Formula formula;
  loop.run([&, step_out = step_out, step_in = step_in](const auto& offset, std::int64_t count) {
    Out* __restrict y = out.data + offset[0];
    const In* __restrict x = in.data + offset[1];
    if (dense) {
      constexpr std::int64_t block = 64, ahead = 512;  // the formula of one block meets the memory of another
      std::int64_t i = 0;
      for (; i + block <= count; i += block) {
        prefetch<false>(x + i + ahead, block);
        prefetch<true>(y + i + ahead, block);
        for (std::int64_t j = i; j < i + block; ++j) y[j] = formula(x[j]);
      }
      for (; i < count; ++i) y[i] = formula(x[i]);
    } else
      for (std::int64_t i = 0; i < count; ++i) y[i * step_out] = formula(x[i * step_in]);
  });
}

template <class Formula, class In, class Out>
void binary(View<const In> a, View<const In> b, View<Out> out) {
  const StridedLoop<3> loop(out.rank, out.size, {out.stride, a.stride, b.stride});
  const auto [step_out, step_a, step_b] = loop.inner_stride();
  const bool dense_out = step_out == 1;
  const Formula formula;
  loop.run([&, step_out = step_out, step_a = step_a, step_b = step_b](const auto& offset, std::int64_t count) {
    Out* __restrict y = out.data + offset[0];
    const In* __restrict p = a.data + offset[1];
    const In* __restrict q = b.data + offset[2];
    if (dense_out && step_a == 1 && step_b == 1) {
      for (std::int64_t i = 0; i < count; ++i) y[i] = formula(p[i], q[i]);
    } else if (dense_out && step_a == 1 && step_b == 0) {
      for (std::int64_t i = 0; i < count; ++i) y[i] = formula(p[i], q[0]);
    } else if (dense_out && step_a == 0 && step_b == 1) {
      for (std::int64_t i = 0; i < count; ++i) y[i] = formula(p[0], q[i]);
    } else {
      for (std::int64_t i = 0; i < count; ++i) y[i * step_out] = formula(p[i * step_a], q[i * step_b]);
    }
  });
}

template <class T>
void where(View<const bool> condition, View<const T> a, View<const T> b, View<T> out) {
  const StridedLoop<4> loop(out.rank, out.size, {out.stride, condition.stride, a.stride, b.stride});
  const auto step = loop.inner_stride();
  loop.run([&](const auto& offset, std::int64_t count) {
    T* __restrict y = out.data + offset[0];
    const bool* __restrict c = condition.data + offset[1];
    const T* __restrict p = a.data + offset[2];
    const T* __restrict q = b.data + offset[3];
    const Where formula;
    for (std::int64_t i = 0; i < count; ++i) y[i * step[0]] = formula(c[i * step[1]], p[i * step[2]], q[i * step[3]]);
  });
}

/// An axis along which `in` is dense while `out` is dense along the last one, or -1: a transposition.
template <class Loop>
int transposed_axis(const Loop& loop) {
  const auto [step_out, step_in] = loop.inner_stride();
  for (int axis = 0; axis + 1 < loop.rank && step_out == 1 && step_in != 1; ++axis)
    if (loop.stride[axis][1] == 1) return axis;
  return -1;
}

/// Writes a vector past the caches: what is beyond them would only be read in order to be overwritten.
template <class T>
void stream(T* to, Vector<T> value) {
#if defined(__AVX512F__)
  _mm512_stream_si512(reinterpret_cast<__m512i*>(to), reinterpret_cast<__m512i>(value));
#elif defined(__AVX__)
  _mm256_stream_si256(reinterpret_cast<__m256i*>(to), reinterpret_cast<__m256i>(value));
#else
  store(to, value);
#endif
}
inline void end_of_streams() {
#if defined(__AVX__)
  _mm_sfence();
#endif
}

/// to[i to_step + j] = from[i + j from_step], a vector of vectors at a time.
template <bool streams, class T>
void transpose_lanes(const T* from, std::int64_t from_step, T* to, std::int64_t to_step) {
  constexpr int n = lanes<T>;
  Vector<T> line[n];
#pragma GCC unroll 16
  for (int k = 0; k < n; ++k) {
    line[k] = load(from + k * from_step);
    prefetch<false>(from + k * from_step + n, 1);
  }
  transpose<T>(line);
#pragma GCC unroll 16
  for (int k = 0; k < n; ++k) streams ? stream(to + k * to_step, line[k]) : store(to + k * to_step, line[k]);
}

/// A block of a transposition: to[i to_step + j] = from[i + j from_step] for i < rows, j < columns.
template <class From, class To>
struct TransposedBlock {
  std::int64_t from_step, to_step;
  bool streams;  // every line of `to` is aligned and much follows

  void copy(std::int64_t rows, std::int64_t columns, const From* from, To* to) const {
    std::int64_t done = 0;  // columns
    if constexpr (std::is_same_v<From, To> && std::is_floating_point_v<To>) {
      constexpr std::int64_t n = lanes<To>;
      if (rows % n == 0)
        for (; done + n <= columns; done += n)
          for (std::int64_t i = 0; i < rows; i += n) {
            const auto move = streams ? transpose_lanes<true, To> : transpose_lanes<false, To>;
            move(from + i + done * from_step, from_step, to + i * to_step + done, to_step);
          }
    }
    const Convert<To> convert;
    for (std::int64_t i = 0; i < rows; ++i)
      for (std::int64_t j = done; j < columns; ++j) to[i * to_step + j] = convert(from[i + j * from_step]);
  }
};

/// A transposition by blocks as wide as a cache line of `in`, so that each is read once, and along such lines.
template <class From, class To>
void copy_transposed(const StridedLoop<2>& loop, int across, View<const From> in, View<To> out) {
  constexpr std::int64_t height = cache_line / std::min<std::int64_t>(4, sizeof(From)), width = 64;
  constexpr std::int64_t much = std::int64_t{4} << 20;  // bytes: more than a second-level cache keeps
  const int last = loop.rank - 1;
  StridedLoop<2> blocks = loop;  // with the two axes exchanged: along lines of `in`
  const auto cut = [&](int axis, int from, std::int64_t edge) {
    blocks.size[axis] = (loop.size[from] + edge - 1) / edge;
    for (int n = 0; n < 2; ++n) blocks.stride[axis][n] = loop.stride[from][n] * edge;
  };
  cut(last, across, height);
  cut(across, last, width);
  bool aligned = reinterpret_cast<std::uintptr_t>(out.data) % cache_line == 0;
  for (int axis = 0; axis < last; ++axis)
    aligned = aligned && loop.stride[axis][0] * static_cast<std::int64_t>(sizeof(To)) % cache_line == 0;
  const TransposedBlock<From, To> block{loop.stride[last][1], loop.stride[across][0],
                                        aligned && loop.numel() * static_cast<std::int64_t>(sizeof(To)) >= much};
  parallel_for(blocks.numel(), elementwise_grain / (height * width), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t index = begin; index < end; ++index)
      blocks.run_range(index, index + 1, [&](const auto& offset, std::int64_t) {
        std::int64_t rest = index, first[2] = {};  // of the block along `across` and the last axis
        for (int axis = last; axis >= across; --axis) {
          if (axis == last) first[0] = rest % blocks.size[axis] * height;
          if (axis == across) first[1] = rest % blocks.size[axis] * width;
          rest /= blocks.size[axis];
        }
        block.copy(std::min(height, loop.size[across] - first[0]), std::min(width, loop.size[last] - first[1]),
                   in.data + offset[1], out.data + offset[0]);
      });
    end_of_streams();
  });
}

template <class From, class To>
void copy(View<const From> in, View<To> out) {
  const StridedLoop<2> loop(out.rank, out.size, {out.stride, in.stride});
  const int across = transposed_axis(loop);
  if (across >= 0) return copy_transposed(loop, across, in, out);
  unary<Convert<To>, From, To>(in, out);
}

#define UNARY(Formula, In, Out) template void unary<Formula, In, Out>(View<const In>, View<Out>);
#define BINARY(Formula, In, Out) template void binary<Formula, In, Out>(View<const In>, View<const In>, View<Out>);
#define WHERE(T) template void where<T>(View<const bool>, View<const T>, View<const T>, View<T>);
#define COPY(From, To) template void copy<From, To>(View<const From>, View<To>);

ORBITGRAD_UNARY_INSTANCES(UNARY)
ORBITGRAD_BINARY_INSTANCES(BINARY)
ORBITGRAD_ELEMENT_TYPES(WHERE)
ORBITGRAD_COPY_INSTANCES(COPY)

#undef UNARY
#undef BINARY
#undef WHERE
#undef COPY

}  // namespace orbitgrad::kernels::cpu
