#ifdef ORBITGRAD_HAVE_ONEDNN
#include "kernels/conv2d/onednn_primitive.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "kernels/gemm/workspace.hpp"

namespace orbitgrad::kernels::cpu::onednn {
namespace {

using Dims = memory::dims;

const dnnl::engine& engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}
dnnl::stream& stream() {
  static thread_local dnnl::stream in_order(engine());
  return in_order;
}
dnnl::primitive_attr caller_owns_scratch() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

Dims x_dims(const Conv2dProblem& p) { return {p.batch, p.in_channels, p.in_height, p.in_width}; }
Dims w_dims(const Conv2dProblem& p) {
  return {p.groups, p.out_channels / p.groups, p.in_channels / p.groups, p.kernel_height, p.kernel_width};
}
Dims y_dims(const Conv2dProblem& p) { return {p.batch, p.out_channels, p.out_height(), p.out_width()}; }

/// A block of a dense row-major array of sizes `whole`.
memory::desc plain_layout(const Dims& dims, const Dims& whole) {
  Dims strides(dims.size());
  memory::dim in_whole = 1, dense = 1;
  for (std::size_t axis = dims.size(); axis-- > 0;) {
    // An axis of one entry has the stride of a dense block: a block that is dense compares equal to one.
    strides[axis] = dims[axis] == 1 ? dense : in_whole;
    in_whole *= whole[axis], dense *= dims[axis];
  }
  return memory::desc(dims, memory::data_type::f32, strides);
}

Reorder make_reorder(const memory::desc& from, const memory::desc& to) {
  const dnnl::reorder::primitive_desc chosen(engine(), from, engine(), to, caller_owns_scratch());
  return {dnnl::reorder(chosen), from, to, chosen.scratchpad_desc(), 0, 0};
}

Operand operand(int argument, const memory::desc& plain, const memory::desc& wanted, bool is_result) {
  Operand made{argument, plain, wanted, {}};
  if (made.differs()) made.reorder = is_result ? make_reorder(wanted, plain) : make_reorder(plain, wanted);
  return made;
}

/// Entries of that axis that a layout keeps together, so that it can be cut between them.
std::int64_t block_along(const memory::desc& layout, int axis) {
  std::int64_t block = 1;
  const auto& blocking = layout.data.format_desc.blocking;
  for (int i = 0; i < blocking.inner_nblks; ++i)
    if (blocking.inner_idxs[i] == axis) block *= blocking.inner_blks[i];
  return block;
}

memory wrap(const memory::desc& description, const float* data) {
  return memory(description, engine(), const_cast<float*>(data));
}

template <class Tag>
memory scratch(const memory::desc& description) {
  const auto count = static_cast<std::int64_t>(description.get_size() / sizeof(float) + 16);
  return memory(description, engine(), workspace<Tag, float>(count));
}

struct ScratchFirst {};
struct ScratchSecond {};
struct ScratchResult {};
struct ScratchPad {};

void execute(const Reorder& reorder, memory from, memory to) {
  reorder.primitive.execute(
      stream(),
      {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}, {DNNL_ARG_SCRATCHPAD, scratch<ScratchPad>(reorder.scratch)}});
}

/// An input in the wanted layout, converted into the scratch of that tag if need be.
template <class Tag>
memory prepared(const Operand& input, const float* data, bool converted) {
  if (converted || !input.differs()) return wrap(input.wanted, data);
  const memory result = scratch<Tag>(input.wanted);
  execute(input.reorder, wrap(input.plain, data), result);
  return result;
}

}  // namespace

std::int64_t Operand::room() const {
  return static_cast<std::int64_t>(wanted.get_size() / sizeof(float) + 15) / 16 * 16;
}

Primitive make_primitive(ConvolutionOp op, const Conv2dProblem& part, const Conv2dProblem& whole, bool with_bias) {
  const auto any = [](const Dims& dims) { return memory::desc(dims, memory::data_type::f32, memory::format_tag::any); };
  const memory::desc x = any(x_dims(part)), w = any(w_dims(part)), y = any(y_dims(part));
  const memory::desc bias =
      with_bias ? memory::desc({part.out_channels}, memory::data_type::f32, memory::format_tag::x) : memory::desc();
  const Dims strides{part.stride_height, part.stride_width}, padding{part.padding_height, part.padding_width};
  const Dims dilation{part.dilation_height - 1, part.dilation_width - 1};
  // The far padding makes oneDNN's output size ours when the stride does not reach the border.
  const auto far = [](std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride, std::int64_t pad,
                      std::int64_t step) { return (out - 1) * stride + step * (kernel - 1) + 1 - in - pad; };
  const Dims far_padding{far(part.in_height, part.out_height(), part.kernel_height, part.stride_height,
                             part.padding_height, part.dilation_height),
                         far(part.in_width, part.out_width(), part.kernel_width, part.stride_width, part.padding_width,
                             part.dilation_width)};
  const dnnl::primitive_attr attributes = caller_owns_scratch();
  const auto direct = dnnl::algorithm::convolution_direct;
  const auto training = dnnl::prop_kind::forward_training;
  const auto forward_description =
      with_bias
          ? dnnl::convolution_forward::desc(training, direct, x, w, bias, y, strides, dilation, padding, far_padding)
          : dnnl::convolution_forward::desc(training, direct, x, w, y, strides, dilation, padding, far_padding);
  const dnnl::convolution_forward::primitive_desc forward(forward_description, attributes, engine());

  const memory::desc plain_x = plain_layout(x_dims(part), x_dims(whole)),
                     plain_w = plain_layout(w_dims(part), w_dims(whole)),
                     plain_y = plain_layout(y_dims(part), y_dims(whole));
  if (op == ConvolutionOp::forward)
    return {dnnl::convolution_forward(forward),
            operand(DNNL_ARG_SRC, plain_x, forward.src_desc(), false),
            operand(DNNL_ARG_WEIGHTS, plain_w, forward.weights_desc(), false),
            operand(DNNL_ARG_DST, plain_y, forward.dst_desc(), true),
            bias,
            forward.scratchpad_desc()};
  if (op == ConvolutionOp::input_gradient) {
    const dnnl::convolution_backward_data::primitive_desc chosen(
        {direct, x, w, y, strides, dilation, padding, far_padding}, attributes, engine(), forward);
    return {dnnl::convolution_backward_data(chosen),
            operand(DNNL_ARG_DIFF_DST, plain_y, chosen.diff_dst_desc(), false),
            operand(DNNL_ARG_WEIGHTS, plain_w, chosen.weights_desc(), false),
            operand(DNNL_ARG_DIFF_SRC, plain_x, chosen.diff_src_desc(), true),
            bias,
            chosen.scratchpad_desc()};
  }
  const dnnl::convolution_backward_weights::primitive_desc chosen(
      {direct, x, w, y, strides, dilation, padding, far_padding}, attributes, engine(), forward);
  return {dnnl::convolution_backward_weights(chosen),
          operand(DNNL_ARG_SRC, plain_x, chosen.src_desc(), false),
          operand(DNNL_ARG_DIFF_DST, plain_y, chosen.diff_dst_desc(), false),
          operand(DNNL_ARG_DIFF_WEIGHTS, plain_w, chosen.diff_weights_desc(), true),
          bias,
          chosen.scratchpad_desc()};
}

std::vector<Reorder> in_pieces(const Operand& operand, std::int64_t most) {
  const Dims dims = operand.plain.dims();
  std::size_t axis = 0;
  while (axis + 1 < dims.size() && dims[axis] == 1) ++axis;
  if (operand.wanted.data.format_kind != dnnl_blocked) return {operand.reorder};
  const std::int64_t block = block_along(operand.wanted, static_cast<int>(axis));
  const std::int64_t blocks = (dims[axis] + block - 1) / block, pieces = std::min(most, blocks);
  std::vector<Reorder> made;
  for (std::int64_t piece = 0; piece < pieces; ++piece) {
    Dims offset(dims.size(), 0), size = dims;
    offset[axis] = blocks * piece / pieces * block;
    size[axis] = std::min(blocks * (piece + 1) / pieces * block, dims[axis]) - offset[axis];
    memory::desc from = operand.plain.submemory_desc(size, offset), to = operand.wanted.submemory_desc(size, offset);
    // oneDNN's fastest reorders know no offsets.
    const std::int64_t from_offset = std::exchange(from.data.offset0, 0), to_offset = std::exchange(to.data.offset0, 0);
    made.push_back(make_reorder(from, to));
    made.back().from_offset = from_offset, made.back().to_offset = to_offset;
  }
  return made;
}

void run(const Reorder& reorder, const float* from, float* to) {
  execute(reorder, wrap(reorder.from, from + reorder.from_offset), wrap(reorder.to, to + reorder.to_offset));
}

void run(const Primitive& primitive, const float* first, bool first_converted, const float* second,
         bool second_converted, const float* bias_or_null, float* result) {
  const Operand& output = primitive.result;
  const memory made = output.differs() ? scratch<ScratchResult>(output.wanted) : wrap(output.plain, result);
  const memory in_first = prepared<ScratchFirst>(primitive.first, first, first_converted);
  const memory in_second = prepared<ScratchSecond>(primitive.second, second, second_converted);
  std::unordered_map<int, memory> arguments{{primitive.first.argument, in_first},
                                            {primitive.second.argument, in_second},
                                            {output.argument, made},
                                            {DNNL_ARG_SCRATCHPAD, scratch<ScratchPad>(primitive.scratch)}};
  if (bias_or_null != nullptr) arguments.emplace(DNNL_ARG_BIAS, wrap(primitive.bias, bias_or_null));
  primitive.convolution.execute(stream(), arguments);
  if (output.differs()) execute(output.reorder, made, wrap(output.plain, result));
}

}  // namespace orbitgrad::kernels::cpu::onednn
#endif
