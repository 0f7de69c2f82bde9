// Actions of groups on tensors and what is built from them.
#include "engine/ops/symmetry.hpp"
#include "engine/catalogue/describe.hpp"
#include "engine/ops/hexagonal.hpp"

namespace orbitgrad::catalogue {

namespace {

Setting action_setting(std::string name, std::string default_value) {
  return choice(std::move(name), std::move(default_value),
                "regular: the group on itself; grid: pixels of [H, W]; regular_features: [S, H, W]",
                {"regular", "grid", "regular_features"});
}

groups::Action action_of(const Call& call, std::string_view setting) {
  const groups::LatticeGroup group = call.group();
  if (call.word(setting) == "regular") return groups::left_regular_action(group.group);
  if (call.word(setting) == "grid") return groups::grid_action(group, call.integer("height"), call.integer("width"));
  return groups::regular_feature_action(group, call.integer("height"), call.integer("width"));
}

int element_of(const Call& call) {
  const std::int64_t element = call.integer("element");
  const int order = call.group().order();
  require(element >= 0 && element < order, "act", "there is no element {} in a group of {}. Use 0 to {}.", element,
          order, order - 1);
  return static_cast<int>(element);
}

Op described(std::string name, std::string summary, std::vector<Argument> arguments, std::vector<Setting> settings,
             std::function<Results(const Call&)> run, std::vector<Example> examples) {
  settings.insert(settings.begin(), group_setting());
  return {.name = std::move(name),
          .family = "symmetry",
          .header = "engine/ops/symmetry.hpp",
          .summary = std::move(summary),
          .arguments = std::move(arguments),
          .settings = std::move(settings),
          .run = std::move(run),
          .examples = std::move(examples)};
}

/// These settings under p4 on a grid of 3 by 3.
Settings on_grid(Settings settings) {
  settings.merge(Settings{{"group", "p4"}, {"height", "3"}, {"width", "3"}});
  return settings;
}

std::vector<Op> symmetry() {
  const Setting element = integer("element", std::nullopt, "number of the group element");
  const Setting height = integer("height", "1", "of the grid"), width = integer("width", "1", "of the grid");
  const std::vector<Setting> between = {action_setting("out", "regular"), action_setting("in", "regular"), height,
                                        width};
  return {
      described(
          "act", "(L_h x)[i] = x[h^-1 i] on the last axis", {{"x", "[..., n], n points"}},
          {element, action_setting("action", "regular"), height, width},
          [](const Call& call) { return act(call["x"], action_of(call, "action"), element_of(call)); },
          {{.tensors = {{"x", {2, 9}}}, .settings = on_grid({{"element", "1"}, {"action", "grid"}})},
           {.tensors = {{"x", {9}}},
            .settings = {{"group", "p4m"}, {"element", "6"}, {"action", "grid"}, {"height", "3"}, {"width", "3"}}}}),
      described("act_on_image", "L_h x on images, pixel by pixel about the centre",
                {{"x", "[..., H, W]", Elements::any}}, {element},
                [](const Call& call) { return act_on_image(call["x"], call.group(), element_of(call)); },
                {{.tensors = {{"x", {2, 3, 3}}}, .settings = {{"group", "p4"}, {"element", "1"}}}}),
      described("act_on_regular", "L_h x on regular features: (t, p) -> (h t, h p)",
                {{"x", "[..., S, H, W]", Elements::any}}, {element},
                [](const Call& call) { return act_on_regular(call["x"], call.group(), element_of(call)); },
                {{.tensors = {{"x", {2, 4, 3, 3}}}, .settings = {{"group", "p4"}, {"element", "3"}}},
                 {.tensors = {{"x", {1, 6, 3, 3}}}, .settings = {{"group", "p6"}, {"element", "1"}}}}),
      described("orbit_mean", "1/|G| sum_h L_h x on the last axis", {{"x", "[..., n], n points"}},
                {action_setting("action", "regular"), height, width},
                [](const Call& call) { return orbit_mean(call["x"], action_of(call, "action")); },
                {{.tensors = {{"x", {2, 9}}}, .settings = on_grid({{"action", "grid"}})},
                 {.tensors = {{"x", {2, 4}}}, .settings = {{"group", "p4"}}}}),
      described("reynolds_projection", "1/|G| sum_h out(h)^-1 w in(h): the nearest equivariant matrix",
                {{"w", "[out, in]"}}, between,
                [](const Call& call) {
                  return reynolds_projection(call["w"], action_of(call, "out"), action_of(call, "in"));
                },
                {{.tensors = {{"w", {4, 9}}}, .settings = on_grid({{"in", "grid"}})},
                 {.tensors = {{"w", {4, 4}}}, .settings = {{"group", "p4"}}}}),
      described("equivariance_penalty", "|w - P(w)|^2 for the Reynolds projection P", {{"w", "[out, in]"}}, between,
                [](const Call& call) {
                  return equivariance_penalty(call["w"], action_of(call, "out"), action_of(call, "in"));
                },
                {{.tensors = {{"w", {4, 9}}}, .settings = on_grid({{"in", "grid"}})},
                 {.tensors = {{"w", {4, 4}}}, .settings = {{"group", "p4"}}}})};
}

Op rotate_op() {
  return {.name = "rotate_bilinear",
          .family = "symmetry",
          .header = "engine/ops/symmetry.hpp",
          .summary = "bilinear rotation about the centre, counter-clockwise in radians, zeros outside",
          .arguments = {{"x", "[N, C, H, W]"}, {"angles", "[N]", Elements::floating, Presence::required, false}},
          .run = [](const Call& call) { return rotate_bilinear(call["x"], call["angles"]); },
          .examples = {{.tensors = {{"x", {2, 2, 4, 4}}, {"angles", {2}}}}}};
}

std::vector<Op> hexagons() {
  const Setting radius = integer("radius", std::nullopt, "of the hexagon, in pixels beside the centre");
  return {{.name = "hexagonal_mask",
           .family = "symmetry",
           .header = "engine/ops/hexagonal.hpp",
           .summary = "1 where max(|row|, |col|, |row + col|) <= radius about the centre, else 0",
           .arguments = {},
           .settings = {radius, dtype_setting("float32")},
           .derivatives = Derivatives::none,
           .run = [](const Call& call) { return hexagonal_mask(call.integer("radius"), call.dtype("dtype")); },
           .examples = {{.tensors = {}, .settings = {{"radius", "2"}}}}},
          {.name = "image_to_hexagonal",
           .family = "symmetry",
           .header = "engine/ops/hexagonal.hpp",
           .summary = "bilinear values at the places of a hexagon about the centre, in axial coordinates",
           .arguments = {{"x", "[N, C, H, W]"}},
           .settings = {radius, number("spacing", "1", "pixels between neighbours")},
           .run =
               [](const Call& call) {
                 return image_to_hexagonal(call["x"], call.integer("radius"), call.number("spacing"));
               },
           .examples = {{.tensors = {{"x", {2, 1, 4, 5}}}, .settings = {{"radius", "2"}, {"spacing", "0.9"}}}}}};
}

const Registration symmetry_ops(symmetry), hexagonal_ops(hexagons);
const Registration rotate_ops([] { return std::vector<Op>{rotate_op()}; });

}  // namespace

}  // namespace orbitgrad::catalogue
