// Linear layers on the fibre of regular features.
#include "engine/ops/fibre_linear.hpp"
#include "engine/catalogue/describe.hpp"
#include "groups/group_catalogue.hpp"
#include "groups/printable.hpp"

namespace orbitgrad::catalogue {

namespace {

groups::FiniteGroup finite_group(const Call& call) {
  try {
    return groups::parse_finite_group(call.word("group"));
  } catch (const Error& error) {
    if (std::string_view(error.what()).find('\n') == std::string_view::npos) throw;
  }
  // Without the text under its caret.
  fail("fibre_linear", "the group '{}' is none of `orbitgrad groups` or of the lattices. Take one such as C(8) or p4m.",
       printable(call.word("group")));
}

std::vector<Op> fibre_ops() {
  const Setting group =
      choice("group", std::nullopt, "finite group of `orbitgrad groups`, or of a lattice (p4m, p6)", {});
  return {{.name = "fibre_linear",
           .family = "convolution",
           .header = "engine/ops/fibre_linear.hpp",
           .summary = "y[n,o,g] = b[o] + sum_{c,h} w[o, c, g^-1 h] x[n,c,h] at every place, for any finite group",
           .arguments = {{"x", "[N, C, |G|, ...]"},
                         {"w", "[O, C, |G|]"},
                         {"b", "[O]", Elements::floating, Presence::optional}},
           .settings = {group, choice("implementation", "", "forced algorithm, the better when empty",
                                      {"", "expanded", "irrep_blocks"})},
           .run =
               [](const Call& call) {
                 return fibre_linear(call["x"], call["w"], call["b"], finite_group(call),
                                     {.implementation = call.word("implementation")});
               },
           .examples = {{.tensors = {{"x", {2, 2, 3}}, {"w", {2, 2, 3}}, {"b", {2}}}, .settings = {{"group", "C(3)"}}},
                        {.tensors = {{"x", {1, 2, 6, 1, 2}}, {"w", {1, 2, 6}}, {"b", {1}}},
                         .settings = {{"group", "S(3)"}, {"implementation", "irrep_blocks"}}},
                        {.tensors = {{"x", {2, 1, 8}}, {"w", {2, 1, 8}}},
                         .settings = {{"group", "Dic(2)"}, {"implementation", "irrep_blocks"}}}}},
          {.name = "fibre_filter_bank",
           .family = "convolution",
           .header = "engine/ops/fibre_linear.hpp",
           .summary = "the matrix [O S, C S] of the dense map equal to fibre_linear",
           .arguments = {{"w", "[O, C, |G|]", Elements::any}},
           .settings = {group},
           .run = [](const Call& call) { return fibre_filter_bank(call["w"], finite_group(call)); },
           .examples = {{.tensors = {{"w", {2, 1, 6}}}, .settings = {{"group", "S(3)"}}}}}};
}

const Registration registration(fibre_ops);

}  // namespace

}  // namespace orbitgrad::catalogue
