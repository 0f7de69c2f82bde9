// Arrays that strided views look into, for the device tests of elementwise kernels and reductions: a layout, random
// elements with the special values of their type, and the same view on the host and on a device.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "kernels/half.hpp"
#include "kernels/philox.hpp"
#include "kernels/view.hpp"
#include "tests/kernels/device_versions.hpp"

namespace orbitgrad::kernels::testing {

/// A view without its data. `first` is the position of element (0, ..., 0).
struct Layout {
  std::vector<std::int64_t> size, stride;
  std::int64_t first = 0;

  /// Elements an array must have to hold it.
  std::int64_t extent() const {
    std::int64_t last = first;
    for (std::size_t axis = 0; axis < size.size(); ++axis) {
      if (size[axis] == 0) return 0;
      if (stride[axis] > 0) last += (size[axis] - 1) * stride[axis];
    }
    return last + 1;
  }

  template <class T>
  View<T> view(T* data) const {
    View<T> result;
    result.data = data == nullptr ? nullptr : data + first;
    result.rank = static_cast<int>(size.size());
    for (std::size_t axis = 0; axis < size.size(); ++axis) {
      result.size[axis] = size[axis];
      result.stride[axis] = stride[axis];
    }
    return result;
  }
};

inline Layout dense(std::vector<std::int64_t> size) {
  Layout layout{size, std::vector<std::int64_t>(size.size(), 1)};
  for (std::size_t axis = size.size(); axis-- > 1;) layout.stride[axis - 1] = layout.stride[axis] * size[axis];
  return layout;
}

/// std::vector<bool> has no array inside; a bool is a byte.
template <class T>
using Stored = std::conditional_t<std::is_same_v<T, bool>, unsigned char, T>;

/// Small numbers of both signs, many of them equal; floating types get a few NaN, infinities and negative zeros when
/// `special`.
template <class T>
std::vector<Stored<T>> elements(std::int64_t count, std::uint64_t key, bool special) {
  std::vector<Stored<T>> values(static_cast<std::size_t>(count));
  if constexpr (is_half_type<T>) {
    const std::vector<float> wide = elements<float>(count, key, special);
    std::transform(wide.begin(), wide.end(), values.begin(), [](float value) { return T(value); });
    return values;
  } else {
    for (std::size_t i = 0; i < values.size(); ++i) {
      const PhiloxBlock block = philox(key, i);
      const int digit = static_cast<int>(block.word[0] % 9) - 4;
      if constexpr (std::is_same_v<T, bool>) {
        values[i] = digit > 0;
      } else if constexpr (std::is_integral_v<T>) {
        values[i] = static_cast<T>(digit);
      } else {
        constexpr T infinity = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
        constexpr T specials[] = {nan, infinity, -infinity, T(-0.0), T(0), T(1)};
        const T uniform = static_cast<T>(digit + uniform_double(block.word[1], block.word[2]));
        values[i] = special && block.word[3] % 13 == 0 ? specials[block.word[3] / 13 % 6] : uniform;
      }
    }
    return values;
  }
}

/// One array on the host and, from on_device(), on a device.
template <class T>
struct StridedArray {
  Layout layout;
  std::vector<Stored<T>> values;

  StridedArray(Layout layout, std::uint64_t key, bool special = false)
      : layout(std::move(layout)), values(elements<T>(this->layout.extent(), key, special)) {}

  T* data() { return reinterpret_cast<T*>(values.data()); }
  View<T> view() { return layout.view(data()); }
  View<const T> const_view() { return layout.view(static_cast<const T*>(data())); }

  struct OnDevice {
    Layout layout;
    DeviceArray<Stored<T>> array;

    View<T> view() { return layout.view(reinterpret_cast<T*>(array.data())); }
    View<const T> const_view() { return layout.view(reinterpret_cast<const T*>(array.data())); }
  };
  OnDevice on(DeviceKind device) const { return {layout, {device, std::span<const Stored<T>>(values)}}; }
};

}  // namespace orbitgrad::kernels::testing
