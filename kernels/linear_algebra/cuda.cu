#include "kernels/cuda/device.hpp"
#include "kernels/linear_algebra/formulas.hpp"
#include "kernels/linear_algebra/linear_algebra.hpp"

namespace orbitgrad::kernels {
namespace {

constexpr int few_threads = 64, team_threads = 128;

__device__ std::int64_t thread_number() { return std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; }

/// The threads of a block, which share the columns of one matrix.
struct BlockTeam {
  __device__ std::int64_t rank() const { return threadIdx.x; }
  __device__ std::int64_t size() const { return blockDim.x; }
  __device__ void synchronize() const { __syncthreads(); }
};

/// A thread's own matrix among `batch` whose elements alternate, so that a warp reads 32 neighbours at a time.
template <class T>
__device__ Matrix<T> own_matrix(T* all, std::int64_t batch, std::int64_t columns, std::int64_t number) {
  return {all + number, columns, batch};
}

template <class T>
__device__ void copy_in(const T* from, Matrix<T> to, std::int64_t rows, std::int64_t columns, std::int64_t first) {
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t j = 0; j < columns; ++j) to(i, first + j) = from[i * columns + j];
}

template <class T>
__device__ void copy_out(Matrix<T> from, T* to, std::int64_t rows, std::int64_t columns, std::int64_t first) {
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t j = 0; j < columns; ++j) to[i * columns + j] = from(i, first + j);
}

/// A matrix of elements of T for every matrix of the problem.
template <class T>
Scratch workspace(const MatrixProblem& p, std::int64_t elements) {
  return Scratch(p.batch * elements * static_cast<std::int64_t>(sizeof(T)));
}

/// One matrix in a block is worth its barriers when its columns keep a warp busy.
bool is_large(const MatrixProblem& p) { return p.rows >= warp_size; }

// --- Linear systems ---

template <class T>
__global__ void solve_by_thread(MatrixProblem p, const T* a, const T* b, T* both, T* x, std::int64_t* is_singular) {
  const std::int64_t number = thread_number(), n = p.rows;
  if (number >= p.batch) return;
  const Matrix<T> m = own_matrix(both, p.batch, n + p.right, number);
  copy_in(a + number * n * n, m, n, n, 0);
  copy_in(b + number * n * p.right, m, n, p.right, n);
  is_singular[number] = eliminate(OneThread{}, n, m).is_singular ? 1 : 0;
  substitute_back(OneThread{}, n, m);
  copy_out(m, x + number * n * p.right, n, p.right, n);
}

template <class T>
void launch_solve_by_thread(const MatrixProblem& p, const T* a, const T* b, T* x, std::int64_t* is_singular) {
  if (p.batch == 0) return;
  Scratch both = workspace<T>(p, p.rows * (p.rows + p.right));
  launch("linear_algebra.solve/thread_per_matrix", solve_by_thread<T>,
         {.grid = blocks_for(p.batch, few_threads), .block = few_threads}, p, a, b, both.as<T>(), x, is_singular);
}

/// The threads of a block share the columns of [a | b].
template <class T>
__global__ void solve_by_block(MatrixProblem p, const T* a, const T* b, T* both, T* x, std::int64_t* is_singular) {
  const std::int64_t number = blockIdx.x, n = p.rows, width = n + p.right;
  const BlockTeam team;
  const Matrix<T> m{both + number * n * width, width};
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = team.rank(); j < width; j += team.size())
      m(i, j) = j < n ? a[(number * n + i) * n + j] : b[(number * n + i) * p.right + j - n];
  __syncthreads();
  const bool found_singular = eliminate(team, n, m).is_singular;
  if (team.rank() == 0) is_singular[number] = found_singular ? 1 : 0;
  substitute_back(team, n, m);
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = n + team.rank(); j < width; j += team.size()) x[(number * n + i) * p.right + j - n] = m(i, j);
}

template <class T>
void launch_solve_by_block(const MatrixProblem& p, const T* a, const T* b, T* x, std::int64_t* is_singular) {
  if (p.batch == 0) return;
  Scratch both = workspace<T>(p, p.rows * (p.rows + p.right));
  launch("linear_algebra.solve/block_per_matrix", solve_by_block<T>,
         {.grid = static_cast<unsigned>(p.batch), .block = team_threads}, p, a, b, both.as<T>(), x, is_singular);
}

const DeviceRegistration<SolveLinear> solve_small{"thread_per_matrix", launch_solve_by_thread<float>,
                                                  launch_solve_by_thread<double>};
const DeviceRegistration<SolveLinear> solve_large{"block_per_matrix", launch_solve_by_block<float>,
                                                  launch_solve_by_block<double>, is_large, is_large};

// --- Determinants ---

template <class T>
__global__ void determinant_by_thread(MatrixProblem p, const T* a, T* copy, T* value, T* sign, T* logarithm) {
  const std::int64_t number = thread_number(), n = p.rows;
  if (number >= p.batch) return;
  const Matrix<T> m = own_matrix(copy, p.batch, n, number);
  copy_in(a + number * n * n, m, n, n, 0);
  const Pivots<T> pivots = eliminate(OneThread{}, n, m);
  value[number] = pivots.value;
  sign[number] = pivots.sign;
  logarithm[number] = pivots.logarithm;
}

template <class T>
void launch_determinant_by_thread(const MatrixProblem& p, const T* a, T* value, T* sign, T* logarithm) {
  if (p.batch == 0) return;
  Scratch copy = workspace<T>(p, p.rows * p.rows);
  launch("linear_algebra.determinant/thread_per_matrix", determinant_by_thread<T>,
         {.grid = blocks_for(p.batch, few_threads), .block = few_threads}, p, a, copy.as<T>(), value, sign, logarithm);
}

template <class T>
__global__ void determinant_by_block(MatrixProblem p, const T* a, T* copy, T* value, T* sign, T* logarithm) {
  const std::int64_t number = blockIdx.x, n = p.rows;
  const BlockTeam team;
  const Matrix<T> m{copy + number * n * n, n};
  for (std::int64_t i = team.rank(); i < n * n; i += team.size()) m.data[i] = a[number * n * n + i];
  __syncthreads();
  const Pivots<T> pivots = eliminate(team, n, m);
  if (team.rank() != 0) return;
  value[number] = pivots.value;
  sign[number] = pivots.sign;
  logarithm[number] = pivots.logarithm;
}

template <class T>
void launch_determinant_by_block(const MatrixProblem& p, const T* a, T* value, T* sign, T* logarithm) {
  if (p.batch == 0) return;
  Scratch copy = workspace<T>(p, p.rows * p.rows);
  launch("linear_algebra.determinant/block_per_matrix", determinant_by_block<T>,
         {.grid = static_cast<unsigned>(p.batch), .block = team_threads}, p, a, copy.as<T>(), value, sign, logarithm);
}

const DeviceRegistration<Determinant> determinant_small{"thread_per_matrix", launch_determinant_by_thread<float>,
                                                        launch_determinant_by_thread<double>};
const DeviceRegistration<Determinant> determinant_large{"block_per_matrix", launch_determinant_by_block<float>,
                                                        launch_determinant_by_block<double>, is_large, is_large};

// --- Factorisations ---

template <class T>
__global__ void gram_schmidt_by_thread(MatrixProblem p, const T* a, T* copy, T* q, std::int64_t* is_dependent) {
  const std::int64_t number = thread_number(), size = p.rows * p.columns;
  if (number >= p.batch) return;
  const Matrix<T> m = own_matrix(copy, p.batch, p.columns, number);
  copy_in(a + number * size, m, p.rows, p.columns, 0);
  is_dependent[number] = gram_schmidt_in_place(p.rows, m) ? 0 : 1;
  copy_out(m, q + number * size, p.rows, p.columns, 0);
}

template <class T>
void launch_gram_schmidt(const MatrixProblem& p, const T* a, T* q, std::int64_t* is_dependent) {
  if (p.batch == 0) return;
  Scratch copy = workspace<T>(p, p.rows * p.columns);
  launch("linear_algebra.gram_schmidt/thread_per_matrix", gram_schmidt_by_thread<T>,
         {.grid = blocks_for(p.batch, few_threads), .block = few_threads}, p, a, copy.as<T>(), q, is_dependent);
}

const DeviceRegistration<GramSchmidt> gram_schmidt{"thread_per_matrix", launch_gram_schmidt<float>,
                                                   launch_gram_schmidt<double>};

template <class T>
__global__ void cholesky_by_thread(MatrixProblem p, const T* a, T* copy, T* l, std::int64_t* is_indefinite) {
  const std::int64_t number = thread_number(), n = p.rows;
  if (number >= p.batch) return;
  const Matrix<T> m = own_matrix(copy, p.batch, n, number);
  copy_in(a + number * n * n, m, n, n, 0);
  is_indefinite[number] = cholesky_in_place(OneThread{}, n, m) ? 0 : 1;
  copy_out(m, l + number * n * n, n, n, 0);
}

template <class T>
void launch_cholesky_by_thread(const MatrixProblem& p, const T* a, T* l, std::int64_t* is_indefinite) {
  if (p.batch == 0) return;
  Scratch copy = workspace<T>(p, p.rows * p.rows);
  launch("linear_algebra.cholesky/thread_per_matrix", cholesky_by_thread<T>,
         {.grid = blocks_for(p.batch, few_threads), .block = few_threads}, p, a, copy.as<T>(), l, is_indefinite);
}

template <class T>
__global__ void cholesky_by_block(MatrixProblem p, const T* a, T* l, std::int64_t* is_indefinite) {
  const std::int64_t number = blockIdx.x, n = p.rows;
  const BlockTeam team;
  const Matrix<T> m{l + number * n * n, n};
  for (std::int64_t i = team.rank(); i < n * n; i += team.size()) m.data[i] = a[number * n * n + i];
  __syncthreads();
  const bool is_definite = cholesky_in_place(team, n, m);
  if (team.rank() == 0) is_indefinite[number] = is_definite ? 0 : 1;
}

template <class T>
void launch_cholesky_by_block(const MatrixProblem& p, const T* a, T* l, std::int64_t* is_indefinite) {
  if (p.batch == 0) return;
  launch("linear_algebra.cholesky/block_per_matrix", cholesky_by_block<T>,
         {.grid = static_cast<unsigned>(p.batch), .block = team_threads}, p, a, l, is_indefinite);
}

const DeviceRegistration<Cholesky> cholesky_small{"thread_per_matrix", launch_cholesky_by_thread<float>,
                                                  launch_cholesky_by_thread<double>};
const DeviceRegistration<Cholesky> cholesky_large{"block_per_matrix", launch_cholesky_by_block<float>,
                                                  launch_cholesky_by_block<double>, is_large, is_large};

template <class T>
__global__ void eigenvectors_by_thread(MatrixProblem p, const T* a, T* copies, T* v) {
  const std::int64_t number = thread_number(), n = p.rows;
  if (number >= p.batch) return;
  const Matrix<T> m = own_matrix(copies, p.batch, n, number),
                  vectors = own_matrix(copies + p.batch * n * n, p.batch, n, number);
  copy_in(a + number * n * n, m, n, n, 0);
  symmetric_eigenvectors_of(n, m, vectors);
  copy_out(vectors, v + number * n * n, n, n, 0);
}

template <class T>
void launch_eigenvectors(const MatrixProblem& p, const T* a, T* v) {
  if (p.batch == 0) return;
  Scratch copies = workspace<T>(p, 2 * p.rows * p.rows);
  launch("linear_algebra.symmetric_eigenvectors/thread_per_matrix", eigenvectors_by_thread<T>,
         {.grid = blocks_for(p.batch, few_threads), .block = few_threads}, p, a, copies.as<T>(), v);
}

const DeviceRegistration<SymmetricEigenvectors> eigenvectors{"thread_per_matrix", launch_eigenvectors<float>,
                                                             launch_eigenvectors<double>};

}  // namespace
}  // namespace orbitgrad::kernels
