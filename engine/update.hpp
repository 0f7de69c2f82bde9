// The one door through which a tensor changes: optimizers, running statistics and loading of checkpoints. Every write
// bumps the version of the storage, so that a backward which still needs the old values reports it.
#pragma once

#include "engine/tensor.hpp"

namespace orbitgrad {

/// Writable memory of a contiguous tensor that outlives this step. Throws when the tensor is not dense.
template <class T>
T* begin_update(Tensor& target) {
  require(target.is_contiguous(), "update", "the tensor of shape {} is a strided view. Update the tensor it views.",
          target.shape());
  ++target.body().storage->version;
  return fresh_data<T>(target);
}

/// target = source, element by element. Shape and dtype must agree; target keeps its identity and its gradient.
void assign(Tensor& target, const Tensor& source);

}  // namespace orbitgrad
