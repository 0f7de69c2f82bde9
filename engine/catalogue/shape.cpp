// Ops that move or pick elements: shapes, slices, joining, padding, indexing, casts.
#include "engine/catalogue/describe.hpp"
#include "engine/ops/cast.hpp"
#include "engine/ops/indexing.hpp"
#include "engine/ops/shape_ops.hpp"
#include "engine/ops/transfer.hpp"

namespace orbitgrad::catalogue {

namespace {

/// An op of one tensor of any dtype, with examples that differ in their settings.
Op of_x(std::string name, std::string shape, std::string summary, std::vector<Setting> settings,
        std::function<Results(const Call&)> run, const Shape& example, const std::vector<Settings>& examples) {
  Op op{.name = std::move(name),
        .family = "shapes",
        .header = "engine/ops/shape_ops.hpp",
        .summary = std::move(summary),
        .arguments = {{"x", std::move(shape), Elements::any}},
        .settings = std::move(settings),
        .run = std::move(run),
        .examples = {}};
  for (const Settings& texts : examples) op.examples.push_back({.tensors = {{"x", example}}, .settings = texts});
  return op;
}

std::optional<std::int64_t> bound(const Call& call, std::string_view setting) {
  return call.has(setting) ? std::optional(call.integer(setting)) : std::nullopt;
}

std::vector<Op> views() {
  return {
      of_x("reshape", "any shape", "the same elements in row-major order under another shape",
           {integers("shape", std::nullopt, "the new shape; one length may be -1")},
           [](const Call& call) { return reshape(call["x"], call.shape("shape")); }, {2, 3, 4}, {{{"shape", "4,-1"}}}),
      of_x("flatten", "any shape", "merges the axes from first to last",
           {integer("first", "0", "first axis to merge"), integer("last", "-1", "last axis to merge")},
           [](const Call& call) { return flatten(call["x"], call.axis("first"), call.axis("last")); }, {2, 3, 4},
           {{{"first", "1"}}}),
      of_x("unsqueeze", "any shape", "adds an axis of length 1", {integer("axis", std::nullopt, "where it is added")},
           [](const Call& call) { return unsqueeze(call["x"], call.axis("axis")); }, {2, 3}, {{{"axis", "1"}}}),
      of_x("squeeze", "length 1 on the axis", "removes an axis of length 1",
           {integer("axis", std::nullopt, "the axis to remove")},
           [](const Call& call) { return squeeze(call["x"], call.axis("axis")); }, {2, 1, 3}, {{{"axis", "1"}}}),
      of_x("permute", "any shape", "axis i of y is axis order[i] of x",
           {integers("order", std::nullopt, "each axis once")},
           [](const Call& call) { return permute(call["x"], call.axes("order")); }, {2, 3, 4}, {{{"order", "2,0,1"}}}),
      of_x("transpose", "two axes or more", "swaps two axes",
           {integer("first", "-2", "an axis"), integer("second", "-1", "the other one")},
           [](const Call& call) { return transpose(call["x"], call.axis("first"), call.axis("second")); }, {2, 3, 4},
           {{}}),
      of_x("broadcast_to", "any shape", "repeats axes of length 1 and adds leading ones",
           {integers("shape", std::nullopt, "the shape to reach")},
           [](const Call& call) { return broadcast_to(call["x"], call.shape("shape")); }, {3, 1},
           {{{"shape", "2,3,4"}}}),
      of_x("slice", "any shape", "x[start:stop:step] of one axis, as in Python",
           {integer("axis", std::nullopt, "the axis"), integer("start", "", "first position"),
            integer("stop", "", "position after the last"), integer("step", "1", "may be negative")},
           [](const Call& call) {
             return slice(call["x"], call.axis("axis"),
                          {.start = bound(call, "start"), .stop = bound(call, "stop"), .step = call.integer("step")});
           },
           {2, 5}, {{{"axis", "1"}, {"start", "-1"}, {"stop", "0"}, {"step", "-2"}}, {{"axis", "1"}, {"step", "2"}}}),
      of_x("narrow", "any shape", "`length` positions of one axis",
           {integer("axis", std::nullopt, "the axis"), integer("start", std::nullopt, "first position"),
            integer("length", std::nullopt, "number of positions")},
           [](const Call& call) {
             return narrow(call["x"], call.axis("axis"), call.integer("start"), call.integer("length"));
           },
           {2, 5}, {{{"axis", "1"}, {"start", "1"}, {"length", "3"}}}),
      of_x("select", "any shape", "one position of an axis, which is gone in the result",
           {integer("axis", std::nullopt, "the axis"), integer("position", std::nullopt, "may count from the end")},
           [](const Call& call) { return select(call["x"], call.axis("axis"), call.integer("position")); }, {2, 3, 4},
           {{{"axis", "1"}, {"position", "-1"}}}),
      of_x("flip", "any shape", "reverses axes", {integers("axes", "", "the axes, all when empty")},
           [](const Call& call) { return flip(call["x"], call.axes("axes")); }, {2, 3, 4}, {{{"axes", "0,2"}}, {}}),
      of_x("embed", "any shape", "zeros of a shape with x at start + i step: the adjoint of slicing",
           {integers("shape", std::nullopt, "shape of y"), integers("start", std::nullopt, "one per axis"),
            integers("step", std::nullopt, "one per axis")},
           [](const Call& call) {
             return embed(call["x"], call.shape("shape"), call.shape("start"), call.shape("step"));
           },
           {2, 3}, {{{"shape", "3,6"}, {"start", "2,1"}, {"step", "-1,2"}}}),
      of_x("pad", "any shape", "pads the last axes, with zeros or circularly",
           {integers("padding", std::nullopt, "before and after, for each of the last axes"), padding_mode_setting()},
           [](const Call& call) {
             const std::vector<std::int64_t> amounts = call.integers("padding");
             require(amounts.size() % 2 == 0, "pad", "the padding has {} numbers. Give two per axis: before and after.",
                     amounts.size());
             std::vector<Padding> padding;
             for (std::size_t i = 0; i < amounts.size(); i += 2) padding.push_back({amounts[i], amounts[i + 1]});
             return pad(call["x"], padding,
                        call.word("padding_mode") == "circular" ? PadMode::circular : PadMode::zero);
           },
           {2, 3}, {{{"padding", "1,0,2,1"}}, {{"padding", "4,1"}, {"padding_mode", "circular"}}})};
}

/// Ops of one tensor that stand in other headers.
std::vector<Op> copies() {
  Op contiguous_op = of_x("contiguous", "any shape", "the same values in dense row-major memory", {},
                          [](const Call& call) { return contiguous(call["x"]); }, {2, 3}, {{}});
  Op cast_op =
      of_x("cast", "any shape", "the same values in another element type; differentiable between floating types",
           {dtype_setting("float32")}, [](const Call& call) { return cast(call["x"], call.dtype("dtype")); }, {2, 3},
           {{{"dtype", "float64"}}});
  Op to_device_op = of_x("to_device", "any shape", "the same values in the memory of a device",
                         {choice("device", std::nullopt, "the device", {"cpu", "cuda", "sim"})},
                         [](const Call& call) { return to_device(call["x"], parse_device(call.word("device"))); },
                         {2, 3}, {{{"device", "cpu"}}});
  contiguous_op.header = cast_op.header = "engine/ops/cast.hpp";
  to_device_op.header = "engine/ops/transfer.hpp";
  return {std::move(contiguous_op), std::move(cast_op), std::move(to_device_op)};
}

std::vector<Op> joining() {
  const auto join = [](std::string name, std::string summary, Tensor (*function)(std::span<const Tensor>, int)) {
    return Op{.name = std::move(name),
              .family = "shapes",
              .header = "engine/ops/shape_ops.hpp",
              .summary = std::move(summary),
              .arguments = {{"x", "alike except on the axis", Elements::any, Presence::several}},
              .settings = {integer("axis", std::nullopt, "the axis of the result along which they lie")},
              .run = [function](const Call& call) { return function(call.list("x"), call.axis("axis")); },
              .examples = {{.tensors = {{"x0", {2, 3}}, {"x1", {2, 3}}}, .settings = {{"axis", "1"}}}}};
  };
  Op sum_to_op =
      of_x("sum_to", "any shape", "sums over what broadcast_to repeated: its adjoint",
           {integers("shape", std::nullopt, "the shape before broadcasting")},
           [](const Call& call) { return sum_to(call["x"], call.shape("shape")); }, {2, 3, 4}, {{{"shape", "3,1"}}});
  return {join("concat", "joins tensors along an axis", concat), join("stack", "joins tensors along a new axis", stack),
          std::move(sum_to_op)};
}

std::vector<Op> indexing() {
  const Setting axis = integer("axis", std::nullopt, "the axis that is indexed");
  const std::string family = "indexing", header = "engine/ops/indexing.hpp";
  return {{.name = "index_select",
           .family = family,
           .header = header,
           .summary = "y[.., j, ..] = x[.., index[j], ..]",
           .arguments = {{"x", "any shape", Elements::any}, {"index", "[J]", Elements::index}},
           .settings = {axis},
           .run = [](const Call& call) { return index_select(call["x"], call.axis("axis"), call["index"]); },
           .examples = {{.tensors = {{"x", {2, 3, 2}}, {"index", {4}, index_values<3>}}, .settings = {{"axis", "1"}}}}},
          {.name = "gather",
           .family = family,
           .header = header,
           .summary = "y[.., j, ..] = x[.., index[.., j, ..], ..]",
           .arguments = {{"x", "any shape", Elements::any}, {"index", "x's shape except on the axis", Elements::index}},
           .settings = {axis},
           .run = [](const Call& call) { return gather(call["x"], call.axis("axis"), call["index"]); },
           .examples = {{.tensors = {{"x", {2, 3, 3}}, {"index", {2, 3, 2}, index_values<3>}},
                         .settings = {{"axis", "2"}}}}},
          {.name = "scatter_add",
           .family = family,
           .header = header,
           .summary = "zeros to which x[.., j, ..] is added at index[.., j, ..]: the adjoint of gather",
           .arguments = {{"x", "any shape"}, {"index", "x's shape", Elements::index}},
           .settings = {axis, integer("length", std::nullopt, "of the axis in the result")},
           .run =
               [](const Call& call) {
                 return scatter_add(call["x"], call.axis("axis"), call["index"], call.integer("length"));
               },
           .examples = {{.tensors = {{"x", {2, 3, 2}}, {"index", {2, 3, 2}, index_values<4>}},
                         .settings = {{"axis", "2"}, {"length", "4"}}}}},
          {.name = "one_hot",
           .family = family,
           .header = header,
           .summary = "1 at each position of the index, else 0, on a new last axis",
           .arguments = {{"index", "any shape", Elements::index}},
           .settings = {integer("classes", std::nullopt, "length of the new axis"), dtype_setting("float32")},
           .derivatives = Derivatives::none,
           .run = [](const Call& call) { return one_hot(call["index"], call.integer("classes"), call.dtype("dtype")); },
           .examples = {{.tensors = {{"index", {2, 3}, index_values<4>}}, .settings = {{"classes", "4"}}}}}};
}

const Registration view_ops(views), copy_ops(copies), joining_ops(joining), indexing_ops(indexing);

}  // namespace

}  // namespace orbitgrad::catalogue
