#include "groups/closed_forms.hpp"

#include <algorithm>
#include <map>
#include <numeric>

#include "groups/constraints.hpp"
#include "groups/invariant_products.hpp"

namespace orbitgrad::groups {

namespace {

template <class T>
InvariantBasis<T> named(InvariantBasis<T> basis, const char* solver) {
  basis.set_report({solver, 0, 0, 0});
  return basis;
}

/// For each factor, whether it is V*. Nothing if one is neither V nor V*.
std::optional<std::vector<bool>> dual_axes(const TensorType& type) {
  std::vector<bool> result;
  for (const AtomPointer& factor : type.factors()) {
    if (factor->name != "V" && factor->name != "dual(V)") return {};
    result.push_back(factor->name != "V");
  }
  return result;
}

TensorType type_of(const MatrixGroup& group, const std::vector<bool>& dual) {
  const AtomPointer base = base_atom(group), other = dual_atom(base, group);
  std::vector<AtomPointer> factors;
  for (const bool is_dual : dual) factors.push_back(is_dual ? other : base);
  return TensorType(std::move(factors));
}

std::int32_t find_root(std::vector<std::int32_t>& parent, std::int32_t i) {
  while (parent[static_cast<std::size_t>(i)] != i) {
    parent[static_cast<std::size_t>(i)] = parent[static_cast<std::size_t>(parent[static_cast<std::size_t>(i)])];
    i = parent[static_cast<std::size_t>(i)];
  }
  return i;
}

/// Union and find over index tuples; images[generator][axis][i].
std::vector<std::int32_t> tuple_orbits(std::int64_t n,
                                       const std::vector<std::vector<std::vector<std::int32_t>>>& images) {
  std::vector<std::int32_t> parent(static_cast<std::size_t>(n));
  std::iota(parent.begin(), parent.end(), 0);
  for (const auto& axes : images) {
    std::vector<std::int64_t> moved{0};  // where each tuple of the axes so far goes
    moved.reserve(static_cast<std::size_t>(n));
    for (const auto& axis : axes) {
      std::vector<std::int64_t> longer;
      longer.reserve(moved.size() * axis.size());
      for (const std::int64_t head : moved)
        for (const std::int32_t image : axis) longer.push_back(head * static_cast<std::int64_t>(axis.size()) + image);
      moved = std::move(longer);
    }
    for (std::size_t i = 0; i < moved.size(); ++i) {
      const std::int32_t a = find_root(parent, static_cast<std::int32_t>(i));
      const std::int32_t b = find_root(parent, static_cast<std::int32_t>(moved[i]));
      if (a != b) parent[static_cast<std::size_t>(std::max(a, b))] = std::min(a, b);
    }
  }
  std::int32_t count = 0;
  std::vector<std::int32_t> orbit_of(static_cast<std::size_t>(n));
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(n); ++i) {
    const std::int32_t root = find_root(parent, i);
    orbit_of[static_cast<std::size_t>(i)] = root == i ? count++ : orbit_of[static_cast<std::size_t>(root)];
  }
  return orbit_of;
}

template <class T>
std::optional<InvariantBasis<T>> by_orbits(const TensorType& type, const MatrixGroup& group,
                                           const BasisOptions& options) {
  if (!group.lie_generators().empty() || group.discrete_generators().empty()) return {};
  const std::int64_t n = type.dimension();
  const bool plain = group.is_permutation() && dual_axes(type).has_value();
  if (plain || n < (std::int64_t{1} << 31)) {
    const auto images = Constraints<T>(type, group).permutation_images();
    if (images.empty()) return {};
    require(n < (std::int64_t{1} << 31) && 20 * n <= options.memory_limit, "invariant_basis",
            "orbits of {} coordinates need {:.2g} GB, the memory limit is {:.2g} GB. Raise it or take a smaller rank.",
            n, 20e-9 * static_cast<double>(n), 1e-9 * static_cast<double>(options.memory_limit));
    return named(InvariantBasis<T>::of_orbits(tuple_orbits(n, images)), "orbits");
  }
  return {};
}

/// Every choice of axes that lie in the embedded coordinates, the others in one fixed coordinate each.
template <class T>
std::optional<InvariantBasis<T>> by_embedding(const std::vector<bool>& dual, const MatrixGroup& group,
                                              const BasisOptions& options) {
  const MatrixGroup& inner = group.structure().parts[0];
  const auto& inside = group.structure().coordinates;
  std::vector<std::int64_t> outside;
  for (std::int64_t i = 0; i < group.dimension(); ++i)
    if (std::ranges::find(inside, i) == inside.end()) outside.push_back(i);
  const std::size_t rank = dual.size();
  if (rank > 16) return {};
  std::vector<std::int64_t> stride(rank, 1);
  for (std::size_t axis = rank; axis-- > 1;) stride[axis - 1] = stride[axis] * group.dimension();

  std::map<std::vector<bool>, SparseColumns<T>> solved;
  SparseColumns<T> columns;
  for (std::size_t subset = 0; subset < std::size_t{1} << rank; ++subset) {
    std::vector<bool> inner_dual;
    std::vector<std::size_t> inner_axes, outer_axes;
    for (std::size_t axis = 0; axis < rank; ++axis) {
      const bool in = (subset >> axis & 1) != 0;
      (in ? inner_axes : outer_axes).push_back(axis);
      if (in) inner_dual.push_back(dual[axis]);
    }
    if (!outer_axes.empty() && outside.empty()) continue;
    if (!solved.contains(inner_dual))
      solved.emplace(inner_dual, invariant_basis<T>(type_of(inner, inner_dual), inner, options).to_columns());
    const SparseColumns<T>& part = solved.at(inner_dual);
    std::int64_t choices = 1;
    for (std::size_t i = 0; i < outer_axes.size(); ++i) choices *= static_cast<std::int64_t>(outside.size());
    require(static_cast<double>(choices) * static_cast<double>(part.values.size()) * 16 <=
                static_cast<double>(options.memory_limit),
            "invariant_basis", "{} columns of an embedding are above the memory limit. Take a smaller rank.",
            choices * part.count());
    for (std::int64_t choice = 0; choice < choices; ++choice) {
      std::int64_t base = 0, digits = choice;
      for (const std::size_t axis : outer_axes) {
        base += stride[axis] * outside[static_cast<std::size_t>(digits) % outside.size()];
        digits /= static_cast<std::int64_t>(outside.size());
      }
      for (std::size_t k = 0; k < static_cast<std::size_t>(part.count()); ++k) {
        for (auto e = static_cast<std::size_t>(part.begin[k]); e < static_cast<std::size_t>(part.begin[k + 1]); ++e) {
          std::int64_t row = base, index = part.rows[e];
          for (std::size_t a = inner_axes.size(); a-- > 0;) {
            row += stride[inner_axes[a]] * inside[static_cast<std::size_t>(index % inner.dimension())];
            index /= inner.dimension();
          }
          columns.rows.push_back(row);
          columns.values.push_back(part.values[e]);
        }
        columns.finish_column();
      }
    }
  }
  return named(InvariantBasis<T>::of_columns(stride.empty() ? 1 : stride[0] * group.dimension(), std::move(columns)),
               "embedding");
}

/// Invariants of G x H on (V x W)^k are products of those on V^k and W^k, with the axes interleaved.
template <class T>
std::optional<InvariantBasis<T>> by_product(const std::vector<bool>& dual, const MatrixGroup& group,
                                            const BasisOptions& options) {
  const MatrixGroup &first = group.structure().parts[0], &second = group.structure().parts[1];
  const SparseColumns<T> a = invariant_basis<T>(type_of(first, dual), first, options).to_columns();
  const SparseColumns<T> b = invariant_basis<T>(type_of(second, dual), second, options).to_columns();
  require(static_cast<double>(a.values.size()) * static_cast<double>(b.values.size()) * 16 <=
              static_cast<double>(options.memory_limit),
          "invariant_basis", "{} x {} columns of a product are above the memory limit. Take a smaller rank.", a.count(),
          b.count());
  const std::int64_t d1 = first.dimension(), d2 = second.dimension();
  SparseColumns<T> columns;
  for (std::size_t i = 0; i < static_cast<std::size_t>(a.count()); ++i)
    for (std::size_t j = 0; j < static_cast<std::size_t>(b.count()); ++j) {
      for (auto e = static_cast<std::size_t>(a.begin[i]); e < static_cast<std::size_t>(a.begin[i + 1]); ++e)
        for (auto f = static_cast<std::size_t>(b.begin[j]); f < static_cast<std::size_t>(b.begin[j + 1]); ++f) {
          std::int64_t row = 0, stride = 1, left = a.rows[e], right = b.rows[f];
          for (std::size_t axis = 0; axis < dual.size(); ++axis) {
            row += stride * ((left % d1) * d2 + right % d2);
            stride *= d1 * d2;
            left /= d1;
            right /= d2;
          }
          columns.rows.push_back(row);
          columns.values.push_back(a.values[e] * b.values[f]);
        }
      columns.finish_column();
    }
  std::int64_t n = 1;
  for (std::size_t axis = 0; axis < dual.size(); ++axis) n *= d1 * d2;
  return named(InvariantBasis<T>::of_columns(n, std::move(columns)), "product");
}

}  // namespace

template <class T>
std::optional<InvariantBasis<T>> closed_form(const TensorType& type, const MatrixGroup& group,
                                             const BasisOptions& options) {
  const GroupStructure& structure = group.structure();
  if (auto orbits = by_orbits<T>(type, group, options)) return orbits;
  const auto dual = dual_axes(type);
  if (!dual) return {};
  if (structure.family == Family::scaling) {
    const std::int64_t n = type.dimension();
    const auto down = std::ranges::count(*dual, true);
    const bool balanced = 2 * down == static_cast<std::int64_t>(dual->size());
    return named(balanced ? InvariantBasis<T>::everything(n) : InvariantBasis<T>::of_columns(n, {}), "scaling");
  }
  if (structure.family == Family::embedding) return by_embedding<T>(*dual, group, options);
  if (structure.family == Family::direct_product) return by_product<T>(*dual, group, options);
  if (structure.fundamental)
    if (auto columns = products_of_invariants<T>(*dual, group.dimension(), *structure.fundamental))
      return named(InvariantBasis<T>::of_columns(type.dimension(), *std::move(columns)), "invariant theory");
  return {};
}

template std::optional<InvariantBasis<double>> closed_form(const TensorType&, const MatrixGroup&, const BasisOptions&);
template std::optional<InvariantBasis<Complex>> closed_form(const TensorType&, const MatrixGroup&, const BasisOptions&);

}  // namespace orbitgrad::groups
