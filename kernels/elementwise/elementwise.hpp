// out[i] = formula(in[i], ...) over strided views. All views have the shape of the output: broadcasting is a stride of
// 0. Cost: one read per input, one write. Formulas: formulas.hpp; which formula exists for which types: cpu.cpp.
#pragma once

#include "kernels/elementwise/formulas.hpp"
#include "kernels/view.hpp"

namespace orbitgrad::kernels::cpu {

template <class Formula, class In, class Out>
void unary(View<const In> in, View<Out> out);

template <class Formula, class In, class Out>
void binary(View<const In> a, View<const In> b, View<Out> out);

template <class T>
void where(View<const bool> condition, View<const T> a, View<const T> b, View<T> out);

/// Copies between layouts and converts between element types.
template <class From, class To>
void copy(View<const From> in, View<To> out);

}  // namespace orbitgrad::kernels::cpu
