// Bases of equivariant maps: closed forms, all solves of the published experiments, large solves, and what a projected
// layer costs beside the dense layer's own step. Run with --benchmark_filter=NAME.
#include <benchmark/benchmark.h>

#include "engine/autograd/grad.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/matmul.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"
#include "engine/random.hpp"
#include "groups/equivariant_maps.hpp"
#include "groups/group_catalogue.hpp"
#include "models/emlp.hpp"

namespace orbitgrad {
namespace {

using groups::Representation;

/// One basis, found anew in every pass; counters hold its rank and residual.
void basis(benchmark::State& state, const std::string& group_name, const std::string& type_name, bool closed_forms) {
  const groups::MatrixGroup group = groups::parse_group(group_name);
  const auto type = Representation::parse(type_name, group).terms()[0].type;
  for (auto _ : state) {
    const auto result = groups::invariant_basis<double>(type, group, {.closed_forms = closed_forms});
    state.counters["rank"] = static_cast<double>(result.rank());
    state.counters["residual"] = result.report().residual;
  }
}

/// Every joint type of ranks 0 .. 6 for the groups of the published experiments, from nothing.
void published_solves(benchmark::State& state, bool closed_forms) {
  for (auto _ : state) {
    groups::BasisLibrary<double> library({.closed_forms = closed_forms});
    for (const char* name : {"O(3)", "SO(3)", "Embed(O(2),3,0,1)", "Embed(O(2),3,1,2)", "Embed(O(2),3,0,2)",
                             "Union(SO(3),Scaling(3))", "Scaling(3)"}) {
      const groups::MatrixGroup group = groups::parse_group(name);
      for (int rank = 0; rank <= 6; ++rank)
        (void)library.get(Representation::parse(fmt::format("T({})", rank), group).terms()[0].type, group);
    }
    for (const char* name : {"O(5)", "O13", "SE(3)"}) {
      const groups::MatrixGroup group = groups::parse_group(name);
      for (int up = 0; up <= 4; ++up)
        for (int down = 0; up + down <= 4; ++down)
          (void)library.get(Representation::parse(fmt::format("T({},{})", up, down), group).terms()[0].type, group);
    }
  }
}

struct Layer {
  Representation in, out;
  Tensor weight, x;
  static Layer make() {
    const groups::MatrixGroup group = groups::parse_group("O(3)");
    const auto hidden = models::hidden_representation(group, 384, models::Allocation::uniform_fixed_rank, RandomKey{1});
    const auto gated = nn::gated(hidden);
    return {hidden, gated, normal({gated.dimension(), hidden.dimension()}, RandomKey{2}).set_requires_grad(),
            normal({500, hidden.dimension()}, RandomKey{3}).set_requires_grad()};
  }
};

/// Forward and backward of x W^T for 432 -> 484 at batch 500.
void dense_step(benchmark::State& state) {
  Layer layer = Layer::make();
  for (auto _ : state) {
    const Tensor y = matmul(layer.x, transpose(layer.weight));
    benchmark::DoNotOptimize(grad({sum(y * y)}, {layer.weight, layer.x}));
  }
}

/// Its projection P W under O(3), which is also what the gradient goes through.
void projection(benchmark::State& state) {
  Layer layer = Layer::make();
  groups::BasisLibrary<double> library;
  const nn::EquivariantProjection project(layer.out, layer.in, library);
  const Tensor weight = layer.weight.detach();
  for (auto _ : state) benchmark::DoNotOptimize(project(weight));
}

BENCHMARK_CAPTURE(basis, S5_rank_4_orbits, "S(5)", "T4", true)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(basis, S10_rank_6_orbits, "S(10)", "T6", true)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(basis, O3_rank_4, "O(3)", "T4", true)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(basis, O3_rank_6, "O(3)", "T6", true)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(basis, SO4_rank_8, "SO(4)", "T8", true)->Unit(benchmark::kMillisecond)->Iterations(1);
BENCHMARK_CAPTURE(basis, RubiksCube_rank_4, "RubiksCube", "T4", true)->Unit(benchmark::kMillisecond)->Iterations(1);
BENCHMARK_CAPTURE(basis, solve_4096_SL4, "SL(4)", "T(3,3)", false)->Unit(benchmark::kMillisecond)->Iterations(1);
BENCHMARK_CAPTURE(basis, solve_4096_SO13p, "SO13p", "T(6)", false)->Unit(benchmark::kMillisecond)->Iterations(1);
BENCHMARK_CAPTURE(basis, solve_65536_SL4, "SL(4)", "T(4,4)", false)->Unit(benchmark::kMillisecond)->Iterations(1);
BENCHMARK_CAPTURE(basis, solve_65536_SO4, "SO(4)", "T8", false)->Unit(benchmark::kMillisecond)->Iterations(1);
BENCHMARK_CAPTURE(published_solves, closed_forms, true)->Unit(benchmark::kMillisecond)->Iterations(1);
BENCHMARK_CAPTURE(published_solves, solver_only, false)->Unit(benchmark::kMillisecond)->Iterations(1);
BENCHMARK(dense_step)->Unit(benchmark::kMillisecond);
BENCHMARK(projection)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace orbitgrad

BENCHMARK_MAIN();
