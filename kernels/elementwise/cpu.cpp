// Elementwise loops. The inner loop is compiled apart for dense and for broadcast operands, so that the compiler
// vectorises it; every element goes through the same formula whichever loop it is in.
#include "kernels/elementwise/elementwise.hpp"

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

template <class From, class To>
void copy(View<const From> in, View<To> out) {
  unary<Convert<To>, From, To>(in, out);
}

// Explicit instantiation has no template form, so the lists of formulas and types are macros, undefined below.
#define UNARY(Formula, In, Out) template void unary<Formula, In, Out>(View<const In>, View<Out>);
#define BINARY(Formula, In, Out) template void binary<Formula, In, Out>(View<const In>, View<const In>, View<Out>);
#define FOR_FLOATS(Apply, Formula) Apply(Formula, float, float) Apply(Formula, double, double)
#define FOR_NUMBERS(Apply, Formula) \
  FOR_FLOATS(Apply, Formula)        \
  Apply(Formula, std::int64_t, std::int64_t) Apply(Formula, std::int32_t, std::int32_t)
#define FOR_COMPARISON(Formula) \
  BINARY(Formula, float, bool)  \
  BINARY(Formula, double, bool) \
  BINARY(Formula, std::int64_t, bool) BINARY(Formula, std::int32_t, bool) BINARY(Formula, bool, bool)
#define COPY_FROM(From)                                                         \
  template void copy<From, float>(View<const From>, View<float>);               \
  template void copy<From, double>(View<const From>, View<double>);             \
  template void copy<From, std::int64_t>(View<const From>, View<std::int64_t>); \
  template void copy<From, std::int32_t>(View<const From>, View<std::int32_t>); \
  template void copy<From, bool>(View<const From>, View<bool>);                 \
  template void where<From>(View<const bool>, View<const From>, View<const From>, View<From>);

FOR_NUMBERS(UNARY, Negate)
FOR_NUMBERS(UNARY, Absolute)
FOR_NUMBERS(UNARY, Sign)
FOR_FLOATS(UNARY, Relu)
FOR_FLOATS(UNARY, Exp)
FOR_FLOATS(UNARY, Log)
FOR_FLOATS(UNARY, Log1p)
FOR_FLOATS(UNARY, Sqrt)
FOR_FLOATS(UNARY, Rsqrt)
FOR_FLOATS(UNARY, Sin)
FOR_FLOATS(UNARY, Cos)
FOR_FLOATS(UNARY, Tanh)
FOR_FLOATS(UNARY, Sigmoid)
FOR_FLOATS(UNARY, Erf)
FOR_FLOATS(UNARY, Floor)
UNARY(IsFinite, float, bool)
UNARY(IsFinite, double, bool)
UNARY(LogicalNot, bool, bool)

FOR_NUMBERS(BINARY, Add)
FOR_NUMBERS(BINARY, Subtract)
FOR_NUMBERS(BINARY, Multiply)
FOR_NUMBERS(BINARY, Maximum)
FOR_NUMBERS(BINARY, Minimum)
FOR_FLOATS(BINARY, Divide)
FOR_FLOATS(BINARY, Power)
FOR_FLOATS(BINARY, ReluGradient)
FOR_COMPARISON(Equal)
FOR_COMPARISON(Less)
FOR_COMPARISON(LessEqual)
BINARY(LogicalAnd, bool, bool)
BINARY(LogicalOr, bool, bool)

COPY_FROM(float)
COPY_FROM(double)
COPY_FROM(std::int64_t)
COPY_FROM(std::int32_t)
COPY_FROM(bool)

#undef UNARY
#undef BINARY
#undef FOR_FLOATS
#undef FOR_NUMBERS
#undef FOR_COMPARISON
#undef COPY_FROM

}  // namespace orbitgrad::kernels::cpu
