#include "groups/null_space.hpp"

#include <algorithm>
#include <array>
#include <numeric>

#include "groups/linear_algebra.hpp"

namespace orbitgrad::groups {

namespace {

constexpr std::int64_t dense_size = 96;
constexpr double smallest_gap = 1e-9;  // of K, so 3e-5 of C
constexpr int max_iterations = 5000;
constexpr std::int64_t batch_size = 8;  // of exchanged solutions

/// By sixteen sums, which need not wait for each other.
template <class T>
T inner(std::span<const T> a, std::span<const T> b) {
  constexpr std::size_t width = 16;
  std::array<T, width> sums{};
  std::size_t i = 0;
  for (; i + width <= a.size(); i += width)
    for (std::size_t k = 0; k < width; ++k) sums[k] += conjugate(a[i + k]) * b[i + k];
  for (; i < a.size(); ++i) sums[0] += conjugate(a[i]) * b[i];
  return std::accumulate(sums.begin(), sums.end(), T(0));
}
template <class T>
double norm(std::span<const T> a) {
  double sum = 0;
  for (const T& value : a) sum += std::norm(value);
  return std::sqrt(sum);
}
template <class T>
void add_scaled(std::span<T> y, T factor, std::span<const T> x) {
  T* to = y.data();
  const T* from = x.data();
  const std::size_t size = y.size();
#pragma omp simd
  for (std::size_t i = 0; i < size; ++i) to[i] += factor * from[i];
}

/// Number of eigenvalues below `bound` of the symmetric tridiagonal matrix (Sturm).
std::int64_t count_below(const std::vector<double>& diagonal, const std::vector<double>& off, double bound) {
  std::int64_t count = 0;
  double pivot = 1;
  for (std::size_t i = 0; i < diagonal.size(); ++i) {
    pivot = diagonal[i] - bound - (i > 0 ? off[i - 1] * off[i - 1] / pivot : 0);
    if (pivot == 0) pivot = 1e-300;
    if (pivot < 0) ++count;
  }
  return count;
}

template <class T>
class Solver {
 public:
  Solver(Constraints<T>& constraints, const TensorType& type, std::int64_t memory_limit)
      : constraints_(constraints), type_(type), memory_limit_(memory_limit), random_(0x6e756c6cu) {}

  NullSpace<T> dense();
  NullSpace<T> iterative();

 private:
  using Vector = std::vector<T>;

  void require_memory(std::int64_t vectors) const {
    const double bytes = static_cast<double>(vectors) * static_cast<double>(constraints_.size()) * sizeof(T);
    require(bytes <= static_cast<double>(memory_limit_), "null_space",
            "{} of {} dimensions needs at least {:.2g} GB, the memory limit is {:.2g} GB. Raise it or take a smaller "
            "rank.",
            type_.to_string(), constraints_.size(), bytes * 1e-9, static_cast<double>(memory_limit_) * 1e-9);
  }
  [[noreturn]] void fail_without_gap(double ratio) const {
    fail("null_space",
         "{}: eigenvalues {:.1e} of the largest are neither 0 nor clearly not (gap {:.0e} wanted). Scale or check the "
         "generators.",
         type_.to_string(), ratio, smallest_gap);
  }
  /// Takes from x its part along the vectors found, from number `first` on.
  void deflate(Vector& x, std::size_t first = 0) const {
    for (int pass = 0; pass < 2; ++pass)
      for (std::size_t k = first; k < result_.vectors.size(); ++k)
        add_scaled<T>(x, -inner<T>(result_.vectors[k], x), result_.vectors[k]);
  }
  /// The same for several, so that the vectors found are read once for all of them, tile by tile.
  void deflate_together(std::vector<Vector>& batch) const;
  /// Takes from x what K does not annihilate, down to `tolerance` of it; returns |K x| before.
  double remove_range(Vector& x, double tolerance);
  void note_spectrum(const std::vector<double>& steps, const std::vector<double>& ratios);
  /// Removes rounding until K x is rounding, and checks it.
  void purify(Vector& x);
  /// Whether x has a part of that size that is new: then it is kept. It is orthogonal to the first `known` already.
  bool add(Vector x, double smallest_part, std::size_t known = 0);
  /// A solution found with its axes exchanged at random; empty if no exchange was possible.
  Vector permuted_axes();
  void add_permuted_axes();

  Constraints<T>& constraints_;
  const TensorType& type_;
  std::int64_t memory_limit_;
  RandomSource random_;
  NullSpace<T> result_;
  double largest_ = 0, smallest_ = 0;  // Ritz values of K
};

template <class T>
NullSpace<T> Solver<T>::dense() {
  const std::int64_t n = constraints_.size();
  MatrixOf<T> gram(n, n);
  Vector unit(static_cast<std::size_t>(n)), image(unit);
  for (std::int64_t j = 0; j < n; ++j) {
    std::ranges::fill(unit, T(0));
    unit[static_cast<std::size_t>(j)] = T(1);
    constraints_.apply_gram(unit, image);
    for (std::int64_t i = 0; i < n; ++i) gram(i, j) = image[static_cast<std::size_t>(i)];
  }
  const HermitianEigen<T> eigen = hermitian_eigen(gram);
  const double largest = std::max(eigen.values.back(), 0.0);
  result_.solver = "dense";
  result_.products = n;
  result_.gap = 1;
  for (std::int64_t j = 0; j < n; ++j) {
    const double ratio = largest > 0 ? std::abs(eigen.values[static_cast<std::size_t>(j)]) / largest : 0;
    if (ratio > 1e-13) {
      if (ratio < smallest_gap) fail_without_gap(ratio);
      result_.gap = ratio;
      break;
    }
    Vector column(static_cast<std::size_t>(n));
    for (std::int64_t i = 0; i < n; ++i) column[static_cast<std::size_t>(i)] = eigen.vectors(i, j);
    result_.vectors.push_back(std::move(column));
  }
  return std::move(result_);
}

template <class T>
void Solver<T>::note_spectrum(const std::vector<double>& steps, const std::vector<double>& ratios) {
  std::vector<double> diagonal, off;
  double bound = 0;
  for (std::size_t j = 0; j < steps.size(); ++j) {
    diagonal.push_back(1 / steps[j] + (j > 0 ? ratios[j - 1] / steps[j - 1] : 0));
    off.push_back(std::sqrt(ratios[j]) / steps[j]);
    bound = std::max(bound, diagonal[j] + off[j] + (j > 0 ? off[j - 1] : 0));
  }
  const auto bisect = [&](std::int64_t below) {
    double low = 0, high = bound;
    for (int i = 0; i < 60; ++i) {
      const double middle = (low + high) / 2;
      (count_below(diagonal, off, middle) > below ? high : low) = middle;
    }
    return high;
  };
  largest_ = std::max(largest_, bisect(static_cast<std::int64_t>(steps.size()) - 1));
  const double smallest = bisect(0);
  smallest_ = smallest_ == 0 ? smallest : std::min(smallest_, smallest);
}

template <class T>
double Solver<T>::remove_range(Vector& x, double tolerance) {
  Vector residual(x.size()), direction, image(x.size()), solution(x.size(), T(0));
  constraints_.apply_gram(x, residual);
  ++result_.products;
  direction = residual;
  double square = std::pow(norm<T>(residual), 2);
  const double first = std::sqrt(square);
  if (first == 0 || first <= 1e-16 * largest_ * norm<T>(x)) return first;
  std::vector<double> steps, ratios;
  while (std::sqrt(square) > tolerance * first) {
    if (steps.size() == max_iterations) {
      note_spectrum(steps, ratios);
      fail_without_gap(smallest_ / largest_);
    }
    constraints_.apply_gram(direction, image);
    ++result_.products;
    const double curvature = std::real(inner<T>(direction, image));
    if (!(curvature > 0)) break;
    const double step = square / curvature;
    add_scaled<T>(solution, T(step), direction);
    add_scaled<T>(residual, T(-step), image);
    const double next = std::pow(norm<T>(residual), 2);
    steps.push_back(step);
    ratios.push_back(next / square);
    for (std::size_t i = 0; i < direction.size(); ++i) direction[i] = residual[i] + ratios.back() * direction[i];
    square = next;
  }
  if (!steps.empty() && tolerance < 1e-8) note_spectrum(steps, ratios);
  add_scaled<T>(x, T(-1), solution);
  return first;
}

template <class T>
void Solver<T>::purify(Vector& x) {
  for (int round = 0; round < 6; ++round) {
    const double before = remove_range(x, 1e-5);
    const double size = norm<T>(x);
    for (T& value : x) value /= size;
    if (before <= 1e-14 * largest_ * size) break;
  }
  const double ratio = std::pow(constraints_.residual(x), 2) / largest_;
  if (ratio > 1e-24) fail_without_gap(ratio);
}

template <class T>
void Solver<T>::deflate_together(std::vector<Vector>& batch) const {
  constexpr std::size_t tile = 384;  // so that a batch of tiles stays in the first cache
  const std::size_t count = result_.vectors.size(), size = static_cast<std::size_t>(constraints_.size());
  for (int pass = 0; pass < 2; ++pass) {
    std::vector<T> coefficients(count * batch.size(), T(0));
    const auto for_each_tile = [&](const auto& act) {
      for (std::size_t begin = 0; begin < size; begin += tile) {
        const std::size_t length = std::min(tile, size - begin);
        for (std::size_t k = 0; k < count; ++k)
          for (std::size_t b = 0; b < batch.size(); ++b)
            act(std::span(result_.vectors[k]).subspan(begin, length), std::span(batch[b]).subspan(begin, length),
                coefficients[k * batch.size() + b]);
      }
    };
    for_each_tile([](std::span<const T> q, std::span<T> x, T& coefficient) { coefficient += inner<T>(q, x); });
    for_each_tile([](std::span<const T> q, std::span<T> x, T& coefficient) { add_scaled<T>(x, -coefficient, q); });
  }
}

template <class T>
bool Solver<T>::add(Vector x, double smallest_part, std::size_t known) {
  deflate(x, known);
  const double size = norm<T>(x);
  if (size < smallest_part) return false;
  for (T& value : x) value /= size;
  require_memory(static_cast<std::int64_t>(result_.vectors.size()) + 9 + batch_size);
  result_.vectors.push_back(std::move(x));
  return true;
}

/// x with two of its axes exchanged, which are of one length.
template <class T>
std::vector<T> exchanged(const std::vector<T>& x, const std::vector<AtomPointer>& factors, std::size_t first,
                         std::size_t second) {
  const auto product = [&](std::size_t from, std::size_t to) {
    std::int64_t result = 1;
    for (std::size_t i = from; i < to; ++i) result *= factors[i]->dimension;
    return result;
  };
  const std::int64_t n = factors[first]->dimension, left = product(0, first), middle = product(first + 1, second),
                     right = product(second + 1, factors.size());
  std::vector<T> result(x.size());
  for (std::int64_t l = 0; l < left; ++l)
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t m = 0; m < middle; ++m)
        for (std::int64_t j = 0; j < n; ++j) {
          const T* source = x.data() + (((l * n + i) * middle + m) * n + j) * right;
          std::copy(source, source + right, result.data() + (((l * n + j) * middle + m) * n + i) * right);
        }
  return result;
}

template <class T>
std::vector<T> Solver<T>::permuted_axes() {
  const auto& factors = type_.factors();
  const auto rank = static_cast<std::int64_t>(factors.size());
  Vector x = result_.vectors[static_cast<std::size_t>(random_.below(std::ssize(result_.vectors)))];
  bool changed = false;
  for (std::int64_t step = 0; step < rank; ++step) {
    auto first = static_cast<std::size_t>(random_.below(rank)), second = static_cast<std::size_t>(random_.below(rank));
    if (first == second || factors[first]->name != factors[second]->name) continue;
    if (first > second) std::swap(first, second);
    x = exchanged(x, factors, first, second);
    changed = true;
  }
  return changed ? x : Vector{};
}

/// Exchanges of equal atoms in solutions, until a whole batch gives nothing new.
template <class T>
void Solver<T>::add_permuted_axes() {
  for (bool found = true; found;) {
    std::vector<Vector> batch;
    for (std::int64_t i = 0; i < batch_size; ++i)
      if (Vector x = permuted_axes(); !x.empty()) batch.push_back(std::move(x));
    deflate_together(batch);
    const std::size_t known = result_.vectors.size();
    found = false;
    for (Vector& x : batch) found = add(std::move(x), 0.1, known) || found;
  }
}

template <class T>
NullSpace<T> Solver<T>::iterative() {
  require_memory(10 + batch_size);
  result_.solver = "lanczos";
  while (static_cast<std::int64_t>(result_.vectors.size()) < constraints_.size()) {
    Vector x(static_cast<std::size_t>(constraints_.size()));
    for (T& value : x) value = random_.normal_value<T>();
    deflate(x);
    const double size = norm<T>(x);
    for (T& value : x) value /= size;
    remove_range(x, 1e-11);
    if (smallest_ > 0 && smallest_ < smallest_gap * largest_) fail_without_gap(smallest_ / largest_);
    if (norm<T>(x) < 1e-5) {  // nothing, or an unlucky vector: rounding goes away, a solution does not
      remove_range(x, 1e-9);
      if (norm<T>(x) < 1e-8) break;
    }
    purify(x);
    add(std::move(x), 1e-3);
    add_permuted_axes();
  }
  result_.gap = largest_ > 0 ? smallest_ / largest_ : 1;
  return std::move(result_);
}

}  // namespace

template <class T>
NullSpace<T> null_space(Constraints<T>& constraints, const TensorType& type, std::int64_t memory_limit) {
  Solver<T> solver(constraints, type, memory_limit);
  return constraints.size() <= dense_size ? solver.dense() : solver.iterative();
}

template NullSpace<double> null_space(Constraints<double>&, const TensorType&, std::int64_t);
template NullSpace<Complex> null_space(Constraints<Complex>&, const TensorType&, std::int64_t);

}  // namespace orbitgrad::groups
