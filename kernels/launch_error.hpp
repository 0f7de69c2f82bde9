// What a kernel launch or device memory reports when it fails: kernels know no tensors, so the op that launched adds
// its name and the remedy. The engine turns it into an Error.
#pragma once

#include <stdexcept>

namespace orbitgrad::kernels {

class LaunchError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace orbitgrad::kernels
