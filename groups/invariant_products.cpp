#include "groups/invariant_products.hpp"

#include <algorithm>
#include <numeric>

#include "groups/linear_algebra.hpp"

namespace orbitgrad::groups {

namespace {

constexpr std::size_t max_products = 2000;
constexpr std::size_t max_entries = std::size_t{1} << 25;

/// A tensor with few entries, offsets in the whole tensor.
struct SparseTensor {
  std::vector<std::int64_t> offsets;
  std::vector<double> values;
};

SparseTensor tensor_product(const SparseTensor& a, const SparseTensor& b) {
  SparseTensor result;
  for (std::size_t i = 0; i < a.offsets.size(); ++i)
    for (std::size_t j = 0; j < b.offsets.size(); ++j) {
      result.offsets.push_back(a.offsets[i] + b.offsets[j]);
      result.values.push_back(a.values[i] * b.values[j]);
    }
  return result;
}

class Products {
 public:
  Products(const std::vector<bool>& dual, std::int64_t n, const FundamentalInvariants& invariants)
      : dual_(dual), n_(n), invariants_(invariants), stride_(dual.size(), 1) {
    for (std::size_t axis = dual.size(); axis-- > 1;) stride_[axis - 1] = stride_[axis] * n;
    std::vector<std::size_t> axes(dual.size());
    std::iota(axes.begin(), axes.end(), std::size_t{0});
    const auto down = static_cast<std::int64_t>(std::ranges::count(dual, true));
    const std::int64_t surplus = static_cast<std::int64_t>(dual.size()) - 2 * down;
    const bool form = invariants.form.has_value();
    const SparseTensor one{{0}, {1}};
    if (form ? axes.size() % 2 == 0 : surplus == 0) extend(one, axes, 0);
    if (!invariants.volume) return;
    // With a form, two volumes are products of forms; without one, volumes use up the surplus of V or of V*.
    if (form && static_cast<std::int64_t>(axes.size()) >= n && (static_cast<std::int64_t>(axes.size()) - n) % 2 == 0)
      extend(one, axes, 1);
    if (!form && surplus != 0 && surplus % n == 0) extend(one, axes, std::abs(surplus) / n);
  }

  bool too_many = false;
  std::vector<SparseTensor> found;

 private:
  /// All ways to fill the remaining axes, always the first one of them first.
  void extend(const SparseTensor& so_far, const std::vector<std::size_t>& axes, std::int64_t volumes) {
    if (too_many) return;
    if (axes.empty()) {
      if (volumes == 0) found.push_back(so_far);
      entries_ += so_far.offsets.size();
      too_many = found.size() > max_products || entries_ > max_entries;
      return;
    }
    if (so_far.offsets.size() > max_entries) {
      too_many = true;
      return;
    }
    for (std::size_t k = 1; k < axes.size(); ++k) {
      if (!invariants_.form && dual_[axes[0]] == dual_[axes[k]]) continue;
      std::vector<std::size_t> rest;
      for (std::size_t i = 1; i < axes.size(); ++i)
        if (i != k) rest.push_back(axes[i]);
      extend(tensor_product(so_far, pair(axes[0], axes[k])), rest, volumes);
    }
    if (volumes > 0) choose_volume(so_far, axes, {axes[0]}, 1, volumes);
  }

  /// Axes of the next Levi-Civita tensor, ascending, the first remaining axis among them. With a form that axis can
  /// also be left to pairings, which extend() has done.
  void choose_volume(const SparseTensor& so_far, const std::vector<std::size_t>& axes,
                     const std::vector<std::size_t>& chosen, std::size_t from, std::int64_t volumes) {
    if (static_cast<std::int64_t>(chosen.size()) == n_) {
      std::vector<std::size_t> rest;
      std::ranges::set_difference(axes, chosen, std::back_inserter(rest));
      extend(tensor_product(so_far, volume(chosen)), rest, volumes - 1);
      return;
    }
    for (std::size_t k = from; k < axes.size(); ++k) {
      if (!invariants_.form && dual_[axes[k]] != dual_[axes[0]]) continue;
      std::vector<std::size_t> longer = chosen;
      longer.push_back(axes[k]);
      choose_volume(so_far, axes, longer, k + 1, volumes);
    }
  }

  /// The pairing of V and V*, or the form on V* x V*, or its inverse on V x V, which is its transpose.
  SparseTensor pair(std::size_t a, std::size_t b) const {
    SparseTensor result;
    for (std::int64_t i = 0; i < n_; ++i)
      for (std::int64_t j = 0; j < n_; ++j) {
        const double value = dual_[a] != dual_[b] ? (i == j ? 1 : 0)
                             : dual_[a]           ? (*invariants_.form)(i, j)
                                                  : (*invariants_.form)(j, i);
        if (value == 0) continue;
        result.offsets.push_back(stride_[a] * i + stride_[b] * j);
        result.values.push_back(value);
      }
    return result;
  }

  /// The sign of permutations; indices of V* axes lowered by the form, if the axes are mixed.
  SparseTensor volume(const std::vector<std::size_t>& axes) const {
    SparseTensor result;
    std::vector<std::int64_t> order(axes.size());
    std::iota(order.begin(), order.end(), std::int64_t{0});
    do {
      double value = 1;
      std::int64_t offset = 0;
      for (std::size_t i = 0; i < order.size(); ++i) {
        offset += stride_[axes[i]] * order[i];
        for (std::size_t j = 0; j < i; ++j)
          if (order[j] > order[i]) value = -value;
        if (invariants_.form && dual_[axes[i]]) value *= (*invariants_.form)(order[i], order[i]);
      }
      result.offsets.push_back(offset);
      result.values.push_back(value);
    } while (std::ranges::next_permutation(order).found);
    return result;
  }

  const std::vector<bool>& dual_;
  std::int64_t n_;
  const FundamentalInvariants& invariants_;
  std::vector<std::int64_t> stride_;
  std::size_t entries_ = 0;
};

}  // namespace

template <class T>
std::optional<SparseColumns<T>> products_of_invariants(const std::vector<bool>& dual, std::int64_t n,
                                                       const FundamentalInvariants& invariants) {
  if (invariants.volume && n > 8 && static_cast<std::int64_t>(dual.size()) >= n) return {};  // n! entries
  const Products products(dual, n, invariants);
  if (products.too_many) return {};
  SparseColumns<T> columns;
  const std::vector<SparseTensor>& found = products.found;
  if (found.empty()) return columns;

  // All tensors on the offsets that occur at all: [products, support].
  std::vector<std::int64_t> support;
  for (const SparseTensor& tensor : found) support.insert(support.end(), tensor.offsets.begin(), tensor.offsets.end());
  std::ranges::sort(support);
  support.erase(std::ranges::unique(support).begin(), support.end());
  if (support.size() * found.size() > 2 * max_entries) return {};
  const auto count = static_cast<std::int64_t>(found.size()), width = static_cast<std::int64_t>(support.size());
  Matrix rows(count, width);
  std::vector<std::vector<std::int64_t>> places(found.size());  // of the offsets, in the support
  for (std::size_t k = 0; k < found.size(); ++k)
    for (std::size_t e = 0; e < found[k].offsets.size(); ++e) {
      places[k].push_back(std::ranges::lower_bound(support, found[k].offsets[e]) - support.begin());
      rows(static_cast<std::int64_t>(k), places[k].back()) += found[k].values[e];
    }
  Matrix gram(count, count);
  for (std::int64_t a = 0; a < count; ++a)
    for (std::int64_t b = 0; b <= a; ++b) {
      const auto k = static_cast<std::size_t>(b);
      double sum = 0;
      for (std::size_t e = 0; e < places[k].size(); ++e) sum += found[k].values[e] * rows(a, places[k][e]);
      gram(a, b) = gram(b, a) = sum;
    }
  const HermitianEigen<double> eigen = hermitian_eigen(gram);
  for (std::int64_t k = 0; k < count; ++k) {
    const double eigenvalue = eigen.values[static_cast<std::size_t>(k)];
    if (eigenvalue < 1e-9 * eigen.values.back()) continue;  // the Gram matrix is integer: its null space is exact
    std::vector<double> column(static_cast<std::size_t>(width), 0.0);
    for (std::int64_t a = 0; a < count; ++a) {
      const double factor = eigen.vectors(a, k) / std::sqrt(eigenvalue);
      for (std::int64_t i = 0; i < width; ++i) column[static_cast<std::size_t>(i)] += factor * rows(a, i);
    }
    for (std::size_t i = 0; i < column.size(); ++i)
      if (std::abs(column[i]) > 1e-15) {
        columns.rows.push_back(support[i]);
        columns.values.push_back(T(column[i]));
      }
    columns.finish_column();
  }
  return columns;
}

template std::optional<SparseColumns<double>> products_of_invariants(const std::vector<bool>&, std::int64_t,
                                                                     const FundamentalInvariants&);
template std::optional<SparseColumns<Complex>> products_of_invariants(const std::vector<bool>&, std::int64_t,
                                                                      const FundamentalInvariants&);

}  // namespace orbitgrad::groups
