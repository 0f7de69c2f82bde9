#include "groups/invariant_basis.hpp"

#include <algorithm>
#include <chrono>

#include "groups/closed_forms.hpp"
#include "groups/null_space.hpp"

namespace orbitgrad::groups {

template <class T>
InvariantBasis<T> InvariantBasis<T>::everything(std::int64_t n) {
  InvariantBasis result;
  result.size_ = result.rank_ = n;
  return result;
}

template <class T>
InvariantBasis<T> InvariantBasis<T>::of_orbits(std::vector<std::int32_t> orbit_of) {
  InvariantBasis result;
  result.size_ = static_cast<std::int64_t>(orbit_of.size());
  for (const std::int32_t orbit : orbit_of) {
    if (orbit >= static_cast<std::int64_t>(result.orbit_weight_.size()))
      result.orbit_weight_.resize(static_cast<std::size_t>(orbit) + 1);
    result.orbit_weight_[static_cast<std::size_t>(orbit)] += 1;
  }
  for (double& weight : result.orbit_weight_) weight = 1 / std::sqrt(weight);
  result.rank_ = static_cast<std::int64_t>(result.orbit_weight_.size());
  result.orbit_of_ = std::move(orbit_of);
  return result;
}

template <class T>
InvariantBasis<T> InvariantBasis<T>::of_columns(std::int64_t n, SparseColumns<T> columns) {
  InvariantBasis result;
  result.size_ = n;
  result.rank_ = columns.count();
  result.columns_ = std::move(columns);
  return result;
}

namespace {

void require_length(std::size_t given, std::int64_t wanted) {
  require(static_cast<std::int64_t>(given) == wanted, "InvariantBasis", "{} values where {} belong. Check the type.",
          given, wanted);
}

}  // namespace

template <class T>
std::vector<T> InvariantBasis<T>::coefficients(std::span<const T> x) const {
  require_length(x.size(), size_);
  if (is_everything()) return {x.begin(), x.end()};
  std::vector<T> result(static_cast<std::size_t>(rank_), T(0));
  if (!orbit_of_.empty()) {
    for (std::size_t i = 0; i < x.size(); ++i) result[static_cast<std::size_t>(orbit_of_[i])] += x[i];
    for (std::size_t k = 0; k < result.size(); ++k) result[k] *= orbit_weight_[k];
    return result;
  }
  for (std::size_t k = 0; k < result.size(); ++k)
    for (auto e = static_cast<std::size_t>(columns_.begin[k]); e < static_cast<std::size_t>(columns_.begin[k + 1]); ++e)
      result[k] += conjugate(columns_.values[e]) * x[static_cast<std::size_t>(columns_.rows[e])];
  return result;
}

template <class T>
std::vector<T> InvariantBasis<T>::expand(std::span<const T> coefficients) const {
  require_length(coefficients.size(), rank_);
  if (is_everything()) return {coefficients.begin(), coefficients.end()};
  std::vector<T> result(static_cast<std::size_t>(size_), T(0));
  if (!orbit_of_.empty()) {
    for (std::size_t i = 0; i < result.size(); ++i) {
      const auto k = static_cast<std::size_t>(orbit_of_[i]);
      result[i] = coefficients[k] * orbit_weight_[k];
    }
    return result;
  }
  for (std::size_t k = 0; k < coefficients.size(); ++k)
    for (auto e = static_cast<std::size_t>(columns_.begin[k]); e < static_cast<std::size_t>(columns_.begin[k + 1]); ++e)
      result[static_cast<std::size_t>(columns_.rows[e])] += columns_.values[e] * coefficients[k];
  return result;
}

template <class T>
void InvariantBasis<T>::project(std::span<T> x) const {
  if (is_everything()) return require_length(x.size(), size_);
  const std::vector<T> projected = expand(coefficients(x));
  std::ranges::copy(projected, x.begin());
}

template <class T>
SparseColumns<T> InvariantBasis<T>::to_columns() const {
  if (orbit_of_.empty() && !is_everything()) return columns_;
  SparseColumns<T> columns;
  std::vector<std::vector<std::int64_t>> members(static_cast<std::size_t>(rank_));
  for (std::int64_t i = 0; i < size_; ++i)
    members[is_everything() ? static_cast<std::size_t>(i)
                            : static_cast<std::size_t>(orbit_of_[static_cast<std::size_t>(i)])]
        .push_back(i);
  for (const auto& orbit : members) {
    for (const std::int64_t row : orbit) {
      columns.rows.push_back(row);
      columns.values.push_back(T(1 / std::sqrt(static_cast<double>(orbit.size()))));
    }
    columns.finish_column();
  }
  return columns;
}

template <class T>
MatrixOf<T> InvariantBasis<T>::to_dense() const {
  require(static_cast<double>(size_) * static_cast<double>(rank_) <= 0.25e9, "InvariantBasis",
          "[{}, {}] as a dense matrix has more than 250 million entries. Use project().", size_, rank_);
  MatrixOf<T> result(size_, rank_);
  const SparseColumns<T> columns = to_columns();
  for (std::int64_t k = 0; k < rank_; ++k)
    for (auto e = static_cast<std::size_t>(columns.begin[static_cast<std::size_t>(k)]);
         e < static_cast<std::size_t>(columns.begin[static_cast<std::size_t>(k) + 1]); ++e)
      result(columns.rows[e], k) = columns.values[e];
  return result;
}

namespace {

/// The columns with what is not rounding; each vector is freed as it is taken over.
template <class T>
InvariantBasis<T> basis_of_vectors(std::int64_t n, std::vector<std::vector<T>> vectors, std::int64_t memory_limit) {
  const auto is_entry = [](const T& value) { return std::abs(value) > 1e-15; };
  std::int64_t count = 0;
  for (const std::vector<T>& vector : vectors) count += std::ranges::count_if(vector, is_entry);
  const double bytes = static_cast<double>(count) * static_cast<double>(sizeof(std::int64_t) + sizeof(T));
  require(bytes <= static_cast<double>(memory_limit), "invariant_basis",
          "{} columns of {} with {} entries need {:.2g} GB, the memory limit is {:.2g} GB. Raise it or take a smaller "
          "rank.",
          vectors.size(), n, count, bytes * 1e-9, static_cast<double>(memory_limit) * 1e-9);
  SparseColumns<T> columns;
  columns.rows.reserve(static_cast<std::size_t>(count));
  columns.values.reserve(static_cast<std::size_t>(count));
  for (std::vector<T>& vector : vectors) {
    for (std::size_t i = 0; i < vector.size(); ++i)
      if (is_entry(vector[i])) {
        columns.rows.push_back(static_cast<std::int64_t>(i));
        columns.values.push_back(vector[i]);
      }
    columns.finish_column();
    vector = {};
  }
  return InvariantBasis<T>::of_columns(n, std::move(columns));
}

/// Largest |C q| over the columns, or over a few random combinations if there are many entries.
template <class T>
double largest_residual(Constraints<T>& constraints, const InvariantBasis<T>& basis) {
  const bool all = static_cast<double>(basis.rank()) * static_cast<double>(basis.space_dimension()) < 1e6;
  const std::int64_t checks = all ? basis.rank() : std::min<std::int64_t>(basis.rank(), 3);
  RandomSource random(0x72657364u);
  double largest = 0;
  for (std::int64_t k = 0; k < checks; ++k) {
    std::vector<T> c(static_cast<std::size_t>(basis.rank()), T(0));
    double square = 0;
    if (all)
      c[static_cast<std::size_t>(k)] = T(1);
    else
      for (T& value : c) square += std::norm(value = random.normal_value<T>());
    std::vector<T> x = basis.expand(c);
    largest = std::max(largest, constraints.residual(x) / (all ? 1 : std::sqrt(square)));
  }
  return largest;
}

/// Whether C is 0 or the rounding of 0, as of turns by 2 pi: then no relative threshold could tell.
template <class T>
bool constrain_nothing(Constraints<T>& constraints, std::int64_t memory_limit) {
  if (constraints.empty()) return true;
  if (3 * static_cast<double>(constraints.size()) * sizeof(T) > static_cast<double>(memory_limit)) return false;
  RandomSource random(0x7a65726fu);
  std::vector<T> x(static_cast<std::size_t>(constraints.size()));
  double square = 0;
  for (T& value : x) square += std::norm(value = random.normal_value<T>());
  return constraints.residual(x) <= 1e-13 * constraints.scale() * std::sqrt(square);
}

}  // namespace

template <class T>
InvariantBasis<T> invariant_basis(const TensorType& type, const MatrixGroup& group, const BasisOptions& options) {
  require(!std::is_same_v<T, double> || group.is_real(), "invariant_basis", "{} is complex. Solve in complex numbers.",
          group.name());
  const auto begin = std::chrono::steady_clock::now();
  const std::int64_t n = type.dimension();
  std::optional<InvariantBasis<T>> basis;
  BasisReport report;
  if (options.closed_forms) {
    basis = closed_form<T>(type, group, options);
    if (basis) report = basis->report();
  }
  Constraints<T> constraints(type, group);
  if (!basis && constrain_nothing(constraints, options.memory_limit)) {
    basis = InvariantBasis<T>::everything(n);
    report.solver = "everything";
  }
  if (!basis) {
    NullSpace<T> solution = null_space(constraints, type, options.memory_limit);
    report = {solution.solver, 0, solution.gap, 0};
    basis = basis_of_vectors(n, std::move(solution.vectors), options.memory_limit);
  }
  // Orbits and everything are exact by construction.
  if (basis->orbit_of().empty() && !basis->is_everything()) {
    report.residual = largest_residual(constraints, *basis);
    require(report.residual < 1e-10 * std::max(1.0, std::sqrt(static_cast<double>(n))), "invariant_basis",
            "{} of {}: residual {:.1e} by {}. Check the generators.", type.to_string(), group.name(), report.residual,
            report.solver);
  }
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  basis->set_report(std::move(report));
  return *std::move(basis);
}

template class InvariantBasis<double>;
template class InvariantBasis<Complex>;
template InvariantBasis<double> invariant_basis(const TensorType&, const MatrixGroup&, const BasisOptions&);
template InvariantBasis<Complex> invariant_basis(const TensorType&, const MatrixGroup&, const BasisOptions&);

}  // namespace orbitgrad::groups
