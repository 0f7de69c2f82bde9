// One convolution by oneDNN (float) of blocks of larger arrays, on one thread and in the layouts oneDNN likes best,
// with the changes of layout that takes. Thread-safe to run: all scratch memory is the calling thread's.
#pragma once

#include "kernels/conv2d/onednn.hpp"

#ifdef ORBITGRAD_HAVE_ONEDNN

#include <oneapi/dnnl/dnnl.hpp>
#include <vector>

namespace orbitgrad::kernels::cpu::onednn {

using dnnl::memory;

/// A change of layout between two arrays, of which it may touch a part.
struct Reorder {
  dnnl::reorder primitive;
  memory::desc from, to, scratch;
  std::int64_t from_offset = 0, to_offset = 0;  // elements from the arrays' begin to the part
};

/// An array of a convolution: as the caller has it and as oneDNN wants it.
struct Operand {
  int argument = 0;  // oneDNN's name
  memory::desc plain, wanted;
  Reorder reorder;  // into the wanted layout, of a result into the plain one; none if they are the same

  bool differs() const { return plain != wanted; }
  /// Elements of the wanted layout, to a multiple of a vector.
  std::int64_t room() const;
};

struct Primitive {
  dnnl::primitive convolution;
  Operand first, second, result;  // x w y, dy w dx or x dy dw
  memory::desc bias, scratch;
};

/// The op on `part`, whose arrays are blocks of those of `whole`. Throws dnnl::error if oneDNN has no such convolution.
Primitive make_primitive(ConvolutionOp op, const Conv2dProblem& part, const Conv2dProblem& whole, bool with_bias);

/// The reorder of an input in at most that many pieces, which may run at the same time. They cut the outermost axis, so
/// that each is dense but for what the whole leaves out: of an inner one oneDNN 2.6 loses strides that both layouts
/// have.
std::vector<Reorder> in_pieces(const Operand& operand, std::int64_t most);

/// Both run on the calling thread alone while it holds a SingleThread. The bias is null for none.
void run(const Reorder& reorder, const float* from, float* to);
/// An input is in the wanted layout if it is said to be converted, else in the plain one.
void run(const Primitive& primitive, const float* first, bool first_converted, const float* second,
         bool second_converted, const float* bias_or_null, float* result);

}  // namespace orbitgrad::kernels::cpu::onednn

#endif
