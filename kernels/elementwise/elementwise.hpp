// out[i] = formula(in[i], ...) over strided views. All views have the shape of the output: broadcasting is a stride of
// 0. Cost: one read per input, one write. Formulas: formulas.hpp; which exists for which types: instances.hpp.
#pragma once

#include <string_view>

#include "kernels/elementwise/formulas.hpp"
#include "kernels/view.hpp"

namespace orbitgrad::kernels {

template <class Formula, class In, class Out>
struct Unary {
  using Problem = View<const In>;
  using Launch = void(View<const In> in, View<Out> out);
  static constexpr std::string_view name = "elementwise.unary";
};

template <class Formula, class In, class Out>
struct Binary {
  using Problem = View<const In>;
  using Launch = void(View<const In> a, View<const In> b, View<Out> out);
  static constexpr std::string_view name = "elementwise.binary";
};

/// condition ? a : b.
template <class T>
struct WhereSelect {
  using Problem = View<const bool>;
  using Launch = void(View<const bool> condition, View<const T> a, View<const T> b, View<T> out);
  static constexpr std::string_view name = "elementwise.where";
};

/// Copies between layouts and converts between element types.
template <class From, class To>
struct Copy {
  using Problem = View<const From>;
  using Launch = void(View<const From> in, View<To> out);
  static constexpr std::string_view name = "elementwise.copy";
};

namespace cpu {

template <class Formula, class In, class Out>
void unary(View<const In> in, View<Out> out);

template <class Formula, class In, class Out>
void binary(View<const In> a, View<const In> b, View<Out> out);

template <class T>
void where(View<const bool> condition, View<const T> a, View<const T> b, View<T> out);

/// Copies between layouts and converts between element types.
template <class From, class To>
void copy(View<const From> in, View<To> out);

}  // namespace cpu
}  // namespace orbitgrad::kernels
