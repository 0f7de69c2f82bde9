#include "nn/transformer.hpp"

#include <fmt/format.h>

#include <cmath>

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/attention.hpp"
#include "engine/ops/cast.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/shape_ops.hpp"
#include "engine/update.hpp"

namespace orbitgrad::nn {

namespace {

void require_dropout(std::string_view layer, double probability) {
  require(probability >= 0 && probability < 1, layer, "the dropout is {}. Take a probability in [0, 1).", probability);
}

}  // namespace

MultiHeadAttention::MultiHeadAttention(std::int64_t features, std::int64_t heads, RandomKey key,
                                       const MultiHeadAttentionOptions& options)
    : features_(features), heads_(heads), dropout_(options.dropout) {
  require(features > 0 && heads > 0 && features % heads == 0, "MultiHeadAttention",
          "{} features cannot be split over {} heads. Take a number of heads that divides them.", features, heads);
  require_dropout("MultiHeadAttention", options.dropout);
  const double bound = std::sqrt(6.0 / static_cast<double>(features + 3 * features));
  in_weight_ = register_parameter("in_proj_weight",
                                  uniform({3 * features, features}, key.split("in"), -bound, bound, options.dtype));
  if (options.bias) in_bias_ = register_parameter("in_proj_bias", zeros({3 * features}, options.dtype));
  out_ = add_child<Linear>("out_proj", features, features, key.split("out"),
                           LayerOptions{.bias = options.bias, .dtype = options.dtype});
  if (!options.bias) return;
  Tensor bias = out_->state().at("bias");
  assign(bias, zeros_like(bias));
}

/// [N, L, features] -> [N, heads, L, D], by the rows of the weight for q, k or v. One product for each: slices of a
/// joint result would each send back a gradient of its full size.
Tensor MultiHeadAttention::projected_heads(const Tensor& x, std::int64_t part) const {
  const Tensor y = affine(x, narrow(in_weight_, 0, part * features_, features_),
                          in_bias_.defined() ? narrow(in_bias_, 0, part * features_, features_) : Tensor());
  return contiguous(permute(reshape(y, {x.size(0), x.size(1), heads_, features_ / heads_}), {0, 2, 1, 3}));
}

Tensor MultiHeadAttention::attend(const Tensor& query, const Tensor& key, const Tensor& value,
                                  const AttentionMask& mask, const Pass& pass) {
  const int rank = query.rank();
  for (const Tensor* x : {&query, &key, &value})
    require((rank == 2 || rank == 3) && x->rank() == rank && x->size(-1) == features_ &&
                (rank == 2 || x->size(0) == query.size(0)),
            "MultiHeadAttention",
            "query, key and value must be [N, L, {0}] or all [L, {0}], got {1}, {2} and {3}. Reshape them.", features_,
            query.shape(), key.shape(), value.shape());
  if (rank == 2) return squeeze(attend(unsqueeze(query, 0), unsqueeze(key, 0), unsqueeze(value, 0), mask, pass), 0);
  const AttentionOptions options{.mask = mask.mask,
                                 .causal = mask.causal,
                                 .dropout = pass.training ? dropout_ : 0,
                                 .key = pass.key.split("dropout")};
  const Tensor heads =
      attention(projected_heads(query, 0), projected_heads(key, 1), projected_heads(value, 2), options);
  return (*out_)(reshape(permute(heads, {0, 2, 1, 3}), query.shape()), pass);
}

TransformerLayer::TransformerLayer(const TransformerOptions& options, RandomKey key) : options_(options) {
  require(options.hidden > 0, "TransformerLayer", "needs hidden features, got {}. Four times the features are usual.",
          options.hidden);
  require_dropout("TransformerLayer", options.dropout);
  const LayerOptions dense{.dtype = options.dtype};
  const LayerNormOptions norm{.epsilon = options.epsilon, .dtype = options.dtype};
  attention_ =
      add_child<MultiHeadAttention>("self_attn", options.features, options.heads, key.split("attention"),
                                    MultiHeadAttentionOptions{.dropout = options.dropout, .dtype = options.dtype});
  linear1_ = add_child<Linear>("linear1", options.features, options.hidden, key.split("linear1"), dense);
  linear2_ = add_child<Linear>("linear2", options.hidden, options.features, key.split("linear2"), dense);
  norm1_ = add_child<LayerNorm>("norm1", options.features, norm);
  norm2_ = add_child<LayerNorm>("norm2", options.features, norm);
}

Tensor TransformerLayer::dropped(const Tensor& x, const Pass& pass) const {
  return pass.training && options_.dropout > 0 ? dropout(x, options_.dropout, pass.key) : x;
}

Tensor TransformerLayer::encode(const Tensor& x, const AttentionMask& mask, const Pass& pass) {
  const auto attend = [&](const Tensor& y) {
    return dropped(attention_->attend(y, y, y, mask, pass.child(0)), pass.child(1));
  };
  const auto dense = [&](const Tensor& y) {
    const Tensor hidden = dropped(linear1_->activated(y, options_.activation), pass.child(2));
    return dropped((*linear2_)(hidden, pass), pass.child(3));
  };
  if (options_.norm_first) {
    const Tensor y = x + attend((*norm1_)(x, pass));
    return y + dense((*norm2_)(y, pass));
  }
  const Tensor y = (*norm1_)(x + attend(x), pass);
  return (*norm2_)(y + dense(y), pass);
}

TransformerEncoder::TransformerEncoder(std::int64_t layers, const TransformerOptions& options, RandomKey key) {
  require(layers > 0, "TransformerEncoder", "needs one layer or more, got {}. Correct the number.", layers);
  const auto list = add_child<Sequential>("layers");
  for (std::int64_t i = 0; i < layers; ++i) {
    layers_.push_back(std::make_shared<TransformerLayer>(options, key.split(static_cast<std::uint64_t>(i))));
    list->add(fmt::format("{}", i), layers_.back());
  }
  if (options.norm_first)
    norm_ = add_child<LayerNorm>("norm", options.features,
                                 LayerNormOptions{.epsilon = options.epsilon, .dtype = options.dtype});
}

Tensor TransformerEncoder::encode(const Tensor& x, const AttentionMask& mask, const Pass& pass) {
  Tensor y = x;
  std::uint64_t i = 0;
  for (const auto& layer : layers_) y = layer->encode(y, mask, pass.child(i++));
  return norm_ ? (*norm_)(y, pass) : y;
}

}  // namespace orbitgrad::nn
