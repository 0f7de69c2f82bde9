// Elementwise loops. The inner loop is compiled apart for dense and for broadcast operands, so that the compiler
// vectorises it; every element goes through the same formula whichever loop it is in.
#include "kernels/elementwise/elementwise.hpp"

#include "kernels/elementwise/instances.hpp"
#include "kernels/elementwise/strided_loop.hpp"

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
    if (dense)
      for (std::int64_t i = 0; i < count; ++i) y[i] = formula(x[i]);
    else
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

/// A transposition by squares, so that each line of `in` is read once.
template <class From, class To>
void copy_transposed(const StridedLoop<2>& loop, int across, View<const From> in, View<To> out) {
  constexpr std::int64_t edge = 32;
  StridedLoop<2> squares = loop;
  const int last = loop.rank - 1;
  const std::int64_t width = loop.size[last], height = loop.size[across];
  for (const int axis : {across, last}) {
    squares.size[axis] = (loop.size[axis] + edge - 1) / edge;
    for (std::int64_t& stride : squares.stride[axis]) stride *= edge;
  }
  const std::int64_t step_out = loop.stride[across][0], step_in = loop.stride[last][1];
  const Convert<To> convert;
  parallel_for(squares.numel(), elementwise_grain / (edge * edge), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t square = begin; square < end; ++square)
      squares.run_range(square, square + 1, [&](const auto& offset, std::int64_t) {
        std::int64_t rest = square, first[2] = {};  // of the square along `last` and `across`
        for (int axis = last; axis >= across; --axis) {
          if (axis == last || axis == across) first[axis == across] = rest % squares.size[axis] * edge;
          rest /= squares.size[axis];
        }
        const std::int64_t columns = std::min(edge, width - first[0]), rows = std::min(edge, height - first[1]);
        const From* const source = in.data + offset[1];
        To* const target = out.data + offset[0];
        for (std::int64_t i = 0; i < rows; ++i)
          for (std::int64_t j = 0; j < columns; ++j) target[i * step_out + j] = convert(source[i + j * step_in]);
      });
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
