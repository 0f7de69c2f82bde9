#include "groups/equivariant_maps.hpp"

#include <algorithm>

namespace orbitgrad::groups {

template <class T>
EquivariantMaps<T>::EquivariantMaps(const Representation& out, const Representation& in, BasisLibrary<T>& library)
    : out_(out.dimension()), in_(in.dimension()) {
  require(out.group().name() == in.group().name() && out.group().dimension() == in.group().dimension(),
          "EquivariantMaps", "output of {}, input of {}. Take representations of one group.", out.group().name(),
          in.group().name());
  const Representation dual = in.dual();
  double pairs = 0;
  for (const auto& left : out.terms())
    for (const auto& right : in.terms())
      pairs += static_cast<double>(left.multiplicity) * static_cast<double>(right.multiplicity);
  require(pairs <= 2e7, "EquivariantMaps", "{} -> {} has {:.2g} blocks, the limit is 2e7. Take fewer copies.",
          in.dimension(), out.dimension(), pairs);
  std::int64_t row = 0;
  for (const Representation::Term& left : out.terms()) {
    const std::int64_t rows = left.type.dimension();
    std::int64_t col = 0;
    for (const Representation::Term& right : dual.terms()) {
      const std::int64_t cols = right.type.dimension();
      std::vector<AtomPointer> factors = left.type.factors();
      factors.insert(factors.end(), right.type.factors().begin(), right.type.factors().end());
      const TensorType type(std::move(factors));
      auto place = std::ranges::find_if(blocks_, [&](const BlockGroup& group) {
        return group.rows == rows && group.cols == cols && group.type == type;
      });
      if (place == blocks_.end()) {
        blocks_.push_back({type, library.get(type, out.group()), rows, cols, {}});
        place = blocks_.end() - 1;
      }
      for (std::int64_t i = 0; i < left.multiplicity; ++i)
        for (std::int64_t j = 0; j < right.multiplicity; ++j)
          place->corner.emplace_back(row + i * rows, col + j * cols);
      col += right.multiplicity * cols;
    }
    row += left.multiplicity * rows;
  }
}

template <class T>
std::int64_t EquivariantMaps<T>::dimension() const {
  std::int64_t sum = 0;
  for (const BlockGroup& group : blocks_) sum += static_cast<std::int64_t>(group.corner.size()) * group.basis->rank();
  return sum;
}

template <class T>
void EquivariantMaps<T>::project(std::span<T> weight) const {
  require(static_cast<std::int64_t>(weight.size()) == out_ * in_, "EquivariantMaps",
          "{} weights for [{}, {}]. Give one for each entry.", weight.size(), out_, in_);
  std::vector<T> block;
  for (const BlockGroup& group : blocks_) {
    block.resize(static_cast<std::size_t>(group.rows * group.cols));
    for (const auto& [row, col] : group.corner) {
      T* corner = weight.data() + row * in_ + col;
      for (std::int64_t i = 0; i < group.rows; ++i)
        std::copy_n(corner + i * in_, group.cols, block.data() + i * group.cols);
      group.basis->project(block);
      for (std::int64_t i = 0; i < group.rows; ++i)
        std::copy_n(block.data() + i * group.cols, group.cols, corner + i * in_);
    }
  }
}

template <class T>
MatrixOf<T> EquivariantMaps<T>::to_dense() const {
  const double entries = static_cast<double>(out_) * static_cast<double>(in_) * static_cast<double>(dimension());
  require(entries <= 0.25e9, "EquivariantMaps",
          "[{}, {}] as a dense matrix has {:.2g} entries, the limit is 2.5e+08. Use project().", out_ * in_,
          dimension(), entries);
  MatrixOf<T> result(out_ * in_, dimension());
  std::int64_t column = 0;
  for (const BlockGroup& group : blocks_) {
    const SparseColumns<T> columns = group.basis->to_columns();
    for (const auto& [row, col] : group.corner)
      for (std::size_t k = 0; k < static_cast<std::size_t>(columns.count()); ++k, ++column)
        for (auto e = static_cast<std::size_t>(columns.begin[k]); e < static_cast<std::size_t>(columns.begin[k + 1]);
             ++e)
          result((row + columns.rows[e] / group.cols) * in_ + col + columns.rows[e] % group.cols, column) =
              columns.values[e];
  }
  return result;
}

template <class T>
BasisReport EquivariantMaps<T>::report() const {
  BasisReport sum;
  std::vector<std::string> solvers;
  for (const BlockGroup& group : blocks_) {
    const BasisReport& part = group.basis->report();
    if (std::ranges::find(solvers, part.solver) == solvers.end()) solvers.push_back(part.solver);
    sum.residual = std::max(sum.residual, part.residual);
    if (part.gap > 0) sum.gap = sum.gap == 0 ? part.gap : std::min(sum.gap, part.gap);
    sum.seconds += part.seconds;
  }
  sum.solver = fmt::format("{}", fmt::join(solvers, ", "));
  return sum;
}

template class EquivariantMaps<double>;
template class EquivariantMaps<Complex>;

}  // namespace orbitgrad::groups
