// NumPy's indexing, rows by index, sums by index and sparse products.
#include <charconv>

#include "engine/catalogue/describe.hpp"
#include "engine/error.hpp"
#include "engine/ops/index.hpp"
#include "engine/ops/segments.hpp"
#include "engine/ops/shape_ops.hpp"
#include "engine/ops/sparse.hpp"
#include "groups/printable.hpp"

namespace orbitgrad::catalogue {

namespace {

std::int64_t whole(std::string_view op, std::string_view text, std::string_view entry) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  require(error == std::errc() && end == text.data() + text.size(), op,
          "'{}' is no index. Write a number, start:stop:step, ..., None, i or j.", printable(entry));
  return value;
}

/// What stands between NumPy's brackets; i and j are the arguments of that name, and each that is given stands there.
std::vector<Index> brackets(std::string_view op, const Call& call) {
  std::vector<Index> result;
  std::string text = call.word("at");
  std::erase(text, ' ');
  std::string named;
  for (std::size_t begin = 0; begin <= text.size() && !text.empty();) {
    const std::size_t comma = std::min(text.find(',', begin), text.size());
    const std::string_view entry = std::string_view(text).substr(begin, comma - begin);
    begin = comma + 1;
    if (entry == "...") {
      result.emplace_back(ellipsis);
    } else if (entry == "None") {
      result.emplace_back(new_axis);
    } else if (entry == "i" || entry == "j") {
      named += entry;
      result.emplace_back(call[entry]);
    } else if (entry.find(':') == std::string_view::npos) {
      result.emplace_back(whole(op, entry, entry));
    } else {
      std::optional<std::int64_t> parts[3];
      std::size_t part = 0;
      for (std::size_t from = 0; from <= entry.size(); ++part) {
        const std::size_t colon = std::min(entry.find(':', from), entry.size());
        require(part < 3, op, "'{}' has more than start:stop:step. Drop the rest.", printable(entry));
        if (colon > from) parts[part] = whole(op, entry.substr(from, colon - from), entry);
        from = colon + 1;
      }
      result.emplace_back(Range{.start = parts[0], .stop = parts[1], .step = parts[2].value_or(1)});
    }
  }
  for (const std::string_view name : {"i", "j"})
    require(named.find(name) != std::string::npos || !call[name].defined(), op,
            "{} is given, but '{}' does not name it. Write it into the brackets, or leave it out.", name,
            printable(call.word("at")));
  return result;
}

std::vector<Op> indexing() {
  const std::string family = "indexing", header = "engine/ops/index.hpp";
  const Setting at = {"at", SettingType::word, std::nullopt,
                      "what stands in the brackets, for example 0, ::-1, ..., i"};
  const Argument i = {"i", "any shape", Elements::index, Presence::optional},
                 j = {"j", "broadcasts with i", Elements::index, Presence::optional};
  return {{.name = "index",
           .family = family,
           .header = header,
           .summary = "x[...] as NumPy's: integers, slices, an ellipsis, new axes, integer tensors",
           .arguments = {{"x", "any shape", Elements::any}, i, j},
           .settings = {at},
           .run = [](const Call& call) { return index(call["x"], brackets("index", call)); },
           .examples = {{.tensors = {{"x", {3, 2, 4}}, {"i", {2}, index_values<3>}},
                         .settings = {{"at", "i, None, ::-1, ..., 1:"}}},
                        {.tensors = {{"x", {3, 2, 3}}, {"i", {2, 1}, index_values<3>}, {"j", {2}, index_values<3>}},
                         .settings = {{"at", "i, :, j"}}}}},
          {.name = "nonzero",
           .family = family,
           .header = header,
           .summary = "positions of the true elements in row-major order, [rank, count]",
           .arguments = {{"mask", "one axis or more", Elements::boolean}},
           .derivatives = Derivatives::none,
           .run = [](const Call& call) { return stack(nonzero(call["mask"]), 0); },
           .examples = {{.tensors = {{"mask", {2, 3}, boolean_values}}}}},
          {.name = "index_put",
           .family = family,
           .header = header,
           .summary = "what x is after x[...] = values",
           .arguments =
               {{"x", "any shape", Elements::any}, {"values", "broadcasts to the indexed part", Elements::any}, i, j},
           .settings = {at, flag("accumulate", "false", "add the values to x instead; floating ones")},
           .run =
               [](const Call& call) {
                 return index_put(call["x"], brackets("index_put", call), call["values"], call.flag("accumulate"));
               },
           .examples = {
               {.tensors = {{"x", {2, 3}}, {"values", {4}}, {"i", {4}, index_values<3>}}, .settings = {{"at", ":, i"}}},
               {.tensors = {{"x", {2, 3}}, {"values", {2, 4}}, {"i", {4}, index_values<3>}},
                .settings = {{"at", ":, i"}, {"accumulate", "true"}}}}}};
}

Op of_segments(std::string name, std::string summary,
               Tensor (*function)(const Tensor&, const Tensor&, std::int64_t, int)) {
  return {.name = std::move(name),
          .family = "graphs",
          .header = "engine/ops/segments.hpp",
          .summary = std::move(summary),
          .arguments = {{"x", "any shape"}, {"index", "[length of the axis]", Elements::index}},
          .settings = {integer("segments", std::nullopt, "how many"), integer("axis", "0", "the axis")},
          .run =
              [function](const Call& call) {
                return function(call["x"], call["index"], call.integer("segments"), call.axis("axis"));
              },
          .examples = {{.tensors = {{"x", {5, 2}}, {"index", {5}, index_values<3>}}, .settings = {{"segments", "4"}}}}};
}

std::vector<Op> graphs() {
  const std::string family = "graphs", header = "engine/ops/segments.hpp";
  return {{.name = "take",
           .family = family,
           .header = header,
           .summary = "y[.., j.., ..] = x[.., index[j..], ..]",
           .arguments = {{"x", "any shape", Elements::any}, {"index", "any shape", Elements::index}},
           .settings = {integer("axis", "0", "the axis that is replaced by those of the index")},
           .run = [](const Call& call) { return take(call["x"], call["index"], call.axis("axis")); },
           .examples = {{.tensors = {{"x", {2, 3}}, {"index", {2, 2}, index_values<3>}}, .settings = {{"axis", "1"}}}}},
          {.name = "embedding",
           .family = family,
           .header = header,
           .summary = "rows of a table by number, [..., D]",
           .arguments = {{"weight", "[V, D]", Elements::any}, {"index", "any shape", Elements::index}},
           .run = [](const Call& call) { return embedding(call["weight"], call["index"]); },
           .examples = {{.tensors = {{"weight", {4, 3}}, {"index", {2, 3}, index_values<4>}}}}},
          of_segments("segment_sum", "sum of the elements of each segment", segment_sum),
          of_segments("segment_mean", "mean of the elements of each segment; 0 of none", segment_mean),
          of_segments("segment_max", "largest element of each segment; 0 of none", segment_max),
          of_segments("segment_min", "smallest element of each segment; 0 of none", segment_min),
          {.name = "sparse_matmul",
           .family = family,
           .header = "engine/ops/sparse.hpp",
           .summary = "y[r] = sum over the entries (r, c) of value x[c]",
           .arguments = {{"x", "[..., columns, features]"},
                         {"values", "[entries]; ones where absent", Elements::floating, Presence::optional},
                         {"row", "[entries]", Elements::index},
                         {"column", "[entries]", Elements::index}},
           .settings = {integer("rows", std::nullopt, "of the matrix")},
           .run =
               [](const Call& call) {
                 const Tensor& x = call["x"];
                 require(x.rank() >= 2, "sparse_matmul", "x must be [..., columns, features], got {}. Reshape it.",
                         x.shape());
                 return sparse_matmul(
                     SparsePattern::from_coordinates(call["row"], call["column"], call.integer("rows"), x.size(-2)),
                     call["values"], x);
               },
           .examples = {{.tensors = {{"x", {2, 4, 3}},
                                     {"values", {6}},
                                     {"row", {6}, index_values<3>},
                                     {"column", {6}, index_values<4>}},
                         .settings = {{"rows", "3"}}},
                        {.tensors = {{"x", {4, 2}}, {"row", {5}, index_values<3>}, {"column", {5}, index_values<4>}},
                         .settings = {{"rows", "3"}}}}}};
}

const Registration indexing_ops(indexing), graph_ops(graphs);

}  // namespace

}  // namespace orbitgrad::catalogue
