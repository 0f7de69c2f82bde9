// Which elementwise formula exists for which types, once for every backend. Each list applies a macro to its entries:
//   ORBITGRAD_UNARY_INSTANCES(APPLY)     APPLY(Formula, In, Out)
//   ORBITGRAD_BINARY_INSTANCES(APPLY)    APPLY(Formula, In, Out)
//   ORBITGRAD_COPY_INSTANCES(APPLY)      APPLY(From, To)
//   ORBITGRAD_ELEMENT_TYPES(APPLY)       APPLY(T): what is computed in
// Macros, because explicit instantiation has no template form. Only the sources that instantiate include this.
#pragma once

#include <cstdint>

#include "kernels/elementwise/formulas.hpp"
#include "kernels/half.hpp"

#define ORBITGRAD_FOR_FLOATS(APPLY, Formula) APPLY(Formula, float, float) APPLY(Formula, double, double)
#define ORBITGRAD_FOR_NUMBERS(APPLY, Formula) \
  ORBITGRAD_FOR_FLOATS(APPLY, Formula)        \
  APPLY(Formula, std::int64_t, std::int64_t) APPLY(Formula, std::int32_t, std::int32_t)
#define ORBITGRAD_FOR_COMPARISON(APPLY, Formula) \
  APPLY(Formula, float, bool)                    \
  APPLY(Formula, double, bool)                   \
  APPLY(Formula, std::int64_t, bool) APPLY(Formula, std::int32_t, bool) APPLY(Formula, bool, bool)

#define ORBITGRAD_UNARY_INSTANCES(APPLY)            \
  ORBITGRAD_FOR_NUMBERS(APPLY, Negate)              \
  ORBITGRAD_FOR_NUMBERS(APPLY, Absolute)            \
  ORBITGRAD_FOR_NUMBERS(APPLY, Sign)                \
  ORBITGRAD_FOR_FLOATS(APPLY, Relu)                 \
  ORBITGRAD_FOR_FLOATS(APPLY, Exp)                  \
  ORBITGRAD_FOR_FLOATS(APPLY, Log)                  \
  ORBITGRAD_FOR_FLOATS(APPLY, Log1p)                \
  ORBITGRAD_FOR_FLOATS(APPLY, Sqrt)                 \
  ORBITGRAD_FOR_FLOATS(APPLY, Rsqrt)                \
  ORBITGRAD_FOR_FLOATS(APPLY, Sin)                  \
  ORBITGRAD_FOR_FLOATS(APPLY, Cos)                  \
  ORBITGRAD_FOR_FLOATS(APPLY, Tanh)                 \
  ORBITGRAD_FOR_FLOATS(APPLY, Sigmoid)              \
  ORBITGRAD_FOR_FLOATS(APPLY, Erf)                  \
  ORBITGRAD_FOR_FLOATS(APPLY, Gelu)                 \
  ORBITGRAD_FOR_FLOATS(APPLY, Silu)                 \
  ORBITGRAD_FOR_FLOATS(APPLY, Floor)                \
  APPLY(RoundTo<Precision::tf32>, float, float)     \
  APPLY(RoundTo<Precision::bfloat16>, float, float) \
  APPLY(RoundTo<Precision::float16>, float, float)  \
  APPLY(IsFinite, float, bool)                      \
  APPLY(IsFinite, double, bool)                     \
  APPLY(LogicalNot, bool, bool)

#define ORBITGRAD_BINARY_INSTANCES(APPLY)    \
  ORBITGRAD_FOR_NUMBERS(APPLY, Add)          \
  ORBITGRAD_FOR_NUMBERS(APPLY, Subtract)     \
  ORBITGRAD_FOR_NUMBERS(APPLY, Multiply)     \
  ORBITGRAD_FOR_NUMBERS(APPLY, Maximum)      \
  ORBITGRAD_FOR_NUMBERS(APPLY, Minimum)      \
  ORBITGRAD_FOR_FLOATS(APPLY, Divide)        \
  ORBITGRAD_FOR_FLOATS(APPLY, Power)         \
  ORBITGRAD_FOR_FLOATS(APPLY, ReluGradient)  \
  ORBITGRAD_FOR_FLOATS(APPLY, GeluGradient)  \
  ORBITGRAD_FOR_FLOATS(APPLY, SiluGradient)  \
  ORBITGRAD_FOR_COMPARISON(APPLY, Equal)     \
  ORBITGRAD_FOR_COMPARISON(APPLY, Less)      \
  ORBITGRAD_FOR_COMPARISON(APPLY, LessEqual) \
  APPLY(LogicalAnd, bool, bool)              \
  APPLY(LogicalOr, bool, bool)

#define ORBITGRAD_ELEMENT_TYPES(APPLY) \
  APPLY(float)                         \
  APPLY(double)                        \
  APPLY(std::int64_t)                  \
  APPLY(std::int32_t)                  \
  APPLY(bool)

#define ORBITGRAD_COPIES_FROM(APPLY, From) \
  APPLY(From, float)                       \
  APPLY(From, double)                      \
  APPLY(From, std::int64_t)                \
  APPLY(From, std::int32_t)                \
  APPLY(From, bool)
// Half types are stored only: other types reach them through float or double.
#define ORBITGRAD_COPIES_OF_HALF(APPLY, Half) \
  APPLY(Half, Half) APPLY(Half, float) APPLY(float, Half) APPLY(double, Half)
#define ORBITGRAD_COPY_INSTANCES(APPLY)      \
  ORBITGRAD_COPIES_FROM(APPLY, float)        \
  ORBITGRAD_COPIES_FROM(APPLY, double)       \
  ORBITGRAD_COPIES_FROM(APPLY, std::int64_t) \
  ORBITGRAD_COPIES_FROM(APPLY, std::int32_t) \
  ORBITGRAD_COPIES_FROM(APPLY, bool)         \
  ORBITGRAD_COPIES_OF_HALF(APPLY, Bfloat16)  \
  ORBITGRAD_COPIES_OF_HALF(APPLY, Float16)
