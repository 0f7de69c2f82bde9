// A plain convolution by oneDNN at its best: primitives made once, its own blocked layouts, all threads, and only the
// conversions that data in NCHW cannot avoid. The opponent of our group convolution, which is called on the same
// arrays.
#pragma once

#include "kernels/conv2d/conv2d.hpp"

#ifdef ORBITGRAD_HAVE_ONEDNN

#include <memory>
#include <oneapi/dnnl/dnnl.hpp>

namespace orbitgrad::bench {

class OnednnConvolution {
 public:
  enum class Op { forward, input_gradient, filter_gradient };

  using Sizes = dnnl::memory::dims;

  /// Dilation 1, one group.
  OnednnConvolution(Op op, const kernels::Conv2dProblem& p)
      : OnednnConvolution(op, {p.batch, p.in_channels, p.in_height, p.in_width},
                          {p.out_channels, p.in_channels, p.kernel_height, p.kernel_width},
                          {p.batch, p.out_channels, p.out_height(), p.out_width()}, {p.stride_height, p.stride_width},
                          {p.padding_height, p.padding_width}) {}

  /// x [N, C, ...], w [K, C, ...], y [N, K, ...] with two or three axes of space.
  OnednnConvolution(Op op, const Sizes& x, const Sizes& w, const Sizes& y, const Sizes& stride, const Sizes& padding)
      : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {
    using dnnl::memory;
    using tag = memory::format_tag;
    const auto any = [](const Sizes& dims) { return memory::desc(dims, memory::data_type::f32, tag::any); };
    const auto plain = [](const Sizes& dims) {
      return memory::desc(dims, memory::data_type::f32, dims.size() == 4 ? tag::abcd : tag::abcde);
    };
    const auto algorithm = dnnl::algorithm::convolution_direct;
    const dnnl::convolution_forward::primitive_desc forward(
        {dnnl::prop_kind::forward_training, algorithm, any(x), any(w), any(y), stride, padding, padding}, engine_);
    if (op == Op::forward) {
      primitive_ = dnnl::convolution_forward(forward);
      add(DNNL_ARG_SRC, plain(x), forward.src_desc(), false);
      add(DNNL_ARG_WEIGHTS, plain(w), forward.weights_desc(), false);
      add(DNNL_ARG_DST, plain(y), forward.dst_desc(), true);
    } else if (op == Op::input_gradient) {
      const dnnl::convolution_backward_data::primitive_desc backward(
          {algorithm, any(x), any(w), any(y), stride, padding, padding}, engine_, forward);
      primitive_ = dnnl::convolution_backward_data(backward);
      add(DNNL_ARG_DIFF_DST, plain(y), backward.diff_dst_desc(), false);
      add(DNNL_ARG_WEIGHTS, plain(w), backward.weights_desc(), false);
      add(DNNL_ARG_DIFF_SRC, plain(x), backward.diff_src_desc(), true);
    } else {
      const dnnl::convolution_backward_weights::primitive_desc backward(
          {algorithm, any(x), any(w), any(y), stride, padding, padding}, engine_, forward);
      primitive_ = dnnl::convolution_backward_weights(backward);
      add(DNNL_ARG_SRC, plain(x), backward.src_desc(), false);
      add(DNNL_ARG_DIFF_DST, plain(y), backward.diff_dst_desc(), false);
      add(DNNL_ARG_DIFF_WEIGHTS, plain(w), backward.diff_weights_desc(), true);
    }
  }

  /// The two inputs and the output of the op, in the order of the constructor.
  void run(const float* first, const float* second, float* output) {
    const float* user[] = {first, second, output};
    std::unordered_map<int, dnnl::memory> arguments;
    for (std::size_t i = 0; i < operands_.size(); ++i) {
      Operand& operand = operands_[i];
      operand.plain.set_data_handle(const_cast<float*>(user[i]));
      if (operand.same_layout)
        operand.blocked.set_data_handle(const_cast<float*>(user[i]));
      else if (!operand.is_output)
        operand.reorder.execute(stream_, operand.plain, operand.blocked);
      arguments.insert({operand.argument, operand.blocked});
    }
    primitive_.execute(stream_, arguments);
    Operand& result = operands_.back();
    if (!result.same_layout) result.reorder.execute(stream_, result.blocked, result.plain);
    stream_.wait();
  }

 private:
  struct Operand {
    int argument;
    bool is_output, same_layout;
    dnnl::memory plain, blocked;
    dnnl::reorder reorder;
  };

  void add(int argument, const dnnl::memory::desc& plain, const dnnl::memory::desc& blocked, bool is_output) {
    Operand operand{argument, is_output, plain == blocked, {}, {}, {}};
    operand.plain = dnnl::memory(plain, engine_, nullptr);
    operand.blocked = operand.same_layout ? dnnl::memory(blocked, engine_, nullptr) : dnnl::memory(blocked, engine_);
    if (!operand.same_layout)
      operand.reorder =
          is_output ? dnnl::reorder(operand.blocked, operand.plain) : dnnl::reorder(operand.plain, operand.blocked);
    operands_.push_back(std::move(operand));
  }

  dnnl::engine engine_;
  dnnl::stream stream_;
  dnnl::primitive primitive_;
  std::vector<Operand> operands_;
};

}  // namespace orbitgrad::bench

#endif
