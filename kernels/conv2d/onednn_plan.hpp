// How a plain convolution by oneDNN is cut into units of one thread each: the images of the batch or, where they are
// too few, the channels of the result. The problem alone decides, so the bits do not depend on the threads.
#pragma once

#include "kernels/conv2d/onednn_primitive.hpp"

#ifdef ORBITGRAD_HAVE_ONEDNN

#include <memory>
#include <vector>

namespace orbitgrad::kernels::cpu::onednn {

/// Where a unit's input begins, in elements: in the caller's array or, converted ahead, among the packed ones.
struct Place {
  std::int64_t offset = 0;
  bool converted = false;
};

/// What one thread does. `result` counts from the caller's array or, of several partial filter gradients, from the
/// first of them.
struct Unit {
  std::shared_ptr<const Primitive> primitive;
  Place first, second;
  std::int64_t result = 0, bias = 0;
};

/// A change of layout of the first or second array that several units read, made before them.
struct Conversion {
  Reorder reorder;
  bool of_second = false;
  std::int64_t from = 0, to = 0;
  double share = 0;  // what part of its array comes before it
};

struct Plan {
  std::vector<Conversion> conversions;  // independent of each other
  std::vector<Unit> units;
  std::int64_t packed_size = 0, partial_results = 1;
};

/// The plan of a problem whose arrays have elements, made once; null if oneDNN has no such convolution.
std::shared_ptr<const Plan> plan_of(ConvolutionOp op, const Conv2dProblem& problem, bool with_bias);

}  // namespace orbitgrad::kernels::cpu::onednn

#endif
