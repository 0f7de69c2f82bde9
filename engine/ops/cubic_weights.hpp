// The cubic convolution kernel of R. Keys (1981) with a = -3/4, for numbers and for tensors: the weights of the four
// pixels around a place that lies t in [0, 1) after the second of them. Included by op sources only.
#pragma once

namespace orbitgrad {

/// Weight of tap 0 .. 3. T: double or Tensor.
template <class T>
T cubic_weight(int tap, const T& t) {
  constexpr double a = -0.75;
  const auto near = [](const T& d) { return ((a + 2) * d - (a + 3)) * d * d + 1.0; };     // distance < 1
  const auto far = [](const T& d) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; };  // 1 to 2
  switch (tap) {
    case 0:
      return far(t + 1.0);
    case 1:
      return near(t);
    case 2:
      return near(1.0 - t);
    default:
      return far(2.0 - t);
  }
}

}  // namespace orbitgrad
