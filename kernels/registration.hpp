// Registers the CPU version of a kernel for float and double in one line: Kernel is the tag template of dispatch.hpp.
#pragma once

#include <string_view>

#include "kernels/dispatch.hpp"

namespace orbitgrad::kernels {

/// `const CpuRegistration<SoftmaxForward> softmax_registration{"cpu", softmax_forward, softmax_forward};`
template <template <class> class Kernel>
class CpuRegistration {
 public:
  CpuRegistration(std::string_view name, typename Kernel<float>::Launch* for_float,
                  typename Kernel<double>::Launch* for_double)
      : float_({name, DeviceKind::cpu, supports_all<float>, for_float}),
        double_({name, DeviceKind::cpu, supports_all<double>, for_double}) {}

 private:
  template <class T>
  static bool supports_all(const typename Kernel<T>::Problem&) {
    return true;
  }

  Registration<Kernel<float>> float_;
  Registration<Kernel<double>> double_;
};

}  // namespace orbitgrad::kernels
