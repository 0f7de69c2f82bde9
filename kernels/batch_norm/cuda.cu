#include "kernels/batch_norm/batch_norm.hpp"
#include "kernels/cuda/team.hpp"

namespace orbitgrad::kernels {
namespace {

/// Calls body(position in the array) for the entries first, first + step, ... below end of a field; one division for
/// all of them.
template <class Body>
__device__ void for_each_entry(const BatchNormProblem& p, std::int64_t field, std::int64_t first, std::int64_t end,
                               std::int64_t step, Body&& body) {
  const std::int64_t step_rows = step / p.positions, step_positions = step % p.positions;
  std::int64_t row = first / p.positions, position = first % p.positions;
  for (std::int64_t entry = first; entry < end; entry += step) {
    body((row * p.fields + field) * p.positions + position);
    row += step_rows;
    position += step_positions;
    if (position < p.positions) continue;
    position -= p.positions;
    ++row;
  }
}

/// The sums of the statistics.
template <class T>
struct Moments {
  BatchNormProblem p;
  const T* x;
  T *mean, *variance;

  __device__ double local(std::int64_t field) const { return static_cast<double>(x[field * p.positions]); }
  __device__ BatchNormSums terms(double shift, std::int64_t i) const {
    return batch_norm_moments(static_cast<double>(x[i]), shift);
  }
  __device__ void finish(std::int64_t field, const BatchNormSums& sums) const {
    const auto count = static_cast<double>(p.batch * p.positions);
    batch_norm_finish(count, count > 0 ? local(field) : 0.0, sums, mean + field, variance + field);
  }
};

/// The sums of the backward pass; `sums`, for the gradient of x, and the outputs may be null.
template <class T>
struct Gradients {
  BatchNormProblem p;
  const T *x, *dy, *mean, *variance, *gamma, *beta;
  T *dgamma, *dbeta;
  BatchNormSums* sums;

  __device__ BatchNormField<T> local(std::int64_t field) const {
    return batch_norm_field(p, field, mean, variance, gamma, beta);
  }
  __device__ BatchNormSums terms(const BatchNormField<T>& field, std::int64_t i) const {
    return batch_norm_gradient_terms(field, p.relu, x[i], dy[i]);
  }
  __device__ void finish(std::int64_t field, const BatchNormSums& of_field) const {
    if (dbeta) dbeta[field] = static_cast<T>(of_field.first);
    if (dgamma) dgamma[field] = static_cast<T>(of_field.second);
    if (sums) sums[field] = of_field;
  }
};

/// The sums over entries [begin, end) of a field, to every thread of the team.
template <class Team, class Terms>
__device__ BatchNormSums team_sums(const Terms& terms, std::int64_t field, std::int64_t begin, std::int64_t end) {
  BatchNormSums sums;
  if (begin < end) {
    const auto local = terms.local(field);
    for_each_entry(terms.p, field, begin + Team::rank(), end, Team::size,
                   [&](std::int64_t i) { sums.add(terms.terms(local, i)); });
  }
  return {Team::reduce(sums.first, SumOf{}), Team::reduce(sums.second, SumOf{})};
}

template <class Team, class Terms>
__global__ void sum_fields(Terms terms) {
  for_each_team_row<Team>(terms.p.fields, [&](std::int64_t field) {
    const BatchNormSums sums = team_sums<Team>(terms, field, 0, terms.p.batch * terms.p.positions);
    if (Team::rank() == 0) terms.finish(field, sums);
  });
}

/// partial: [fields, pieces], of `length` entries of a field each.
template <class Terms>
__global__ void sum_pieces(Terms terms, std::int64_t pieces, std::int64_t length, BatchNormSums* partial) {
  const std::int64_t count = terms.p.batch * terms.p.positions;
  for_each_team_row<BlockTeam>(terms.p.fields * pieces, [&](std::int64_t unit) {
    const std::int64_t begin = unit % pieces * length, end = begin + length;
    const BatchNormSums sums = team_sums<BlockTeam>(terms, unit / pieces, begin, end < count ? end : count);
    if (BlockTeam::rank() == 0) partial[unit] = sums;
  });
}

template <class Terms>
__global__ void add_pieces(Terms terms, std::int64_t pieces, const BatchNormSums* partial) {
  for_each_team_row<ThreadTeam>(terms.p.fields, [&](std::int64_t field) {
    BatchNormSums sums;
    for (std::int64_t piece = 0; piece < pieces; ++piece) sums.add(partial[field * pieces + piece]);
    terms.finish(field, sums);
  });
}

// Three ways to the sums: a thread or a block for each field, or blocks for the pieces of a field.
template <class Team>
struct WholeField {
  template <class Terms>
  static void sum(std::string_view name, const Terms& terms) {
    launch(name, sum_fields<Team, Terms>, team_shape<Team>(terms.p.fields), terms);
  }
};

struct Pieces {
  static constexpr std::int64_t shortest = 4096, most = 256;

  template <class Terms>
  static void sum(std::string_view name, const Terms& terms) {
    const std::int64_t count = terms.p.batch * terms.p.positions;
    const std::int64_t length = std::max(shortest, (count + most - 1) / most), pieces = (count + length - 1) / length;
    const Scratch partial(terms.p.fields * pieces * std::int64_t{sizeof(BatchNormSums)});
    launch(name, sum_pieces<Terms>, team_shape<BlockTeam>(terms.p.fields * pieces), terms, pieces, length,
           partial.as<BatchNormSums>());
    launch(name, add_pieces<Terms>, team_shape<ThreadTeam>(terms.p.fields), terms, pieces, partial.as<BatchNormSums>());
  }
};

/// y of one element.
template <class T>
struct Normalise {
  BatchNormProblem p;
  const T *x, *mean, *variance, *gamma, *beta;
  T* y;

  using Constants = BatchNormField<T>;
  __device__ Constants constants(std::int64_t field) const {
    return batch_norm_field(p, field, mean, variance, gamma, beta);
  }
  __device__ void operator()(const Constants& field, std::int64_t i) const {
    y[i] = batch_norm_output(field, p.relu, x[i]);
  }
};

/// dx of one element; sums may be null if the statistics are not of the batch.
template <class T>
struct InputGradient {
  BatchNormProblem p;
  const T *x, *dy, *mean, *variance, *gamma, *beta;
  const BatchNormSums* sums;
  T* dx;

  struct Constants {
    BatchNormField<T> field;
    BatchNormCorrection<T> correction;
  };
  __device__ Constants constants(std::int64_t field) const {
    return {batch_norm_field(p, field, mean, variance, gamma, beta),
            batch_norm_correction<T>(p, sums ? sums[field] : BatchNormSums{})};
  }
  __device__ void operator()(const Constants& constants, std::int64_t i) const {
    dx[i] = batch_norm_input_gradient(constants.field, constants.correction, p.relu, x[i], dy[i]);
  }
};

template <class Body>
__global__ void each_element(Body body, std::int64_t count) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i < count) body(body.constants(i / body.p.positions % body.p.fields), i);
}

constexpr int row_block = 256, row_tile = 4 * row_block;

/// A block has `row_tile` positions of one row; one thread works out what belongs to the field.
template <class Body>
__global__ void each_row_tile(Body body, std::int64_t tiles) {
  SIM_SHARED(constants, typename Body::Constants);
  const std::int64_t row = blockIdx.x / tiles, begin = blockIdx.x % tiles * row_tile;
  if (threadIdx.x == 0) constants = body.constants(row % body.p.fields);
  __syncthreads();
  const std::int64_t end = begin + row_tile < body.p.positions ? begin + row_tile : body.p.positions;
  for (std::int64_t i = begin + threadIdx.x; i < end; i += row_block) body(constants, row * body.p.positions + i);
}

struct Elements {
  template <class Body>
  static void run(std::string_view name, const Body& body) {
    const std::int64_t count = body.p.count();
    if (count > 0) launch(name, each_element<Body>, {.grid = blocks_for(count, 256), .block = 256}, body, count);
  }
};

struct RowTiles {
  template <class Body>
  static void run(std::string_view name, const Body& body) {
    const std::int64_t tiles = (body.p.positions + row_tile - 1) / row_tile,
                       blocks = body.p.batch * body.p.fields * tiles;
    if (blocks > 0)
      launch(name, each_row_tile<Body>, {.grid = static_cast<unsigned>(blocks), .block = row_block}, body, tiles);
  }
};

struct BestElements {
  template <class Body>
  static void run(std::string_view name, const Body& body) {
    body.p.positions >= 64 ? RowTiles::run(name, body) : Elements::run(name, body);
  }
};

template <class Sum, class T>
void statistics(const BatchNormProblem& p, const T* x, T* mean, T* variance) {
  if (p.fields > 0) Sum::sum("batch_norm.statistics", Moments<T>{p, x, mean, variance});
}

template <class Run, class T>
void normalise(const BatchNormProblem& p, const T* x, const T* mean, const T* variance, const T* gamma, const T* beta,
               T* y) {
  Run::run("batch_norm.normalise", Normalise<T>{p, x, mean, variance, gamma, beta, y});
}

template <class Sum, class Run, class T>
void forward(const BatchNormProblem& p, const T* x, const T* gamma, const T* beta, T* mean, T* variance, T* y) {
  statistics<Sum>(p, x, mean, variance);
  normalise<Run>(p, x, mean, variance, gamma, beta, y);
}

template <class Sum, class Run, class T>
void backward(const BatchNormProblem& p, const T* x, const T* dy, const T* mean, const T* variance, const T* gamma,
              const T* beta, T* dx, T* dgamma, T* dbeta) {
  if (p.fields == 0) return;
  const bool corrected = dx && p.batch_statistics;
  const Scratch scratch(corrected ? p.fields * std::int64_t{sizeof(BatchNormSums)} : 0);
  auto* const sums = scratch.as<BatchNormSums>();
  if (corrected || dgamma || dbeta)
    Sum::sum("batch_norm.backward/sums", Gradients<T>{p, x, dy, mean, variance, gamma, beta, dgamma, dbeta, sums});
  if (dx) Run::run("batch_norm.backward/dx", InputGradient<T>{p, x, dy, mean, variance, gamma, beta, sums, dx});
}

/// One way to the sums, in the kernels that need them.
template <class Sum, class Run>
struct Versions {
  DeviceRegistration<BatchNormStatistics> statistics_versions;
  DeviceRegistration<BatchNormForward> forward_versions;
  DeviceRegistration<BatchNormBackward> backward_versions;

  Versions(std::string_view name, bool (*supports)(const BatchNormProblem&))
      : statistics_versions(name, statistics<Sum, float>, statistics<Sum, double>, supports, supports),
        forward_versions(name, forward<Sum, Run, float>, forward<Sum, Run, double>, supports, supports),
        backward_versions(name, backward<Sum, Run, float>, backward<Sum, Run, double>, supports, supports) {}
};

/// Fields are columns: neighbouring threads, one a field, read neighbouring memory.
bool is_wide_matrix(const BatchNormProblem& p) { return p.positions == 1 && p.fields >= 32 && p.batch <= 1024; }

// The formula.
const Versions<WholeField<ThreadTeam>, Elements> thread_per_field{"thread_per_field",
                                                                  [](const BatchNormProblem&) { return true; }};
// Neighbouring threads read neighbouring positions.
const Versions<WholeField<BlockTeam>, BestElements> block_per_field{
    "block_per_field", [](const BatchNormProblem& p) { return !is_wide_matrix(p); }};
// Few fields with many positions still fill the GPU.
const Versions<Pieces, BestElements> block_per_piece{
    "block_per_piece", [](const BatchNormProblem& p) { return p.batch * p.positions > Pieces::shortest; }};

// The formula.
const DeviceRegistration<BatchNormNormalise> element_per_thread{"element_per_thread", normalise<Elements, float>,
                                                                normalise<Elements, double>};
// A field's constants once a block, and no division for each element.
const auto has_long_rows = [](const BatchNormProblem& p) { return p.positions >= 64; };
const DeviceRegistration<BatchNormNormalise> row_per_block{"row_per_block", normalise<RowTiles, float>,
                                                           normalise<RowTiles, double>, has_long_rows, has_long_rows};

}  // namespace
}  // namespace orbitgrad::kernels
