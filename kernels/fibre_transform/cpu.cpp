#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/fibre_transform/fibre_transform.hpp"
#include "kernels/parallel.hpp"
#include "kernels/registration.hpp"

namespace orbitgrad::kernels::cpu {
namespace {

/// (n p, c) that one tile transforms side by side, and rows of the table at a time: sums that stay in registers.
constexpr int lanes = 64, rows_at_once = 2;

/// Where the lanes of a tile lie: x[n, c, 0, p], n positions + p, and c.
struct Tile {
  std::int64_t function[lanes] = {}, place[lanes] = {}, field[lanes] = {};
  int count = 0;
};

/// A tile holds neighbours of the function where it has positions, else the fields of one place after another.
struct Tiling {
  std::int64_t positions_a_tile, fields_a_tile, tiles_p, tiles_c;

  explicit Tiling(const FibreTransformProblem& p) {
    positions_a_tile = std::min<std::int64_t>(p.positions, 16);
    fields_a_tile = p.positions == 1 ? lanes : lanes / positions_a_tile;
    tiles_p = (p.positions + positions_a_tile - 1) / positions_a_tile;
    // Places without positions run on into the next image: no lane is idle there.
    const std::int64_t columns = p.positions == 1 ? p.batch * p.fields : p.fields;
    tiles_c = (columns + fields_a_tile - 1) / fields_a_tile;
  }
  std::int64_t count(const FibreTransformProblem& p) const {
    return p.positions == 1 ? tiles_c : p.batch * tiles_p * tiles_c;
  }

  void place_lanes(const FibreTransformProblem& p, std::int64_t index, Tile& tile) const {
    const auto put = [&](std::int64_t n, std::int64_t c, std::int64_t position) {
      tile.function[tile.count] = fibre_function_offset(p, n, c, position);
      tile.place[tile.count] = n * p.positions + position;
      tile.field[tile.count++] = c;
    };
    tile.count = 0;
    const std::int64_t first_c = index % tiles_c * fields_a_tile;
    if (p.positions == 1) {
      const std::int64_t last = std::min(first_c + fields_a_tile, p.batch * p.fields);
      for (std::int64_t column = first_c; column < last; ++column) put(column / p.fields, column % p.fields, 0);
      return;
    }
    const std::int64_t first_p = index / tiles_c % tiles_p * positions_a_tile, n = index / (tiles_c * tiles_p);
    for (std::int64_t c = first_c; c < std::min(first_c + fields_a_tile, p.fields); ++c)
      for (std::int64_t q = first_p; q < std::min(first_p + positions_a_tile, p.positions); ++q) put(n, c, q);
  }
};

/// out [rows, lanes] = matrix [rows, terms] in [terms, lanes], each sum in order of the terms.
template <class T>
void multiply(const T* matrix, std::int64_t rows, std::int64_t terms, const T* in, T* out) {
  std::int64_t row = 0;
  for (; row + rows_at_once <= rows; row += rows_at_once) {
    T sum[rows_at_once][lanes] = {};
    for (std::int64_t k = 0; k < terms; ++k)
      for (int r = 0; r < rows_at_once; ++r) {
        const T factor = matrix[(row + r) * terms + k];
        for (int lane = 0; lane < lanes; ++lane) sum[r][lane] = std::fma(factor, in[k * lanes + lane], sum[r][lane]);
      }
    std::copy(&sum[0][0], &sum[0][0] + rows_at_once * lanes, out + row * lanes);
  }
  for (; row < rows; ++row) {
    T sum[lanes] = {};
    for (std::int64_t k = 0; k < terms; ++k)
      for (int lane = 0; lane < lanes; ++lane)
        sum[lane] = std::fma(matrix[row * terms + k], in[k * lanes + lane], sum[lane]);
    std::copy(sum, sum + lanes, out + row * lanes);
  }
}

/// Rows [r, r + copies degree) of the table, for all lanes: body(place in the spectrum, place in [values, lanes]).
/// `degree` is a number that the compiler knows, where it is small.
template <class Degree, class Body>
void for_each_value_of_block(const FibreTransformProblem& p, const Tile& tile, std::int64_t r, Degree degree,
                             Body&& body) {
  const FibreRow& block = p.rows[r];
  std::int64_t begin[lanes];
  for (int lane = 0; lane < lanes; ++lane)
    begin[lane] = fibre_spectrum_offset(p, block, tile.place[lane], tile.field[lane]);
  for (std::int64_t a = 0; a < block.copies; ++a)
    for (int lane = 0; lane < tile.count; ++lane)
      for (std::int64_t j = 0; j < degree; ++j)
        body(begin[lane] + a * p.fields * degree + j, (r + a * degree + j) * lanes + lane);
}

template <class Body>
void for_each_spectrum_value(const FibreTransformProblem& p, const Tile& tile, Body&& body) {
  using std::integral_constant;
  for (std::int64_t r = 0; r < p.values; r += p.rows[r].copies * p.rows[r].degree) switch (p.rows[r].degree) {
      case 1:
        for_each_value_of_block(p, tile, r, integral_constant<std::int64_t, 1>(), body);
        break;
      case 2:
        for_each_value_of_block(p, tile, r, integral_constant<std::int64_t, 2>(), body);
        break;
      case 3:
        for_each_value_of_block(p, tile, r, integral_constant<std::int64_t, 3>(), body);
        break;
      case 4:
        for_each_value_of_block(p, tile, r, integral_constant<std::int64_t, 4>(), body);
        break;
      default:
        for_each_value_of_block(p, tile, r, std::int64_t{p.rows[r].degree}, body);
    }
}

/// The same for the function: body(place in it, place in [order, lanes]).
template <class Body>
void for_each_function_value(const FibreTransformProblem& p, const Tile& tile, Body&& body) {
  for (std::int64_t h = 0; h < p.order; ++h)
    for (int lane = 0; lane < tile.count; ++lane) body(tile.function[lane] + h * p.positions, h * lanes + lane);
}

/// Calls body(tile, function values [order, lanes], spectrum values [values, lanes]) for every tile.
template <class T, class Body>
void for_each_tile(const FibreTransformProblem& p, Body&& body) {
  if (p.function_size() == 0) return;
  const Tiling tiling(p);
  const std::int64_t grain = 1 + 100000 / (p.order * p.values * lanes);
  parallel_for(tiling.count(p), grain, [&](std::int64_t begin, std::int64_t end) {
    std::vector<T> function(static_cast<std::size_t>(p.order * lanes)),
        spectrum(static_cast<std::size_t>(p.values * lanes));
    Tile tile;
    for (std::int64_t index = begin; index < end; ++index) {
      tiling.place_lanes(p, index, tile);
      body(tile, function.data(), spectrum.data());
    }
  });
}

}  // namespace

template <class T>
void fibre_transform(const FibreTransformProblem& p, const T* x, T* spectrum) {
  const std::vector<T> table(p.table, p.table + p.values * p.order);
  for_each_tile<T>(p, [&](const Tile& tile, T* in, T* out) {
    for_each_function_value(p, tile, [&](std::int64_t at, std::int64_t value) { in[value] = x[at]; });
    multiply(table.data(), p.values, p.order, in, out);
    for_each_spectrum_value(p, tile, [&](std::int64_t at, std::int64_t value) { spectrum[at] = out[value]; });
  });
}

template <class T>
void fibre_transform_adjoint(const FibreTransformProblem& p, const T* spectrum, T* x) {
  std::vector<T> transposed(static_cast<std::size_t>(p.values * p.order));
  for (std::int64_t r = 0; r < p.values; ++r)
    for (std::int64_t h = 0; h < p.order; ++h)
      transposed[static_cast<std::size_t>(h * p.values + r)] = static_cast<T>(p.table[r * p.order + h]);
  for_each_tile<T>(p, [&](const Tile& tile, T* out, T* in) {
    for_each_spectrum_value(p, tile, [&](std::int64_t at, std::int64_t value) { in[value] = spectrum[at]; });
    multiply(transposed.data(), p.order, p.values, in, out);
    for_each_function_value(p, tile, [&](std::int64_t at, std::int64_t value) { x[at] = out[value]; });
  });
}

template void fibre_transform<float>(const FibreTransformProblem&, const float*, float*);
template void fibre_transform<double>(const FibreTransformProblem&, const double*, double*);
template void fibre_transform_adjoint<float>(const FibreTransformProblem&, const float*, float*);
template void fibre_transform_adjoint<double>(const FibreTransformProblem&, const double*, double*);

namespace {
const CpuRegistration<FibreTransform> forward{"cpu", fibre_transform<float>, fibre_transform<double>};
const CpuRegistration<FibreTransformAdjoint> adjoint{"cpu", fibre_transform_adjoint<float>,
                                                     fibre_transform_adjoint<double>};
}  // namespace

}  // namespace orbitgrad::kernels::cpu
