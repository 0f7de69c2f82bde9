// Group convolution of volumes, and the actions on them.
#include "engine/ops/group_convolution3d.hpp"
#include "engine/catalogue/describe.hpp"

namespace orbitgrad::catalogue {

namespace {

Setting voxel_group_setting() {
  return choice("group", std::nullopt, "point group of the cubic lattice", groups::voxel_group_names());
}

GroupConv3dOptions options_of(const Call& call) {
  return {.stride = call.integer("stride"),
          .padding = call.integer("padding"),
          .dilation = call.integer("dilation"),
          .groups = call.integer("groups"),
          .padding_mode = call.word("padding_mode") == "circular" ? PadMode::circular : PadMode::zero,
          .allow_broken_symmetry = call.flag("allow_broken_symmetry"),
          .implementation = call.word("implementation"),
          .relu = call.flag("relu")};
}

using Convolution = Tensor (*)(const Tensor&, const Tensor&, const Tensor&, const groups::VoxelGroup&,
                               const GroupConv3dOptions&);

Op convolution(std::string name, std::string summary, std::string x, std::string w, Convolution function,
               std::vector<Example> examples) {
  return {.name = std::move(name),
          .family = "convolution",
          .header = "engine/ops/group_convolution3d.hpp",
          .summary = std::move(summary),
          .arguments = {{"x", std::move(x)}, {"w", std::move(w)}, {"b", "[K]", Elements::floating, Presence::optional}},
          .settings = {voxel_group_setting(), integer("stride", "1", "step between outputs"),
                       integer("padding", "0", "positions added on every side"),
                       integer("dilation", "1", "distance of the kernel's taps"),
                       integer("groups", "1", "channel groups that see only each other"), padding_mode_setting(),
                       flag("allow_broken_symmetry", "false", "accept a stride that does not meet both borders"),
                       choice("implementation", "", "forced algorithm, the best when empty", {}),
                       flag("relu", "false", "the result is relu(y), in the same pass")},
          .run =
              [function](const Call& call) {
                return function(call["x"], call["w"], call["b"], groups::voxel_group(call.word("group")),
                                options_of(call));
              },
          .examples = std::move(examples)};
}

Op action(std::string name, std::string summary, std::string x, const Shape& example,
          Tensor (*function)(const Tensor&, const groups::VoxelGroup&, int)) {
  return {.name = std::move(name),
          .family = "symmetry",
          .header = "engine/ops/group_convolution3d.hpp",
          .summary = std::move(summary),
          .arguments = {{"x", std::move(x), Elements::any}},
          .settings = {voxel_group_setting(), integer("element", std::nullopt, "number of the group element")},
          .run =
              [function](const Call& call) {
                return function(call["x"], groups::voxel_group(call.word("group")), call.small_integer("element"));
              },
          .examples = {{.tensors = {{"x", example}}, .settings = {{"group", "C4"}, {"element", "1"}}}}};
}

std::vector<Op> voxel_ops() {
  return {
      convolution(
          "lift_conv3d", "y[n,k,s,o] = b[k] + sum_{c,u} x[n, c, o stride + u dilation - padding] w[k, c, h_s^-1 u]",
          "[N, C, D, H, W]", "[K, C / groups, k, k, k]", lift_conv3d,
          {{.tensors = {{"x", {1, 2, 3, 3, 2}}, {"w", {1, 2, 2, 2, 2}}, {"b", {1}}}, .settings = {{"group", "C4"}}},
           {.tensors = {{"x", {1, 1, 2, 2, 2}}, {"w", {1, 1, 3, 3, 3}}},
            .settings = {{"group", "O"}, {"padding", "1"}, {"relu", "true"}}}}),
      convolution(
          "group_conv3d",
          "y[n,k,s,o] = b[k] + sum_{c,t,u} x[n, c, t, o stride + u dilation - padding] w[k, c, h_s^-1 h_t, h_s^-1 u]",
          "[N, C, |G|, D, H, W]", "[K, C / groups, |G|, k, k, k]", group_conv3d,
          {{.tensors = {{"x", {1, 2, 2, 2, 2, 3}}, {"w", {2, 2, 2, 2, 2, 2}}, {"b", {2}}},
            .settings = {{"group", "C2"}, {"relu", "true"}}},
           {.tensors = {{"x", {1, 1, 12, 2, 1, 2}}, {"w", {1, 1, 12, 1, 1, 1}}}, .settings = {{"group", "T"}}}}),
      action("act_on_volume", "L_h x on volumes, voxel by voxel about the centre", "[..., D, H, W]", {2, 3, 3, 2},
             act_on_volume),
      action("act_on_regular_volume", "L_h x on regular features: (t, p) -> (h t, h p)", "[..., S, D, H, W]",
             {4, 2, 3, 2}, act_on_regular_volume)};
}

const Registration registration(voxel_ops);

}  // namespace

}  // namespace orbitgrad::catalogue
