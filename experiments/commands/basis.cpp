// orbitgrad basis, orbitgrad groups
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "engine/io/npy.hpp"
#include "engine/ops/creation.hpp"
#include "experiments/commands/commands.hpp"
#include "experiments/commands/usage.hpp"
#include "experiments/table.hpp"
#include "groups/equivariant_maps.hpp"
#include "groups/group_catalogue.hpp"

namespace orbitgrad::experiments {

namespace {

struct Options {
  std::string group, in, out, save, cache;
  double memory_gigabytes = 2;
  bool solve = false;
};

/// Q [n_out n_in, dimension] as float64; a complex one as [.., 2]: real and imaginary part.
Tensor to_tensor(const groups::Matrix& q) { return from_vector(q.values, {q.rows, q.cols}); }
Tensor to_tensor(const groups::ComplexMatrix& q) {
  std::vector<double> parts;
  for (const groups::Complex value : q.values) {
    parts.push_back(value.real());
    parts.push_back(value.imag());
  }
  return from_vector(parts, {q.rows, q.cols, 2});
}

template <class T>
void solve_and_print(const Options& options, const groups::MatrixGroup& group) {
  const double bytes = std::min(options.memory_gigabytes * 1e9, 9e18);
  groups::BasisLibrary<T> library({static_cast<std::int64_t>(bytes), !options.solve}, options.cache);
  const auto in = groups::Representation::parse(options.in, group);
  const auto out = groups::Representation::parse(options.out, group);
  const groups::EquivariantMaps<T> maps(out, in, library);
  for (const std::string& note : library.notes()) fmt::print("note: {}\n", note);
  fmt::print("{}: {} ({}) -> {} ({}){}\n\n", group.name(), in.to_string(), in.dimension(), out.to_string(),
             out.dimension(), group.is_real() ? "" : ", complex");
  Table table({"type", "size", "blocks", "dimension each", "solver", "residual", "gap", "seconds"});
  for (const auto& block : maps.blocks()) {
    const groups::BasisReport& report = block.basis->report();
    table.add({block.type.to_string(), std::to_string(block.basis->space_dimension()),
               std::to_string(block.corner.size()), std::to_string(block.basis->rank()), report.solver,
               fmt::format("{:.1e}", report.residual), report.gap > 0 ? fmt::format("{:.1e}", report.gap) : "-",
               fmt::format("{:.2g}", report.seconds)});
  }
  const groups::BasisReport whole = maps.report();
  fmt::print("{}\ndimension {} of {}, solver {}, residual {:.1e}, {:.3g} s\n", table.to_string(), maps.dimension(),
             in.dimension() * out.dimension(), whole.solver.empty() ? "none" : whole.solver, whole.residual,
             whole.seconds);
  if (options.save.empty()) return;
  save_npy(options.save, to_tensor(maps.to_dense()));
  fmt::print("wrote {}\n", options.save);
}

void print_basis(const Options& options) {
  const groups::MatrixGroup group = groups::parse_group(options.group);
  if (group.is_real())
    solve_and_print<double>(options, group);
  else
    solve_and_print<groups::Complex>(options, group);
}

void print_groups() {
  Table table({"group", "what it is"});
  for (const auto& entry : groups::group_catalogue()) table.add({entry.usage, entry.description});
  fmt::print("{}", table.to_string());
}

}  // namespace

Action basis_command(CLI::App& app) {
  const auto options = std::make_shared<Options>();
  app.add_option("--group", options->group, "Group, such as \"SO(3)\"; `orbitgrad groups` lists them")->required();
  app.add_option("--in", options->in, "Input representation, such as \"5T(0)+5T(1)\", \"T2\" or \"irrep(2)\"")
      ->required();
  app.add_option("--out", options->out, "Output representation")->required();
  app.add_option("--save", options->save,
                 "File for the orthonormal basis, NumPy [out * in, dimension] (complex: [.., 2])");
  app.add_option("--cache", options->cache, "Folder that keeps bases already solved");
  app.add_option("--memory", options->memory_gigabytes, "Memory limit in GB")
      ->check(problem_of_positive_number)
      ->capture_default_str();
  app.add_flag("--solve", options->solve, "Solve even where a closed form is known");
  return [options] { print_basis(*options); };
}

Action groups_command(CLI::App&) { return print_groups; }

}  // namespace orbitgrad::experiments
