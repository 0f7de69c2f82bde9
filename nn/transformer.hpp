// The transformer encoder: Vaswani et al., "Attention is all you need" (2017), section 3, with the normalisation after
// each branch as there, or before it (Xiong et al., 2020). Names of parameters are those of PyTorch's modules.
#pragma once

#include "engine/ops/affine.hpp"
#include "nn/layer_norm.hpp"
#include "nn/linear.hpp"

namespace orbitgrad::nn {

/// Which keys a query may look at; nothing given: all.
struct AttentionMask {
  /// Broadcasts to [N, heads, L, S]: bool, true where a query may look at a key; or floating, added to the scores. A
  /// mask of padded keys is [N, 1, 1, S].
  Tensor mask = {};
  /// Query i looks at the keys 0 .. i only.
  bool causal = false;
};

struct MultiHeadAttentionOptions {
  bool bias = true;
  double dropout = 0;  ///< of the weights of the softmax, in training passes
  DType dtype = DType::float32;
};

/// concat_h softmax(q_h k_h^T / sqrt(D)) v_h W_o^T + b_o, where head h has D = features / heads features of each of q,
/// k, v = x W^T + b. in_proj_weight [3 features, features] holds the rows for q, k and v (Glorot uniform),
/// in_proj_bias [3 features], out_proj a Linear; biases start as 0.
class MultiHeadAttention final : public Module {
 public:
  MultiHeadAttention(std::int64_t features, std::int64_t heads, RandomKey key,
                     const MultiHeadAttentionOptions& options = {});
  /// Self-attention: x [N, L, features] or [L, features] -> the same shape.
  Tensor forward(const Tensor& x, const Pass& pass) override { return attend(x, x, x, {}, pass); }
  /// query [N, L, features], key and value [N, S, features] -> [N, L, features]; or all without N.
  Tensor attend(const Tensor& query, const Tensor& key, const Tensor& value, const AttentionMask& mask,
                const Pass& pass = {});

 private:
  Tensor projected_heads(const Tensor& x, std::int64_t part) const;

  std::int64_t features_, heads_;
  double dropout_;
  Tensor in_weight_, in_bias_;
  std::shared_ptr<Linear> out_;
};

struct TransformerOptions {
  std::int64_t features = 192;
  std::int64_t heads = 3;
  std::int64_t hidden = 768;  ///< features between the two dense layers
  double dropout = 0;
  orbitgrad::Activation activation = orbitgrad::Activation::gelu;  ///< between the dense layers: gelu or relu
  bool norm_first = true;                                          ///< else after each branch
  double epsilon = 1e-5;                                           ///< of the layer norms
  DType dtype = DType::float32;
};

/// norm_first: x += attention(norm1(x)), x += dense(norm2(x)); else x = norm1(x + attention(x)),
/// x = norm2(x + dense(x)); dense(x) = linear2(activation(linear1(x))). In training passes dropout follows the softmax,
/// the activation and each branch. Children self_attn, linear1, linear2, norm1, norm2.
class TransformerLayer final : public Module {
 public:
  TransformerLayer(const TransformerOptions& options, RandomKey key);
  /// x [N, L, features] or [L, features] -> the same shape.
  Tensor forward(const Tensor& x, const Pass& pass) override { return encode(x, {}, pass); }
  Tensor encode(const Tensor& x, const AttentionMask& mask, const Pass& pass = {});

 private:
  Tensor dropped(const Tensor& x, const Pass& pass) const;

  TransformerOptions options_;
  std::shared_ptr<MultiHeadAttention> attention_;
  std::shared_ptr<Linear> linear1_, linear2_;
  std::shared_ptr<LayerNorm> norm1_, norm2_;
};

/// `layers` of them one after another, then a layer norm if norm_first. Children layers.0, layers.1, ... and norm.
class TransformerEncoder final : public Module {
 public:
  TransformerEncoder(std::int64_t layers, const TransformerOptions& options, RandomKey key);
  /// x [N, L, features] or [L, features] -> the same shape.
  Tensor forward(const Tensor& x, const Pass& pass) override { return encode(x, {}, pass); }
  Tensor encode(const Tensor& x, const AttentionMask& mask, const Pass& pass = {});

 private:
  std::vector<std::shared_ptr<TransformerLayer>> layers_;
  std::shared_ptr<LayerNorm> norm_;
};

}  // namespace orbitgrad::nn
