#include "groups/enumeration.hpp"

namespace orbitgrad::groups {

namespace {

constexpr double tolerance = 1e-6;

}  // namespace

Enumeration::Enumeration(const MatrixGroup& group) : name_(group.name()) {
  require(group.lie_generators().empty(), "Enumeration", "{} has a Lie algebra: it is infinite. Take a finite group.",
          group.name());
  RandomSource random(0x656e756du);
  for (std::int64_t i = 0; i < 2 * group.dimension() * group.dimension(); ++i) weights_.push_back(random.normal());
  const auto add = [&](const ComplexMatrix& matrix) {
    double print = 0;
    for (std::size_t k = 0; k < matrix.values.size(); ++k)
      print += weights_[2 * k] * matrix.values[k].real() + weights_[2 * k + 1] * matrix.values[k].imag();
    by_fingerprint_.emplace(std::llround(print / tolerance), static_cast<int>(matrices_.size()));
    matrices_.push_back(matrix);
  };
  const auto generators = group.discrete_generators();
  std::vector<std::vector<int>> times;  // times[g][i] = index of element i * generator g
  times.resize(generators.size());
  std::vector<std::pair<int, std::size_t>> origin{{0, 0}};  // element = origin element * generator
  add(ComplexMatrix::identity(group.dimension()));
  for (std::size_t i = 0; i < matrices_.size(); ++i)
    for (std::size_t g = 0; g < generators.size(); ++g) {
      const ComplexMatrix product = matrices_[i] * generators[g];
      int index = find(product);
      if (index < 0) {
        require(static_cast<std::int64_t>(matrices_.size()) < FiniteGroup::max_order, "Enumeration",
                "{} has more than {} elements, perhaps infinitely many. Take a smaller finite group.", group.name(),
                FiniteGroup::max_order);
        index = static_cast<int>(matrices_.size());
        add(product);
        origin.emplace_back(static_cast<int>(i), g);
      }
      times[g].push_back(index);
    }
  // a b: b = b' g was found after b', so a b = (a b') g.
  const std::size_t order = matrices_.size();
  std::vector<int> table(order * order);
  for (std::size_t a = 0; a < order; ++a) table[a * order] = static_cast<int>(a);
  for (std::size_t b = 1; b < order; ++b)
    for (std::size_t a = 0; a < order; ++a)
      table[a * order + b] =
          times[origin[b].second]
               [static_cast<std::size_t>(table[a * order + static_cast<std::size_t>(origin[b].first)])];
  group_ = std::make_shared<FiniteGroup>(group.name(), static_cast<std::int64_t>(order), std::move(table));
}

int Enumeration::find(const ComplexMatrix& matrix) const {
  double print = 0;
  for (std::size_t k = 0; k < matrix.values.size(); ++k)
    print += weights_[2 * k] * matrix.values[k].real() + weights_[2 * k + 1] * matrix.values[k].imag();
  const std::int64_t place = std::llround(print / tolerance);
  const std::int64_t reach = 1 + 4 * matrix.rows;  // how far rounding to `tolerance` can move the fingerprint
  for (auto it = by_fingerprint_.lower_bound(place - reach); it != by_fingerprint_.end() && it->first <= place + reach;
       ++it)
    if (largest_entry(matrices_[static_cast<std::size_t>(it->second)] - matrix) < tolerance) return it->second;
  return -1;
}

int Enumeration::index_of(const ComplexMatrix& matrix) const {
  require(matrix.rows == matrices_[0].rows && matrix.cols == matrices_[0].cols, "Enumeration",
          "[{}, {}] is no element of {}. Elements are [{}, {}].", matrix.rows, matrix.cols, name_, matrices_[0].rows,
          matrices_[0].cols);
  const int index = find(matrix);
  require(index >= 0, "Enumeration", "the matrix is no element of {}. Multiply its generators.", name_);
  return index;
}

}  // namespace orbitgrad::groups
