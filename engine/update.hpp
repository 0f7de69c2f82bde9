// The one door through which a tensor changes: optimizers, running statistics and loading of checkpoints. Every write
// bumps the version of the storage, so that a backward which still needs the old values reports it.
#pragma once

#include "engine/tensor.hpp"

namespace orbitgrad {

/// Counts a write to the storage: now, and in each later run of a step that is captured.
void note_update(const std::shared_ptr<Storage>& storage);

/// Writable memory, for kernels of its device, of a contiguous tensor that outlives this step. Throws when the tensor
/// is not dense.
template <class T>
T* begin_update(Tensor& target) {
  require(target.is_contiguous(), "update", "the tensor of shape {} is a strided view. Update the tensor it views.",
          target.shape());
  note_update(target.body().storage);
  return fresh_data<T>(target);
}

/// target = source, element by element. Shape and dtype must agree, the devices may differ; target keeps its identity,
/// its device and its gradient.
void assign(Tensor& target, const Tensor& source);

/// Moves a tensor without history, or a leaf with its gradient, to a device. All handles to it follow; views of it
/// stay behind with the old memory.
void move(Tensor& target, DeviceKind device);

}  // namespace orbitgrad
