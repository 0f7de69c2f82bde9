// Launchers of irrep_blocks_kernels.hpp: TileOf<Irreps> is the tile of a version.
#pragma once

#include <algorithm>
#include <string_view>

#include "kernels/group_conv2d/irrep_blocks_kernels.hpp"

namespace orbitgrad::kernels {
inline namespace ORBITGRAD_BUILD {

template <template <class> class TileOf>
class IrrepLaunch {
  using T = typename TileOf<TrivialIrreps>::Element;

 public:
  static void forward(std::string_view name, const GroupConv2dProblem& p, const T* x, const T* w, const T* bias_or_null,
                      T* y) {
    product(name, p, forward_product(p), x, w, bias_or_null, y);
  }
  static void input_gradient(std::string_view name, const GroupConv2dProblem& p, const T* dy, const T* w, T* dx) {
    const TransposedFilter<T> filter(p, w);
    product(name, p, transposed_product(p), dy, filter.data(), nullptr, dx);
  }
  /// The number of pieces depends on the problem alone: few for a large filter, whose tiles are blocks enough.
  static void filter_gradient(std::string_view name, const GroupConv2dProblem& problem, const T* x, const T* dy,
                              T* dw) {
    const IrrepReads reads(problem);
    const IrrepConvolution p = reads.of(forward_product(problem));
    const std::int64_t rows = problem.out_fields * p.depth();
    if (rows == 0) return;
    constexpr std::int32_t shortest = 256;
    constexpr std::int64_t most_pieces = 64, partial_elements = 1 << 24;
    with_irreps(problem, [&]<class Irreps>(Irreps) {
      using Tile = TileOf<Irreps>;
      const auto most = static_cast<std::int32_t>(
          std::clamp(partial_elements / (rows * Irreps::filters), std::int64_t{1}, most_pieces));
      const std::int32_t length = std::max(shortest, (p.positions() + most - 1) / most);
      const std::int32_t pieces = std::max(1, (p.positions() + length - 1) / length);
      const Scratch partial(pieces * rows * Irreps::filters * static_cast<std::int64_t>(sizeof(T)));
      launch(name, irrep_filter_gradient<Tile>,
             {.grid = static_cast<unsigned>(pieces * IrrepPlace<Tile>::blocks(p.product, p.depth())),
              .block = irrep_threads,
              .shared_bytes = shared_bytes<IrrepGradientStage<Tile>>(p)},
             p, x, dy, length, partial.as<T>());
      launch("group_conv2d.filter_gradient/sum_irrep_pieces", sum_irrep_pieces<Irreps, T>,
             {.grid = blocks_for(rows, 128), .block = 128}, p, pieces, partial.as<T>(), dw);
    });
  }

 private:
  static void product(std::string_view name, const GroupConv2dProblem& problem, GatheredProduct gathered, const T* in,
                      const T* filter, const T* bias_or_null, T* out) {
    if (gathered.in_plane() == 0) gathered.in_fields = 0;
    const IrrepReads reads(problem);
    const IrrepConvolution p = reads.of(gathered);
    with_irreps(problem, [&]<class Irreps>(Irreps) {
      using Tile = TileOf<Irreps>;
      using Word = typename Tile::Word;
      const std::int64_t blocks = IrrepPlace<Tile>::blocks(gathered, p.positions());
      if (blocks == 0) return;
      const std::int64_t entries = std::int64_t{gathered.groups} * IrrepPlace<Tile>::field_tiles(gathered) *
                                   irrep_steps<Tile>(p) * Tile::words * Tile::fields;
      const Scratch packed(entries * Irreps::filters * static_cast<std::int64_t>(sizeof(Word)));
      if (entries > 0)
        launch("group_conv2d/pack_irrep_filter", pack_irrep_filter<Tile>,
               {.grid = blocks_for(entries, 128), .block = 128}, p, entries, filter, packed.template as<Word>());
      launch(name, irrep_product<Tile>,
             {.grid = static_cast<unsigned>(blocks),
              .block = irrep_threads,
              .shared_bytes = shared_bytes<IrrepProductStage<Tile>>(p)},
             p, in, packed.template as<Word>(), bias_or_null, out);
    });
  }

  template <class Stage>
  static std::size_t shared_bytes(const IrrepConvolution& p) {
    const auto reads = static_cast<std::size_t>(p.taps * p.product.out_elements);
    return 2 * sizeof(Stage) + reads * sizeof(GatheredEntry);
  }
};

}  // namespace ORBITGRAD_BUILD
}  // namespace orbitgrad::kernels
