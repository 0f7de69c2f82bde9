// Change of element type or of layout.
#pragma once

#include "engine/tensor.hpp"

namespace orbitgrad {

/// The same values in another element type (x itself if it has it already). Differentiable between floating types;
/// otherwise the history ends here. A floating value becomes an integer towards zero; one beyond the range becomes the
/// nearest end of it (infinities too), NaN becomes 0. int64 to int32 keeps the low 32 bits. To bool: not zero, so NaN
/// is true. A half type takes the nearest number (ties to even) of the floating value, of an integer by way of float64;
/// what is too large becomes infinite.
Tensor cast(const Tensor& x, DType dtype);

/// The same values in dense row-major memory: x itself if they are already.
Tensor contiguous(const Tensor& x);

}  // namespace orbitgrad
