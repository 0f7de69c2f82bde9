// Plain convolution by oneDNN (float). The batch is cut into slices by its size alone; each slice is one
// single-threaded primitive with the layout oneDNN likes best, slices run on our threads, so the bits do not depend on
// how many there are.
#ifdef ORBITGRAD_HAVE_ONEDNN
#include "kernels/conv2d/onednn.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <oneapi/dnnl/dnnl.hpp>
#include <vector>

#include "kernels/gemm/workspace.hpp"
#include "kernels/parallel.hpp"
#include "kernels/single_thread.hpp"

namespace orbitgrad::kernels::cpu {
namespace {

using dnnl::memory;
using Dims = memory::dims;
using Tag = memory::format_tag;

const dnnl::engine& engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}
dnnl::stream& stream() {
  static thread_local dnnl::stream in_order(engine());
  return in_order;
}

/// One operand of a convolution: as the caller has it and as oneDNN wants it, with the conversion if they differ.
struct Operand {
  memory::desc plain, wanted;
  dnnl::reorder convert;  // in the direction the operation needs
  memory::desc scratch;
  bool differs = false;
};

/// A ready convolution of one slice. Thread-safe to execute: all scratch memory is the caller's.
struct Compiled {
  dnnl::primitive convolution;
  Operand x, w, y;
  memory::desc bias, scratch;
};

Dims x_dims(const Conv2dProblem& p) { return {p.batch, p.in_channels, p.in_height, p.in_width}; }
Dims w_dims(const Conv2dProblem& p) {
  return {p.groups, p.out_channels / p.groups, p.in_channels / p.groups, p.kernel_height, p.kernel_width};
}
Dims y_dims(const Conv2dProblem& p) { return {p.batch, p.out_channels, p.out_height(), p.out_width()}; }

Operand operand(const Dims& dims, Tag tag, const memory::desc& wanted, bool is_result) {
  Operand result;
  result.plain = memory::desc(dims, memory::data_type::f32, tag);
  result.wanted = wanted;
  result.differs = result.plain != wanted;
  if (result.differs) {
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const memory::desc &from = is_result ? wanted : result.plain, &to = is_result ? result.plain : wanted;
    const dnnl::reorder::primitive_desc chosen(engine(), from, engine(), to, attributes);
    result.convert = dnnl::reorder(chosen);
    result.scratch = chosen.scratchpad_desc();
  }
  return result;
}

std::shared_ptr<const Compiled> compile(ConvolutionOp op, const Conv2dProblem& p, bool with_bias) {
  const auto any = [](const Dims& dims) { return memory::desc(dims, memory::data_type::f32, Tag::any); };
  const memory::desc x = any(x_dims(p)), w = any(w_dims(p)), y = any(y_dims(p));
  const memory::desc bias = with_bias ? memory::desc({p.out_channels}, memory::data_type::f32, Tag::x) : memory::desc();
  const Dims strides{p.stride_height, p.stride_width}, padding{p.padding_height, p.padding_width};
  const Dims dilation{p.dilation_height - 1, p.dilation_width - 1};
  // The far padding makes oneDNN's output size ours when the stride does not reach the border.
  const auto far = [](std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride, std::int64_t pad,
                      std::int64_t step) { return (out - 1) * stride + step * (kernel - 1) + 1 - in - pad; };
  const Dims far_padding{
      far(p.in_height, p.out_height(), p.kernel_height, p.stride_height, p.padding_height, p.dilation_height),
      far(p.in_width, p.out_width(), p.kernel_width, p.stride_width, p.padding_width, p.dilation_width)};
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);

  const auto direct = dnnl::algorithm::convolution_direct;
  const auto forward_description =
      with_bias ? dnnl::convolution_forward::desc(dnnl::prop_kind::forward_training, direct, x, w, bias, y, strides,
                                                  dilation, padding, far_padding)
                : dnnl::convolution_forward::desc(dnnl::prop_kind::forward_training, direct, x, w, y, strides, dilation,
                                                  padding, far_padding);
  const dnnl::convolution_forward::primitive_desc forward(forward_description, attributes, engine());

  auto result = std::make_shared<Compiled>();
  result->bias = bias;
  const auto finish = [&](const auto& chosen, const memory::desc& src, const memory::desc& weights,
                          const memory::desc& dst, dnnl::primitive primitive) {
    result->x = operand(x_dims(p), Tag::nchw, src, op == ConvolutionOp::input_gradient);
    result->w = operand(w_dims(p), Tag::goihw, weights, op == ConvolutionOp::filter_gradient);
    result->y = operand(y_dims(p), Tag::nchw, dst, op == ConvolutionOp::forward);
    result->scratch = chosen.scratchpad_desc();
    result->convolution = std::move(primitive);
  };
  if (op == ConvolutionOp::forward) {
    finish(forward, forward.src_desc(), forward.weights_desc(), forward.dst_desc(), dnnl::convolution_forward(forward));
  } else if (op == ConvolutionOp::input_gradient) {
    const dnnl::convolution_backward_data::primitive_desc chosen(
        {direct, x, w, y, strides, dilation, padding, far_padding}, attributes, engine(), forward);
    finish(chosen, chosen.diff_src_desc(), chosen.weights_desc(), chosen.diff_dst_desc(),
           dnnl::convolution_backward_data(chosen));
  } else {
    const dnnl::convolution_backward_weights::primitive_desc chosen(
        {direct, x, w, y, strides, dilation, padding, far_padding}, attributes, engine(), forward);
    finish(chosen, chosen.src_desc(), chosen.diff_weights_desc(), chosen.diff_dst_desc(),
           dnnl::convolution_backward_weights(chosen));
  }
  return result;
}

/// The compiled convolution of a slice, from the cache if it was asked for before. Null if oneDNN refuses the problem.
std::shared_ptr<const Compiled> compiled(ConvolutionOp op, const Conv2dProblem& p, bool with_bias) {
  using Key = std::array<std::int64_t, 16>;
  const Key key{static_cast<std::int64_t>(op) * 2 + (with_bias ? 1 : 0),
                p.batch,
                p.in_channels,
                p.in_height,
                p.in_width,
                p.out_channels,
                p.kernel_height,
                p.kernel_width,
                p.stride_height,
                p.stride_width,
                p.padding_height,
                p.padding_width,
                p.dilation_height,
                p.dilation_width,
                p.groups,
                0};
  static std::mutex lock;
  static std::map<Key, std::shared_ptr<const Compiled>> cache;
  constexpr std::size_t most_entries = 1024;
  const std::lock_guard guard(lock);
  if (const auto found = cache.find(key); found != cache.end()) return found->second;
  if (cache.size() >= most_entries) cache.clear();
  std::shared_ptr<const Compiled> made;
  try {
    const SingleThread one;  // oneDNN asks for the number of threads when a primitive is made and when it runs
    made = compile(op, p, with_bias);
  } catch (const dnnl::error&) {  // unimplemented: remembered as null
  }
  cache.emplace(key, made);
  return made;
}

memory wrap(const memory::desc& description, const float* data) {
  return memory(description, engine(), const_cast<float*>(data));
}

template <class Tag_>
memory scratch(const memory::desc& description) {
  const std::int64_t count = static_cast<std::int64_t>(description.get_size() / sizeof(float) + 16);
  return memory(description, engine(), workspace<Tag_, float>(count));
}

struct ScratchX {};
struct ScratchW {};
struct ScratchY {};
struct ScratchPad {};
struct PackedFilters {};
struct FilterPartials {};

void run_reorder(const Operand& operand, memory& from, memory& to) {
  operand.convert.execute(
      stream(),
      {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}, {DNNL_ARG_SCRATCHPAD, scratch<ScratchPad>(operand.scratch)}});
}

/// An operand in the layout oneDNN wants, converted into the scratch of that tag if need be.
template <class Tag_>
memory prepared(const Operand& operand, const float* data) {
  memory plain = wrap(operand.plain, data);
  if (!operand.differs) return plain;
  memory converted = scratch<Tag_>(operand.wanted);
  run_reorder(operand, plain, converted);
  return converted;
}

/// A place for a result in the layout oneDNN wants.
template <class Tag_>
memory destination(const Operand& operand, float* data) {
  return operand.differs ? scratch<Tag_>(operand.wanted) : wrap(operand.plain, data);
}
void deliver(const Operand& operand, memory& result, float* data) {
  if (!operand.differs) return;
  memory plain = wrap(operand.plain, data);
  run_reorder(operand, result, plain);
}

/// Into how many slices the batch is cut. A slice repays its start and, for the filter gradient, its partial result;
/// else, where the filters are too large for the second-level cache, reading them again.
std::int64_t slice_count(ConvolutionOp op, const Conv2dProblem& problem) {
  constexpr double least_flops = 4e6, least_positions_of_gradient = 2048, least_positions_of_large = 384;
  constexpr std::int64_t large = 1 << 18;  // elements
  const auto positions = static_cast<double>(problem.batch * problem.out_height() * problem.out_width());
  double slices = problem.flops() / least_flops;
  if (op == ConvolutionOp::filter_gradient)
    slices = std::min(slices, positions / least_positions_of_gradient);
  else if (problem.w_size() > large)
    slices = std::min(slices, positions / least_positions_of_large);
  constexpr std::int64_t most_slices = 16;
  std::int64_t count = 1;  // a power of two: most machines have such a number of cores
  while (count < most_slices && static_cast<double>(2 * count) <= slices && 2 * count <= problem.batch) count *= 2;
  return count;
}

Conv2dProblem with_batch(Conv2dProblem problem, std::int64_t batch) {
  problem.batch = batch;
  problem.implementation = {};
  return problem;
}

/// The batch in slices of `least` images, some of them one image longer.
struct Slices {
  std::int64_t count, least;
  bool some_longer;
};
Slices slices_of(ConvolutionOp op, const Conv2dProblem& problem) {
  const std::int64_t count = slice_count(op, problem);
  return {count, problem.batch / count, problem.batch % count != 0};
}

/// Whether oneDNN has the primitives of the short and of the longer slices.
bool has_all_primitives(ConvolutionOp op, const Conv2dProblem& problem, bool with_bias) {
  const Slices slices = slices_of(op, problem);
  return compiled(op, with_batch(problem, slices.least), with_bias) != nullptr &&
         (!slices.some_longer || compiled(op, with_batch(problem, slices.least + 1), with_bias) != nullptr);
}

/// Calls body(slice, first image, compiled convolution, filters in its layout or null) for every slice.
template <class Body>
void for_each_slice(ConvolutionOp op, const Conv2dProblem& problem, bool with_bias, const float* w, Body&& body) {
  const auto [slices, least, some_longer] = slices_of(op, problem);
  // The filters are converted once for each of the two lengths.
  std::shared_ptr<const Compiled> ready[2];
  const float* filters[2] = {w, w};
  std::int64_t room[2] = {0, 0};
  for (int longer = 0; longer < (some_longer ? 2 : 1); ++longer) {
    ready[longer] = compiled(op, with_batch(problem, least + longer), with_bias);
    if (w != nullptr && ready[longer]->w.differs)
      room[longer] = static_cast<std::int64_t>(ready[longer]->w.wanted.get_size() / sizeof(float) + 16) / 16 * 16;
  }
  float* packed = workspace<PackedFilters, float>(room[0] + room[1]);
  for (int longer = 0; longer < 2; ++longer) {
    if (room[longer] == 0) continue;
    const SingleThread one;
    memory from = wrap(ready[longer]->w.plain, w), to = wrap(ready[longer]->w.wanted, packed + longer * room[0]);
    run_reorder(ready[longer]->w, from, to);
    filters[longer] = packed + longer * room[0];
  }
  parallel_for(slices, 1, [&, slices = slices, least = least](std::int64_t begin, std::int64_t end) {
    const SingleThread one;
    for (std::int64_t slice = begin; slice < end; ++slice) {
      const std::int64_t first = problem.batch * slice / slices;
      const std::int64_t longer = problem.batch * (slice + 1) / slices - first - least;
      body(slice, first, *ready[longer], filters[longer]);
    }
  });
}

}  // namespace

template <ConvolutionOp op>
bool onednn_supports(const Conv2dProblem& problem) {
  if (problem.x_size() == 0 || problem.w_size() == 0 || problem.y_size() == 0) return false;
  return has_all_primitives(op, problem, false) &&
         (op != ConvolutionOp::forward || has_all_primitives(op, problem, true));  // the caller may add a bias
}
template bool onednn_supports<ConvolutionOp::forward>(const Conv2dProblem&);
template bool onednn_supports<ConvolutionOp::input_gradient>(const Conv2dProblem&);
template bool onednn_supports<ConvolutionOp::filter_gradient>(const Conv2dProblem&);

void onednn_forward(const Conv2dProblem& problem, const float* x, const float* w, const float* bias_or_null, float* y) {
  const std::int64_t x_image = problem.x_size() / problem.batch, y_image = problem.y_size() / problem.batch;
  for_each_slice(ConvolutionOp::forward, problem, bias_or_null != nullptr, w,
                 [&](std::int64_t, std::int64_t first, const Compiled& ready, const float* filters) {
                   memory input = prepared<ScratchX>(ready.x, x + first * x_image);
                   memory output = destination<ScratchY>(ready.y, y + first * y_image);
                   std::unordered_map<int, memory> arguments{{DNNL_ARG_SRC, input},
                                                             {DNNL_ARG_WEIGHTS, wrap(ready.w.wanted, filters)},
                                                             {DNNL_ARG_DST, output},
                                                             {DNNL_ARG_SCRATCHPAD, scratch<ScratchPad>(ready.scratch)}};
                   if (bias_or_null != nullptr) arguments.emplace(DNNL_ARG_BIAS, wrap(ready.bias, bias_or_null));
                   ready.convolution.execute(stream(), arguments);
                   deliver(ready.y, output, y + first * y_image);
                 });
}

void onednn_input_gradient(const Conv2dProblem& problem, const float* dy, const float* w, float* dx) {
  const std::int64_t x_image = problem.x_size() / problem.batch, y_image = problem.y_size() / problem.batch;
  for_each_slice(ConvolutionOp::input_gradient, problem, false, w,
                 [&](std::int64_t, std::int64_t first, const Compiled& ready, const float* filters) {
                   memory input = prepared<ScratchY>(ready.y, dy + first * y_image);
                   memory output = destination<ScratchX>(ready.x, dx + first * x_image);
                   ready.convolution.execute(stream(), {{DNNL_ARG_DIFF_DST, input},
                                                        {DNNL_ARG_WEIGHTS, wrap(ready.w.wanted, filters)},
                                                        {DNNL_ARG_DIFF_SRC, output},
                                                        {DNNL_ARG_SCRATCHPAD, scratch<ScratchPad>(ready.scratch)}});
                   deliver(ready.x, output, dx + first * x_image);
                 });
}

void onednn_filter_gradient(const Conv2dProblem& problem, const float* x, const float* dy, float* dw) {
  const std::int64_t x_image = problem.x_size() / problem.batch, y_image = problem.y_size() / problem.batch;
  const std::int64_t size = problem.w_size(), slices = slice_count(ConvolutionOp::filter_gradient, problem);
  float* partials = slices == 1 ? dw : workspace<FilterPartials, float>(slices * size);
  for_each_slice(ConvolutionOp::filter_gradient, problem, false, nullptr,
                 [&](std::int64_t slice, std::int64_t first, const Compiled& ready, const float*) {
                   memory input = prepared<ScratchX>(ready.x, x + first * x_image);
                   memory gradient = prepared<ScratchY>(ready.y, dy + first * y_image);
                   memory output = destination<ScratchW>(ready.w, partials + slice * size);
                   ready.convolution.execute(stream(), {{DNNL_ARG_SRC, input},
                                                        {DNNL_ARG_DIFF_DST, gradient},
                                                        {DNNL_ARG_DIFF_WEIGHTS, output},
                                                        {DNNL_ARG_SCRATCHPAD, scratch<ScratchPad>(ready.scratch)}});
                   deliver(ready.w, output, partials + slice * size);
                 });
  if (slices == 1) return;
  parallel_for(size, 1 << 14, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      float sum = partials[i];
      for (std::int64_t slice = 1; slice < slices; ++slice) sum += partials[slice * size + i];
      dw[i] = sum;
    }
  });
}

}  // namespace orbitgrad::kernels::cpu
#endif
