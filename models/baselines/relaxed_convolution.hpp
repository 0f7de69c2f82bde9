// Relaxed group convolution: L kernels psi_l in place of one, mixed by weights that depend on the position,
//   y(g) = sum_h x(h) sum_l w_l(h) psi_l(g^-1 h),   or with w_l(g), of the output element.
// Constant w: exactly equivariant, the group convolution by sum_l w_l psi_l.
// Source: Wang, Walters, Yu, Approximately equivariant networks (ICML 2022, arXiv 2201.11969).
#pragma once

#include "nn/convolution.hpp"

namespace orbitgrad::models {

/// Which element w_l is a function of: h, as in the paper's formula, or g, as in its code.
enum class RelaxedOver { input, output };

/// x [N, C, H, W], psi [L, K, C, k, k], w [L, H, W] (of the output: its size) or any shape [L, ...] that broadcasts to
/// it, bias [K] or undefined -> [N, K, Ho, Wo].
Tensor relaxed_conv2d(const Tensor& x, const Tensor& psi, const Tensor& w, const Tensor& bias,
                      const Conv2dOptions& options = {}, RelaxedOver over = RelaxedOver::input);

/// Lifting has no element of G on the input, so w is of the output: x [N, C, H, W], psi [L, K, C, k, k], w [L, |G|] or
/// [L, |G|, Ho, Wo] -> [N, K, |G|, Ho, Wo].
Tensor relaxed_lift_conv2d(const Tensor& x, const Tensor& psi, const Tensor& w, const Tensor& bias,
                           const groups::LatticeGroup& group, const GroupConv2dOptions& options = {});

/// x [N, C, |G|, H, W], psi [L, K, C, |G|, k, k], w [L, |G|] or [L, |G|, H, W] (of the output: its size) ->
/// [N, K, |G|, Ho, Wo].
Tensor relaxed_group_conv2d(const Tensor& x, const Tensor& psi, const Tensor& w, const Tensor& bias,
                            const groups::LatticeGroup& group, const GroupConv2dOptions& options = {},
                            RelaxedOver over = RelaxedOver::input);

/// mean |w_l(p) - w_l(q)| over neighbours p, q: pixels side by side in the last two axes of w [L, ..., H, W].
Tensor pixel_roughness(const Tensor& w);
/// mean |w_l(t) - w_l(t s)| over elements t and generators s, for w [L, |G|, ...]; 0 for the trivial group.
Tensor group_roughness(const Tensor& w, const groups::LatticeGroup& group);

struct RelaxedOptions {
  std::int64_t kernels = 2;  ///< L
  RelaxedOver over = RelaxedOver::input;
  DType dtype = DType::float32;
};

/// Parameters "psi", uniform in +-1 / sqrt(C k^2), "w" 1/L, "bias" 0. w [L, rows, columns] is enlarged bilinearly to
/// the pixels: a coarse grid has few weights.
class RelaxedConv2d final : public nn::Module {
 public:
  RelaxedConv2d(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t rows, std::int64_t columns,
                RandomKey key, const Conv2dOptions& convolution = {}, const RelaxedOptions& options = {});
  Tensor forward(const Tensor& x, const nn::Pass& pass) override;
  /// pixel_roughness(w), times whatever alpha the loss gives it.
  Tensor penalty() const;

 private:
  Conv2dOptions convolution_;
  RelaxedOver over_;
  Tensor psi_, w_, bias_;
};

/// Relaxed in the elements of the point group: w [L, |G|]. in: images [N, in, H, W] if lifting, else regular features.
class RelaxedGroupConv2d final : public nn::Module {
 public:
  RelaxedGroupConv2d(groups::LatticeGroup group, bool lifting, std::int64_t in, std::int64_t out, std::int64_t kernel,
                     RandomKey key, const GroupConv2dOptions& convolution = {}, const RelaxedOptions& options = {});
  Tensor forward(const Tensor& x, const nn::Pass& pass) override;
  /// group_roughness(w).
  Tensor penalty() const;

 private:
  groups::LatticeGroup group_;
  bool lifting_;
  GroupConv2dOptions convolution_;
  RelaxedOver over_;
  Tensor psi_, w_, bias_;
};

}  // namespace orbitgrad::models
