#include "groups/irreps.hpp"

#include <algorithm>

#include "groups/linear_algebra.hpp"
#include "groups/random_source.hpp"

namespace orbitgrad::groups {

namespace {

template <class T>
T inner(const std::vector<T>& chi, const std::vector<T>& psi) {
  T sum(0);
  for (std::size_t s = 0; s < chi.size(); ++s) sum += conjugate(chi[s]) * psi[s];
  return sum / static_cast<double>(chi.size());
}

/// sum_s c_s R_s with R_s e_t = e_(t s), Hermitian because c of the inverse is conj(c).
template <class T>
MatrixOf<T> random_right_translation(const FiniteGroup& group, RandomSource& random) {
  const int order = group.order();
  std::vector<T> c(static_cast<std::size_t>(order));
  for (int s = 0; s < order; ++s) {
    const T value = random.normal_value<T>();
    c[static_cast<std::size_t>(s)] += value;
    c[static_cast<std::size_t>(group.inverse(s))] += conjugate(value);
  }
  MatrixOf<T> result(order, order);
  for (int s = 0; s < order; ++s)
    for (int t = 0; t < order; ++t) result(group.product(t, s), t) += c[static_cast<std::size_t>(s)];
  return result;
}

/// A run of columns of the eigenvector matrix that carries one irrep: e_t -> e_(s t) restricted to it.
template <class T>
struct Eigenspace {
  const FiniteGroup& group;
  const MatrixOf<T>& vectors;
  std::int64_t first = 0, degree = 0;

  /// Entry (i, j) of the matrix of s.
  T entry(int s, std::int64_t i, std::int64_t j) const {
    T sum(0);
    for (int t = 0; t < group.order(); ++t)
      sum += conjugate(vectors(group.product(s, t), first + i)) * vectors(t, first + j);
    return sum;
  }
  std::vector<T> character() const {
    std::vector<T> result(static_cast<std::size_t>(group.order()));
    for (int s = 0; s < group.order(); ++s)
      for (std::int64_t i = 0; i < degree; ++i) result[static_cast<std::size_t>(s)] += entry(s, i, i);
    return result;
  }
  std::vector<MatrixOf<T>> matrices() const {
    std::vector<MatrixOf<T>> result;
    for (int s = 0; s < group.order(); ++s) {
      MatrixOf<T> matrix(degree, degree);
      for (std::int64_t i = 0; i < degree; ++i)
        for (std::int64_t j = 0; j < degree; ++j) matrix(i, j) = entry(s, i, j);
      result.push_back(std::move(matrix));
    }
    return result;
  }
};

/// Real: <chi, chi> is 1, 2 or 4. Complex: mean of chi(s^2) is 1, 0 or -1. 0 if it is none of these.
template <class T>
int type_number(const FiniteGroup& group, const std::vector<T>& character) {
  if constexpr (std::is_same_v<T, double>) {
    const double norm = inner(character, character);
    for (const int type : {1, 2, 4})
      if (std::abs(norm - type) < 1e-6) return type;
  } else {
    if (std::abs(inner(character, character) - 1.0) > 1e-6) return 0;
    Complex mean = 0;
    for (int s = 0; s < group.order(); ++s) mean += character[static_cast<std::size_t>(group.product(s, s))];
    mean /= static_cast<double>(group.order());
    for (const auto& [indicator, type] : {std::pair{1.0, 1}, {0.0, 2}, {-1.0, 4}})
      if (std::abs(mean - indicator) < 1e-6) return type;
  }
  return 0;
}

/// Empty if two eigenvalues fell together, which another random element mends.
template <class T>
std::vector<IrrepOf<T>> try_irreps(const FiniteGroup& group, RandomSource& random) {
  const HermitianEigen<T> eigen = hermitian_eigen(random_right_translation<T>(group, random));
  const std::int64_t order = group.order();
  const double gap = 1e-9 * static_cast<double>(order);
  std::vector<IrrepOf<T>> found;
  double dimensions = 0;
  for (std::int64_t first = 0, last = 0; first < order; first = last) {
    last = first + 1;
    while (last < order &&
           eigen.values[static_cast<std::size_t>(last)] - eigen.values[static_cast<std::size_t>(last - 1)] < gap)
      ++last;
    const Eigenspace<T> space{group, eigen.vectors, first, last - first};
    std::vector<T> character = space.character();
    const bool known = std::ranges::any_of(
        found, [&](const IrrepOf<T>& irrep) { return std::abs(inner(irrep.character, character)) > 0.5; });
    if (known) continue;
    const int type = type_number(group, character);
    if (type == 0) return {};
    const double degree = static_cast<double>(space.degree);
    dimensions += degree * degree / (std::is_same_v<T, double> ? type : 1);
    found.push_back({space.degree, static_cast<IrrepType>(type), space.matrices(), std::move(character)});
  }
  if (std::abs(dimensions - static_cast<double>(order)) > 1e-6) return {};
  return found;
}

/// By degree, the trivial irrep first, then by real type first and by character.
template <class T>
bool comes_before(const IrrepOf<T>& a, const IrrepOf<T>& b) {
  if (a.degree != b.degree) return a.degree < b.degree;
  for (std::size_t s = 0; s < a.character.size(); ++s) {
    const Complex difference = Complex(a.character[s]) - Complex(b.character[s]);
    if (std::abs(difference.real()) > 1e-6) return difference.real() > 0;
    if (std::abs(difference.imag()) > 1e-6) return difference.imag() > 0;
  }
  return false;
}

}  // namespace

template <class T>
std::vector<IrrepOf<T>> irreps(const FiniteGroup& group) {
  require(group.order() <= max_irrep_order, "irreps", "{} has {} elements. The limit is {}.", group.name(),
          group.order(), max_irrep_order);
  RandomSource random(0x69727265u);
  for (int attempt = 0; attempt < 8; ++attempt) {
    std::vector<IrrepOf<T>> found = try_irreps<T>(group, random);
    if (found.empty()) continue;
    std::ranges::sort(found, comes_before<T>);
    return found;
  }
  fail("irreps", "the eigenvalues of {} never separated. Report its Cayley table.", group.name());
}

double character_inner_product(const std::vector<double>& chi, const std::vector<double>& psi) {
  return inner(chi, psi);
}
Complex character_inner_product(const std::vector<Complex>& chi, const std::vector<Complex>& psi) {
  return inner(chi, psi);
}

std::vector<std::int64_t> multiplicities(const std::vector<Irrep>& irreps, const std::vector<double>& character) {
  std::vector<std::int64_t> result;
  for (const Irrep& irrep : irreps) {
    require(irrep.character.size() == character.size(), "multiplicities",
            "characters of {} and {} elements. One group.", irrep.character.size(), character.size());
    const double count = inner(irrep.character, character) / static_cast<int>(irrep.type);
    require(std::abs(count - std::round(count)) < 1e-6, "multiplicities", "{:.6f} copies of an irrep. No character.",
            count);
    result.push_back(std::llround(count));
  }
  return result;
}

template std::vector<Irrep> irreps(const FiniteGroup&);
template std::vector<ComplexIrrep> irreps(const FiniteGroup&);

}  // namespace orbitgrad::groups
