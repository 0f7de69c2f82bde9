// Reductions, softmax, batch normalisation and pooling.
#include "engine/ops/reduction.hpp"
#include "engine/catalogue/describe.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/normalization.hpp"
#include "engine/ops/pooling.hpp"

namespace orbitgrad::catalogue {

namespace {

std::vector<Setting> reduction_settings() {
  return {integers("axes", "", "what is reduced, everything when empty"),
          flag("keep_dims", "false", "leave the reduced axes with length 1")};
}

Op over_axes(std::string name, std::string summary, Elements elements,
             Tensor (*function)(const Tensor&, const Axes&, bool)) {
  return {
      .name = std::move(name),
      .family = "reductions",
      .header = "engine/ops/reduction.hpp",
      .summary = std::move(summary),
      .arguments = {{"x", "any shape", elements}},
      .settings = reduction_settings(),
      .run = [function](const Call& call) { return function(call["x"], call.axes("axes"), call.flag("keep_dims")); },
      .examples = {{.tensors = {{"x", {2, 3, 2}}}, .settings = {{"axes", "0,2"}}},
                   {.tensors = {{"x", {2, 3}}}},
                   {.tensors = {{"x", {2, 3}}}, .settings = {{"axes", "-1"}, {"keep_dims", "true"}}}}};
}

Op position(std::string name, std::string summary, Tensor (*function)(const Tensor&, int, bool)) {
  return {
      .name = std::move(name),
      .family = "reductions",
      .header = "engine/ops/reduction.hpp",
      .summary = std::move(summary),
      .arguments = {{"x", "any shape", Elements::number}},
      .settings = {integer("axis", std::nullopt, "the axis"), flag("keep_dims", "false", "leave it with length 1")},
      .derivatives = Derivatives::none,
      .run = [function](const Call& call) { return function(call["x"], call.axis("axis"), call.flag("keep_dims")); },
      .examples = {{.tensors = {{"x", {2, 3}}}, .settings = {{"axis", "1"}}}}};
}

Op of_all(std::string name, std::string summary, bool (*function)(const Tensor&)) {
  Op op = unary(std::move(name), "reductions", "engine/ops/reduction.hpp", std::move(summary), nullptr, boolean_values,
                Elements::boolean, Derivatives::none);
  op.run = [function](const Call& call) { return full({}, function(call["x"]) ? 1 : 0, DType::boolean); };
  return op;
}

std::vector<Op> reductions() {
  Op variance_op = over_axes("variance", "mean square distance from the mean, over (count - correction)",
                             Elements::floating, nullptr);
  variance_op.settings.push_back(integer("correction", "0", "1 for the unbiased estimate"));
  variance_op.run = [](const Call& call) {
    return variance(call["x"], call.axes("axes"), call.flag("keep_dims"), call.small_integer("correction"));
  };
  return {over_axes("sum", "sum; of bool the int64 count of true", Elements::any, sum),
          over_axes("mean", "mean", Elements::floating, mean),
          over_axes("max", "largest element; NaN wins, equal ones share the gradient", Elements::number, max),
          over_axes("min", "smallest element; NaN wins, equal ones share the gradient", Elements::number, min),
          std::move(variance_op),
          position("argmax", "position of the first largest element, int64", argmax),
          position("argmin", "position of the first smallest element, int64", argmin),
          of_all("all", "whether all elements are true", all),
          of_all("any", "whether an element is true", any)};
}

Op along_axis(std::string name, std::string summary, Tensor (*function)(const Tensor&, int)) {
  return {.name = std::move(name),
          .family = "normalisation",
          .header = "engine/ops/normalization.hpp",
          .summary = std::move(summary),
          .arguments = {{"x", "any shape"}},
          .settings = {integer("axis", "-1", "the axis")},
          .run = [function](const Call& call) { return function(call["x"], call.axis("axis")); },
          .examples = {{.tensors = {{"x", {2, 3}}}}, {.tensors = {{"x", {2, 3, 2}}}, .settings = {{"axis", "1"}}}}};
}

std::vector<Op> normalisation() {
  const std::vector<Argument> scaled = {{"x", "[N, C, ...]"}, {"gamma", "[C]"}, {"beta", "[C]"}};
  std::vector<Argument> with_statistics = scaled;
  with_statistics.push_back({"mean", "[C]", Elements::floating, Presence::required, false});
  with_statistics.push_back({"variance", "[C]", Elements::floating, Presence::required, false});
  const Setting epsilon = number("epsilon", "1e-5", "added to the variance");
  return {
      along_axis("softmax", "e^x / sum e^x along an axis, without overflow", softmax),
      along_axis("log_softmax", "log of the softmax, without overflow", log_softmax),
      {.name = "batch_norm_training",
       .family = "normalisation",
       .header = "engine/ops/normalization.hpp",
       .summary = "gamma (x - mean) / sqrt(variance + epsilon) + beta with the statistics of the batch",
       .arguments = scaled,
       .settings = {epsilon},
       .results = {"y", "mean", "variance"},
       .run =
           [](const Call& call) {
             BatchNormResult result =
                 batch_norm_training(call["x"], call["gamma"], call["beta"], call.number("epsilon"));
             return std::vector<Tensor>{result.y, result.mean, result.variance};
           },
       .examples = {{.tensors = {{"x", {3, 2, 2, 2}}, {"gamma", {2}}, {"beta", {2}}}},
                    {.tensors = {{"x", {4, 3}}, {"gamma", {3}}, {"beta", {3}}}, .settings = {{"epsilon", "0.1"}}}}},
      {.name = "batch_norm_inference",
       .family = "normalisation",
       .header = "engine/ops/normalization.hpp",
       .summary = "gamma (x - mean) / sqrt(variance + epsilon) + beta with given statistics",
       .arguments = with_statistics,
       .settings = {epsilon},
       .run =
           [](const Call& call) {
             return batch_norm_inference(call["x"], call["gamma"], call["beta"], call["mean"], call["variance"],
                                         call.number("epsilon"));
           },
       .examples = {
           {.tensors = {
                {"x", {2, 3, 2}}, {"gamma", {3}}, {"beta", {3}}, {"mean", {3}}, {"variance", {3}, positive_values}}}}}};
}

std::vector<Op> pooling() {
  const auto window = [](std::string name, std::string summary,
                         Tensor (*function)(const Tensor&, const Pool2dOptions&)) {
    return Op{.name = std::move(name),
              .family = "pooling",
              .header = "engine/ops/pooling.hpp",
              .summary = std::move(summary),
              .arguments = {{"x", "[..., H, W] of rank 3 or more"}},
              .settings = {integer("kernel", "2", "side of the window"),
                           integer("stride", "0", "step between windows; 0: the kernel"),
                           integer("padding", "0", "positions added on every side")},
              .run =
                  [function](const Call& call) {
                    return function(call["x"], {.kernel = call.integer("kernel"),
                                                .stride = call.integer("stride"),
                                                .padding = call.integer("padding")});
                  },
              .examples = {
                  {.tensors = {{"x", {2, 2, 4, 4}}}},
                  {.tensors = {{"x", {2, 5, 4}}}, .settings = {{"kernel", "3"}, {"stride", "1"}, {"padding", "1"}}}}};
  };
  const auto over_group = [](std::string name, std::string summary, Tensor (*function)(const Tensor&)) {
    Op op = unary(std::move(name), "pooling", "engine/ops/pooling.hpp", std::move(summary), function);
    op.arguments = {{"x", "[N, C, S, H, W]"}};
    op.examples = {{.tensors = {{"x", {2, 2, 4, 2, 2}}}}};
    return op;
  };
  return {
      window("max_pool2d", "maximum of each window of the last two axes", max_pool2d),
      window("average_pool2d", "mean of each window of the last two axes, padding counted as zeros", average_pool2d),
      over_group("group_max_pool", "maximum over the group axis", group_max_pool),
      over_group("group_mean_pool", "mean over the group axis", group_mean_pool)};
}

const Registration reduction_ops(reductions), normalisation_ops(normalisation), pooling_ops(pooling);

}  // namespace

}  // namespace orbitgrad::catalogue
