// Attention, normalisation of samples, resampling, transposed and three-dimensional convolution.
#include "engine/catalogue/describe.hpp"
#include "engine/ops/attention.hpp"
#include "engine/ops/convolution3d.hpp"
#include "engine/ops/layer_normalization.hpp"
#include "engine/ops/resampling.hpp"

namespace orbitgrad::catalogue {

namespace {

std::vector<Op> normalisations() {
  const std::string family = "normalisation", header = "engine/ops/layer_normalization.hpp";
  const Setting epsilon = number("epsilon", "1e-5", "added to the variance");
  const auto scale = [](std::string shape) {
    return std::vector<Argument>{{"weight", shape, Elements::floating, Presence::optional},
                                 {"bias", shape, Elements::floating, Presence::optional}};
  };
  const auto with_x = [](std::string shape, std::vector<Argument> rest) {
    rest.insert(rest.begin(), Argument{"x", std::move(shape)});
    return rest;
  };
  return {
      {.name = "layer_norm",
       .family = family,
       .header = header,
       .summary = "(x - mean) / sqrt(variance + epsilon) weight + bias over the last axes",
       .arguments = with_x("any shape", scale("the normalised axes")),
       .settings = {integer("axes", "1", "how many of the last axes"), epsilon},
       .run =
           [](const Call& call) {
             return layer_norm(call["x"], call.axis("axes"), call["weight"], call["bias"], call.number("epsilon"));
           },
       .examples = {{.tensors = {{"x", {2, 3, 4}}, {"weight", {3, 4}}, {"bias", {3, 4}}}, .settings = {{"axes", "2"}}},
                    {.tensors = {{"x", {3, 4}}}}}},
      {.name = "group_norm",
       .family = family,
       .header = header,
       .summary = "(x - mean) / sqrt(variance + epsilon) weight + bias over groups of channels",
       .arguments = with_x("[N, C, ...]", scale("[C]")),
       .settings = {integer("groups", std::nullopt, "a divisor of C"), epsilon},
       .run =
           [](const Call& call) {
             return group_norm(call["x"], call.integer("groups"), call["weight"], call["bias"], call.number("epsilon"));
           },
       .examples = {{.tensors = {{"x", {2, 4, 3}}, {"weight", {4}}, {"bias", {4}}}, .settings = {{"groups", "2"}}}}},
      {.name = "instance_norm",
       .family = family,
       .header = header,
       .summary = "(x - mean) / sqrt(variance + epsilon) weight + bias over the positions of a channel",
       .arguments = with_x("[N, C, ...]", scale("[C]")),
       .settings = {epsilon},
       .run =
           [](const Call& call) {
             return instance_norm(call["x"], call["weight"], call["bias"], call.number("epsilon"));
           },
       .examples = {{.tensors = {{"x", {2, 2, 4}}, {"weight", {2}}, {"bias", {2}}}}}}};
}

std::vector<Op> attentions() {
  return {{.name = "attention",
           .family = "attention",
           .header = "engine/ops/attention.hpp",
           .summary = "softmax(q k^T scale + mask) v; 0 for a query that may look at nothing",
           .arguments = {{"q", "[..., L, E]"},
                         {"k", "[..., S, E]"},
                         {"v", "[..., S, V]"},
                         {"allowed", "broadcasts to [..., L, S]", Elements::boolean, Presence::optional, false},
                         {"mask", "broadcasts to [..., L, S], added", Elements::floating, Presence::optional}},
           .settings = {flag("causal", "false", "query i looks at keys 0 to i"),
                        number("scale", "", "1 / sqrt(E) when empty")},
           .run =
               [](const Call& call) {
                 AttentionOptions options{.mask = call["mask"], .causal = call.flag("causal")};
                 if (call["allowed"].defined()) {
                   require(!options.mask.defined(), "attention", "takes allowed or mask, got both. Drop one.");
                   options.mask = call["allowed"];
                 }
                 if (call.has("scale")) options.scale = call.number("scale");
                 return attention(call["q"], call["k"], call["v"], options);
               },
           .examples = {{.tensors = {{"q", {2, 3, 4}}, {"k", {2, 2, 4}}, {"v", {2, 2, 3}}}},
                        {.tensors = {{"q", {2, 4}}, {"k", {3, 4}}, {"v", {3, 2}}, {"allowed", {2, 3}, boolean_values}},
                         .settings = {{"causal", "true"}}},
                        {.tensors = {{"q", {2, 4}}, {"k", {3, 4}}, {"v", {3, 2}}, {"mask", {2, 3}}},
                         .settings = {{"scale", "0.3"}}}}}};
}

std::vector<Op> resampling() {
  const std::string family = "resampling", header = "engine/ops/resampling.hpp";
  const Setting height = integer("height", std::nullopt, "of the result"),
                width = integer("width", std::nullopt, "of the result");
  const auto mode = [](std::string usual) {
    return choice("mode", std::move(usual), "how pixels are weighted", {"nearest", "bilinear", "bicubic"});
  };
  const Setting corners = flag("align_corners", "false", "the outer pixels' centres coincide");
  const auto mode_of = [](const Call& call) {
    const std::string& name = call.word("mode");
    return name == "nearest"    ? Interpolation::nearest
           : name == "bilinear" ? Interpolation::bilinear
                                : Interpolation::bicubic;
  };
  const auto padding_of = [](const Call& call) {
    const std::string& name = call.word("padding");
    return name == "zeros" ? GridPadding::zeros : name == "border" ? GridPadding::border : GridPadding::reflection;
  };
  const auto pool = [&](std::string name, std::string summary,
                        Tensor (*function)(const Tensor&, std::int64_t, std::int64_t)) {
    return Op{
        .name = std::move(name),
        .family = "pooling",
        .header = header,
        .summary = std::move(summary),
        .arguments = {{"x", "[..., H, W]"}},
        .settings = {height, width},
        .run =
            [function](const Call& call) { return function(call["x"], call.integer("height"), call.integer("width")); },
        .examples = {{.tensors = {{"x", {2, 3, 5}}}, .settings = {{"height", "2"}, {"width", "3"}}}}};
  };
  return {
      {.name = "interpolate",
       .family = family,
       .header = header,
       .summary = "images at another size",
       .arguments = {{"x", "[..., H, W]"}},
       .settings = {height, width, mode("nearest"), corners},
       .run =
           [mode_of](const Call& call) {
             return interpolate(call["x"], call.integer("height"), call.integer("width"), mode_of(call),
                                call.flag("align_corners"));
           },
       .examples = {{.tensors = {{"x", {2, 2, 3}}}, .settings = {{"height", "3"}, {"width", "2"}}},
                    {.tensors = {{"x", {2, 2, 3}}},
                     .settings = {{"height", "3"}, {"width", "4"}, {"mode", "bicubic"}, {"align_corners", "true"}}}}},
      {.name = "grid_sample",
       .family = family,
       .header = header,
       .summary = "images at given points (column, row) from -1 to 1",
       .arguments = {{"x", "[N, C, H, W]"}, {"grid", "[N, Ho, Wo, 2]"}},
       .settings = {mode("bilinear"),
                    choice("padding", "zeros", "what stands outside of the image", {"zeros", "border", "reflection"}),
                    corners},
       .run =
           [=](const Call& call) {
             return grid_sample(call["x"], call["grid"], mode_of(call), padding_of(call), call.flag("align_corners"));
           },
       .examples = {{.tensors = {{"x", {2, 2, 3, 4}}, {"grid", {2, 1, 3, 2}}}},
                    {.tensors = {{"x", {1, 2, 3, 4}}, {"grid", {1, 2, 2, 2}}},
                     .settings = {{"mode", "bicubic"}, {"padding", "reflection"}}}}},
      pool("adaptive_average_pool2d", "mean of windows that cover the image, to a given size", adaptive_average_pool2d),
      pool("adaptive_max_pool2d", "maximum of windows that cover the image, to a given size", adaptive_max_pool2d)};
}

std::vector<Op> convolutions() {
  const auto options = [](const Call& call) {
    return Conv2dOptions{.stride = call.integer("stride"),
                         .padding = call.integer("padding"),
                         .dilation = call.integer("dilation"),
                         .groups = call.integer("groups")};
  };
  const std::vector<Setting> settings = {
      integer("stride", "1", "step between positions"), integer("padding", "0", "positions added on every side"),
      integer("dilation", "1", "step between taps"), integer("groups", "1", "channel groups")};
  std::vector<Setting> transposed_settings = settings, volume_settings = settings;
  transposed_settings.push_back(integer("output_padding", "0", "positions added to the result, below the stride"));
  volume_settings.push_back(padding_mode_setting());
  const Argument bias = {"bias", "one per output channel", Elements::floating, Presence::optional};
  return {{.name = "conv_transpose2d",
           .family = "convolution",
           .header = "engine/ops/convolution.hpp",
           .summary = "the adjoint of conv2d in its input, as a layer",
           .arguments = {{"x", "[N, K, H, W]"}, {"w", "[K, C / groups, kh, kw]"}, bias},
           .settings = transposed_settings,
           .run =
               [options](const Call& call) {
                 return conv_transpose2d(call["x"], call["w"], call["bias"], options(call),
                                         call.integer("output_padding"));
               },
           .examples = {{.tensors = {{"x", {2, 2, 2, 3}}, {"w", {2, 2, 2, 2}}, {"bias", {2}}}},
                        {.tensors = {{"x", {1, 2, 2, 2}}, {"w", {2, 1, 3, 2}}},
                         .settings = {{"stride", "2"}, {"padding", "1"}, {"groups", "2"}, {"output_padding", "1"}}}}},
          {.name = "conv3d",
           .family = "convolution",
           .header = "engine/ops/convolution3d.hpp",
           .summary = "y[n,k,o] = b[k] + sum_{c,u} xpad[n, c, o stride + u dilation - padding] w[k,c,u] in three axes",
           .arguments = {{"x", "[N, C, D, H, W]"}, {"w", "[K, C / groups, kd, kh, kw]"}, bias},
           .settings = volume_settings,
           .run =
               [options](const Call& call) {
                 Conv2dOptions chosen = options(call);
                 chosen.padding_mode = call.word("padding_mode") == "circular" ? PadMode::circular : PadMode::zero;
                 return conv3d(call["x"], call["w"], call["bias"], chosen);
               },
           .examples = {{.tensors = {{"x", {1, 2, 2, 3, 3}}, {"w", {2, 2, 2, 2, 2}}, {"bias", {2}}}},
                        {.tensors = {{"x", {1, 2, 3, 2, 2}}, {"w", {2, 1, 2, 1, 2}}},
                         .settings = {{"stride", "2"}, {"padding", "1"}, {"groups", "2"}}}}}};
}

const Registration normalisation_ops(normalisations), attention_ops(attentions), resampling_ops(resampling),
    convolution_ops(convolutions);

}  // namespace

}  // namespace orbitgrad::catalogue
