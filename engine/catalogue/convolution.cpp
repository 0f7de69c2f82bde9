// Plain, lifting and group convolution, matrix product.
#include "engine/ops/convolution.hpp"
#include "engine/catalogue/describe.hpp"
#include "engine/ops/affine.hpp"
#include "engine/ops/group_convolution.hpp"
#include "engine/ops/matmul.hpp"

namespace orbitgrad::catalogue {

namespace {

PadMode padding_mode(const Call& call) {
  return call.word("padding_mode") == "circular" ? PadMode::circular : PadMode::zero;
}

std::vector<Setting> convolution_settings() {
  return {integer("stride", "1", "step between outputs"), integer("padding", "0", "positions added on every side"),
          integer("dilation", "1", "distance of the kernel's taps"),
          integer("groups", "1", "channel groups that see only each other"), padding_mode_setting()};
}

Op conv2d_op() {
  return {
      .name = "conv2d",
      .family = "convolution",
      .header = "engine/ops/convolution.hpp",
      .summary = "y[n,k,o] = b[k] + sum_{c,u} x[n, c, o stride + u dilation - padding] w[k, c, u]",
      .arguments = {{"x", "[N, C, H, W]"},
                    {"w", "[K, C / groups, kh, kw]"},
                    {"b", "[K]", Elements::floating, Presence::optional}},
      .settings = convolution_settings(),
      .run =
          [](const Call& call) {
            return conv2d(call["x"], call["w"], call["b"],
                          {.stride = call.integer("stride"),
                           .padding = call.integer("padding"),
                           .dilation = call.integer("dilation"),
                           .groups = call.integer("groups"),
                           .padding_mode = padding_mode(call)});
          },
      .examples = {
          {.tensors = {{"x", {2, 2, 4, 5}}, {"w", {3, 2, 3, 2}}, {"b", {3}}}, .settings = {{"padding", "1"}}},
          {.tensors = {{"x", {1, 2, 5, 5}}, {"w", {2, 1, 2, 2}}},
           .settings = {
               {"stride", "2"}, {"dilation", "2"}, {"groups", "2"}, {"padding", "1"}, {"padding_mode", "circular"}}}}};
}

GroupConv2dOptions group_options(const Call& call) {
  return {.stride = call.integer("stride"),
          .padding = call.integer("padding"),
          .dilation = call.integer("dilation"),
          .groups = call.integer("groups"),
          .padding_mode = padding_mode(call),
          .allow_broken_symmetry = call.flag("allow_broken_symmetry"),
          .implementation = call.word("implementation"),
          .relu = call.flag("relu")};
}

std::vector<Setting> group_settings() {
  std::vector<Setting> settings = convolution_settings();
  settings.insert(settings.begin(), group_setting());
  settings.push_back(flag("allow_broken_symmetry", "false", "accept a stride that does not meet both borders"));
  settings.push_back(choice("implementation", "", "forced algorithm, the best when empty", {}));
  settings.push_back(flag("relu", "false", "the result is relu(y), in the same pass"));
  return settings;
}

Op lift_op() {
  return {.name = "lift_conv2d",
          .family = "convolution",
          .header = "engine/ops/group_convolution.hpp",
          .summary = "y[n,k,s,o] = b[k] + sum_{c,u} x[n, c, o stride + u dilation - padding] w[k, c, h_s^-1 u]",
          .arguments = {{"x", "[N, C, H, W]"},
                        {"w", "[K, C / groups, k, k]"},
                        {"b", "[K]", Elements::floating, Presence::optional}},
          .settings = group_settings(),
          .run =
              [](const Call& call) {
                return lift_conv2d(call["x"], call["w"], call["b"], call.group(), group_options(call));
              },
          .examples = {
              {.tensors = {{"x", {1, 2, 4, 4}}, {"w", {2, 2, 3, 3}}, {"b", {2}}},
               .settings = {{"group", "p4"}, {"padding", "1"}, {"relu", "true"}}},
              {.tensors = {{"x", {2, 2, 5, 5}}, {"w", {2, 1, 3, 3}}},
               .settings = {{"group", "p4m"}, {"stride", "2"}, {"groups", "2"}}},
              {.tensors = {{"x", {1, 1, 5, 5}}, {"w", {1, 1, 3, 3}}, {"b", {1}}}, .settings = {{"group", "p6m"}}}}};
}

Op group_op() {
  return {
      .name = "group_conv2d",
      .family = "convolution",
      .header = "engine/ops/group_convolution.hpp",
      .summary =
          "y[n,k,s,o] = b[k] + sum_{c,t,u} x[n, c, t, o stride + u dilation - padding] w[k, c, h_s^-1 h_t, h_s^-1 u]",
      .arguments = {{"x", "[N, C, |G|, H, W]"},
                    {"w", "[K, C / groups, |G|, k, k]"},
                    {"b", "[K]", Elements::floating, Presence::optional}},
      .settings = group_settings(),
      .run =
          [](const Call& call) {
            return group_conv2d(call["x"], call["w"], call["b"], call.group(), group_options(call));
          },
      .examples = {{.tensors = {{"x", {1, 2, 4, 3, 3}}, {"w", {2, 2, 4, 3, 3}}, {"b", {2}}},
                    .settings = {{"group", "p4"}, {"padding", "1"}}},
                   {.tensors = {{"x", {1, 1, 8, 3, 3}}, {"w", {1, 1, 8, 2, 2}}, {"b", {1}}},
                    .settings = {{"group", "p4m"}, {"relu", "true"}}},
                   {.tensors = {{"x", {2, 2, 2, 3, 4}}, {"w", {2, 1, 2, 3, 3}}},
                    .settings = {{"group", "pm"}, {"groups", "2"}, {"padding", "1"}, {"padding_mode", "circular"}}},
                   {.tensors = {{"x", {1, 1, 6, 3, 3}}, {"w", {1, 1, 6, 3, 3}}},
                    .settings = {{"group", "p6"}, {"padding", "1"}}}}};
}

Op filter_bank_op(std::string name, std::string shape, std::string summary,
                  Tensor (*function)(const Tensor&, const groups::LatticeGroup&), const Shape& example) {
  return {.name = std::move(name),
          .family = "convolution",
          .header = "engine/ops/group_convolution.hpp",
          .summary = std::move(summary),
          .arguments = {{"w", std::move(shape), Elements::any}},
          .settings = {group_setting()},
          .run = [function](const Call& call) { return function(call["w"], call.group()); },
          .examples = {{.tensors = {{"w", example}}, .settings = {{"group", "p4"}}}}};
}

std::vector<Op> filter_banks() {
  return {filter_bank_op("lift_filter_bank", "[K, C, k, k]",
                         "filters [K S, C, k, k] of the plain convolution equal to lift_conv2d", lift_filter_bank,
                         {2, 1, 3, 3}),
          filter_bank_op("group_filter_bank", "[K, C, |G|, k, k]",
                         "filters [K S, C S, k, k] of the plain convolution equal to group_conv2d", group_filter_bank,
                         {1, 2, 4, 2, 2})};
}

Op matmul_op() {
  return {.name = "matmul",
          .family = "linear algebra",
          .header = "engine/ops/matmul.hpp",
          .summary = "matrix product; a vector on the left is a row, on the right a column",
          .arguments = {{"a", "[..., m, k]"}, {"b", "[..., k, n], leading axes broadcast"}},
          .run = [](const Call& call) { return matmul(call["a"], call["b"]); },
          .examples = {{.tensors = {{"a", {2, 3}}, {"b", {3, 4}}}},
                       {.tensors = {{"a", {2, 1, 2, 3}}, {"b", {3, 3, 2}}}},
                       {.tensors = {{"a", {3}}, {"b", {3, 2}}}},
                       {.tensors = {{"a", {2, 2, 3}}, {"b", {3}}}},
                       {.tensors = {{"a", {3}}, {"b", {3}}}}}};
}

Op affine_op() {
  return {.name = "affine",
          .family = "linear algebra",
          .header = "engine/ops/affine.hpp",
          .summary = "activation(x w^T + bias): a dense layer",
          .arguments = {{"x", "[..., in]"}, {"w", "[out, in]"}, {"b", "[out]", Elements::floating, Presence::optional}},
          .settings = {choice("activation", "none", "what follows; gelu is x Phi(x)", {"none", "relu", "gelu"})},
          .run =
              [](const Call& call) {
                const std::string_view word = call.word("activation");
                const Activation activation = word == "relu"   ? Activation::relu
                                              : word == "gelu" ? Activation::gelu
                                                               : Activation::none;
                return affine(call["x"], call["w"], call["b"], activation);
              },
          .examples = {{.tensors = {{"x", {2, 3}}, {"w", {4, 3}}, {"b", {4}}}},
                       {.tensors = {{"x", {2, 2, 3}}, {"w", {4, 3}}}, .settings = {{"activation", "relu"}}},
                       {.tensors = {{"x", {3}}, {"w", {2, 3}}, {"b", {2}}}, .settings = {{"activation", "gelu"}}}}};
}

const Registration convolution_ops([] {
  return std::vector<Op>{conv2d_op(), lift_op(), group_op(), matmul_op(), affine_op()};
});
const Registration filter_bank_ops(filter_banks);

}  // namespace

}  // namespace orbitgrad::catalogue
