// Products, norms, scans, einsum, triangles, and orders.
#include "engine/catalogue/describe.hpp"
#include "engine/ops/einsum.hpp"
#include "engine/ops/sorting.hpp"
#include "engine/ops/statistics.hpp"
#include "engine/ops/triangular.hpp"

namespace orbitgrad::catalogue {

namespace {

Op over_axes(std::string name, std::string summary, Elements elements,
             Tensor (*function)(const Tensor&, const Axes&, bool)) {
  return {
      .name = std::move(name),
      .family = "reductions",
      .header = "engine/ops/statistics.hpp",
      .summary = std::move(summary),
      .arguments = {{"x", "any shape", elements}},
      .settings = {integers("axes", "", "what is reduced, everything when empty"),
                   flag("keep_dims", "false", "leave the reduced axes with length 1")},
      .run = [function](const Call& call) { return function(call["x"], call.axes("axes"), call.flag("keep_dims")); },
      .examples = {{.tensors = {{"x", {2, 3, 2}}}, .settings = {{"axes", "0,2"}}}, {.tensors = {{"x", {2, 3}}}}}};
}

std::vector<Op> statistics() {
  Op deviation = over_axes("standard_deviation", "square root of the variance", Elements::floating, nullptr);
  deviation.settings.push_back(integer("correction", "0", "1 for the unbiased estimate"));
  deviation.run = [](const Call& call) {
    return standard_deviation(call["x"], call.axes("axes"), call.flag("keep_dims"), call.small_integer("correction"));
  };
  Op norm_op = over_axes("norm", "(sum |x|^p)^(1/p)", Elements::floating, nullptr);
  norm_op.settings.push_back(number("p", "2", "at least 0; inf for the largest |x|, 0 for the count of others than 0"));
  norm_op.run = [](const Call& call) {
    return norm(call["x"], call.number("p"), call.axes("axes"), call.flag("keep_dims"));
  };
  norm_op.examples.push_back({.tensors = {{"x", {2, 3}}}, .settings = {{"axes", "1"}, {"p", "3"}}});
  return {over_axes("prod", "product; derivatives hold at zeros", Elements::number, prod),
          over_axes("logsumexp", "log of the sum of e^x, without overflow", Elements::floating, logsumexp),
          std::move(deviation),
          std::move(norm_op),
          {.name = "cumsum",
           .family = "reductions",
           .header = "engine/ops/statistics.hpp",
           .summary = "y[s] = x[0] + ... + x[s] along an axis; int32 and bool as int64",
           .arguments = {{"x", "any shape", Elements::any}},
           .settings = {integer("axis", std::nullopt, "the axis")},
           .run = [](const Call& call) { return cumsum(call["x"], call.axis("axis")); },
           .examples = {{.tensors = {{"x", {2, 3, 2}}}, .settings = {{"axis", "1"}}}}}};
}

std::vector<Op> products() {
  const std::string family = "products", header = "engine/ops/einsum.hpp";
  Op outer_op = binary("outer", family, header, "a_i b_j of the flattened tensors", outer);
  outer_op.arguments[0].elements = outer_op.arguments[1].elements = Elements::number;
  outer_op.arguments[1].shape = "any shape";
  return {{.name = "einsum",
           .family = family,
           .header = header,
           .summary = "sum over repeated letters of the product of the operands, as NumPy's",
           .arguments = {{"x", "one axis per letter of its term", Elements::number, Presence::several}},
           .settings = {{"equation", SettingType::word, std::nullopt, "for example bij,bjk->bik"}},
           .run = [](const Call& call) { return einsum(call.word("equation"), call.list("x")); },
           .examples = {{.tensors = {{"x0", {2, 3}}, {"x1", {3, 4}}}, .settings = {{"equation", "ij,jk->ki"}}},
                        {.tensors = {{"x0", {2, 2, 3}}, {"x1", {2, 3}}, {"x2", {2}}},
                         .settings = {{"equation", "...ij,ij,i"}}}}},
          std::move(outer_op),
          {.name = "cross",
           .family = family,
           .header = header,
           .summary = "cross product along an axis of length 3; the others broadcast",
           .arguments = {{"a", "length 3 on the axis", Elements::number}, {"b", "broadcasts with a", Elements::number}},
           .settings = {integer("axis", "-1", "the axis")},
           .run = [](const Call& call) { return cross(call["a"], call["b"], call.axis("axis")); },
           .examples = {{.tensors = {{"a", {2, 3}}, {"b", {1, 3}}}}}}};
}

Op of_matrix(std::string name, std::string summary, Elements elements,
             Tensor (*function)(const Tensor&, std::int64_t)) {
  return {.name = std::move(name),
          .family = "matrices",
          .header = "engine/ops/triangular.hpp",
          .summary = std::move(summary),
          .arguments = {{"x", "[..., rows, columns]", elements}},
          .settings = {integer("offset", "0", "of the diagonal; positive ones lie above the main one")},
          .run = [function](const Call& call) { return function(call["x"], call.integer("offset")); },
          .examples = {{.tensors = {{"x", {2, 3, 3}}}}, {.tensors = {{"x", {3, 2}}}, .settings = {{"offset", "-1"}}}}};
}

std::vector<Op> triangles() {
  Op trace_op = unary("trace", "matrices", "engine/ops/triangular.hpp", "sum of the main diagonal", trace,
                      smooth_values, Elements::number);
  trace_op.arguments[0].shape = "[..., rows, columns]";
  return {
      of_matrix("tril", "what lies on and below a diagonal, else 0", Elements::any, tril),
      of_matrix("triu", "what lies on and above a diagonal, else 0", Elements::any, triu),
      of_matrix("diagonal", "a diagonal, [..., length]", Elements::any, diagonal),
      {.name = "embed_diagonal",
       .family = "matrices",
       .header = "engine/ops/triangular.hpp",
       .summary = "zeros with x on a diagonal: the adjoint of diagonal",
       .arguments = {{"x", "[..., length]", Elements::any}},
       .settings = {integer("rows", std::nullopt, "of the matrix"), integer("columns", std::nullopt, "of the matrix"),
                    integer("offset", "0", "of the diagonal; positive ones lie above the main one")},
       .run =
           [](const Call& call) {
             return embed_diagonal(call["x"], call.integer("rows"), call.integer("columns"), call.integer("offset"));
           },
       .examples = {{.tensors = {{"x", {2, 2}}}, .settings = {{"rows", "3"}, {"columns", "2"}, {"offset", "-1"}}}}},
      std::move(trace_op)};
}

std::vector<Op> orders() {
  const std::string family = "order", header = "engine/ops/sorting.hpp";
  const Setting axis = integer("axis", "-1", "the axis");
  const Setting descending = flag("descending", "false", "largest first");
  const auto both = [](const Sorted& sorted) { return std::vector<Tensor>{sorted.values, sorted.positions}; };
  const std::vector<Example> rows = {{.tensors = {{"x", {2, 3}}}},
                                     {.tensors = {{"x", {3, 2}}}, .settings = {{"axis", "0"}}}};
  return {
      {.name = "sort",
       .family = family,
       .header = header,
       .summary = "elements in order along an axis, stable, NaN greatest; and where they were",
       .arguments = {{"x", "any shape", Elements::any}},
       .settings = {axis, descending},
       .results = {"values", "positions"},
       .run = [both](const Call& call) { return both(sort(call["x"], call.axis("axis"), call.flag("descending"))); },
       .examples = rows},
      {.name = "argsort",
       .family = family,
       .header = header,
       .summary = "positions of the elements in order along an axis, stable, NaN greatest; int64",
       .arguments = {{"x", "any shape", Elements::any}},
       .settings = {axis, descending},
       .derivatives = Derivatives::none,
       .run = [](const Call& call) { return argsort(call["x"], call.axis("axis"), call.flag("descending")); },
       .examples = rows},
      {.name = "topk",
       .family = family,
       .header = header,
       .summary = "the k largest (or smallest) along an axis, the most extreme first; and where they were",
       .arguments = {{"x", "any shape", Elements::any}},
       .settings = {integer("k", std::nullopt, "how many"), axis, flag("largest", "true", "false: the smallest")},
       .results = {"values", "positions"},
       .run =
           [both](const Call& call) {
             return both(topk(call["x"], call.integer("k"), call.axis("axis"), call.flag("largest")));
           },
       .examples = {{.tensors = {{"x", {2, 4}}}, .settings = {{"k", "2"}}}}},
      {.name = "unique",
       .family = family,
       .header = header,
       .summary = "the different values, ascending; which of them each element is; and their counts",
       .arguments = {{"x", "any shape", Elements::any}},
       .results = {"values", "inverse", "counts"},
       .derivatives = Derivatives::none,
       .run =
           [](const Call& call) {
             Unique found = unique(call["x"]);
             return std::vector<Tensor>{found.values, found.inverse, found.counts};
           },
       .examples = {{.tensors = {{"x", {2, 3}}}}}},
      {.name = "searchsorted",
       .family = family,
       .header = header,
       .summary = "how many elements of an ascending row are below each value; int64",
       .arguments = {{"sorted", "[n], or [..., n] with the leading axes of the values", Elements::number},
                     {"values", "[..., m]", Elements::number}},
       .settings = {flag("after_equals", "false", "count those equal to the value, too")},
       .derivatives = Derivatives::none,
       .run = [](const Call& call) { return searchsorted(call["sorted"], call["values"], call.flag("after_equals")); },
       .examples = {{.tensors = {{"sorted", {3}}, {"values", {2, 2}}}}}}};
}

const Registration statistics_ops(statistics), product_ops(products), triangle_ops(triangles), order_ops(orders);

}  // namespace

}  // namespace orbitgrad::catalogue
