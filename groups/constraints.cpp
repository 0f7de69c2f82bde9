#include "groups/constraints.hpp"

#include <algorithm>
#include <cmath>
#include <map>

namespace orbitgrad::groups {

template <class T>
Constraints<T>::Constraints(const TensorType& type, const MatrixGroup& group) : size_(type.dimension()) {
  const auto along_axes = [&](const auto& matrix_of) {
    std::map<const Atom*, SparseMatrix<T>> of_atom;
    Axes axes;
    for (const AtomPointer& atom : type.factors()) {
      if (!of_atom.contains(atom.get())) of_atom.emplace(atom.get(), SparseMatrix<T>(in_scalars<T>(matrix_of(*atom))));
      axes.push_back(of_atom.at(atom.get()));
    }
    return axes;
  };
  for (const ComplexMatrix& a : group.lie_generators())
    lie_.push_back(along_axes([&](const Atom& atom) { return atom.algebra(a); }));
  for (const ComplexMatrix& h : group.discrete_generators())
    discrete_.push_back(along_axes([&](const Atom& atom) { return atom.element(h); }));
  const auto adjoints = [](const std::vector<Axes>& list) {
    std::vector<Axes> result = list;
    for (Axes& axes : result)
      for (SparseMatrix<T>& matrix : axes) matrix = matrix.adjoint();
    return result;
  };
  lie_adjoint_ = adjoints(lie_);
  discrete_adjoint_ = adjoints(discrete_);
}

template <class T>
void Constraints<T>::apply_algebra(const Axes& axes, std::span<const T> x, std::span<T> y) const {
  std::int64_t left = 1, right = size_;
  for (const SparseMatrix<T>& matrix : axes) {
    right /= matrix.size;
    add_along_axis(matrix, left, right, x.data(), y.data());
    left *= matrix.size;
  }
}

template <class T>
void Constraints<T>::apply_gram(std::span<const T> x, std::span<T> y) {
  const auto n = static_cast<std::size_t>(size_);
  image_.resize(n);
  std::ranges::fill(y, T(0));
  for (std::size_t i = 0; i < lie_.size(); ++i) {
    std::ranges::fill(image_, T(0));
    apply_algebra(lie_[i], x, image_);
    apply_algebra(lie_adjoint_[i], image_, y);
  }
  if (discrete_.empty()) return;
  moved_.resize(n);
  work_.resize(n);
  for (std::size_t j = 0; j < discrete_.size(); ++j) {
    std::ranges::copy(x, image_.begin());
    apply_each_axis<T>(discrete_[j], image_, work_);
    for (std::size_t k = 0; k < n; ++k) image_[k] -= x[k];
    moved_ = image_;
    apply_each_axis<T>(discrete_adjoint_[j], moved_, work_);
    for (std::size_t k = 0; k < n; ++k) y[k] += moved_[k] - image_[k];
  }
}

template <class T>
double Constraints<T>::residual(std::span<const T> x) {
  const auto n = static_cast<std::size_t>(size_);
  image_.resize(n);
  work_.resize(n);
  double sum = 0;
  for (const Axes& axes : lie_) {
    std::ranges::fill(image_, T(0));
    apply_algebra(axes, x, image_);
    for (const T& value : image_) sum += std::norm(value);
  }
  for (const Axes& axes : discrete_) {
    std::ranges::copy(x, image_.begin());
    apply_each_axis<T>(axes, image_, work_);
    for (std::size_t k = 0; k < n; ++k) sum += std::norm(image_[k] - x[k]);
  }
  return std::sqrt(sum);
}

namespace {

/// At least the largest singular value: root of the largest row sum times the largest column sum.
template <class T>
double norm_bound(const SparseMatrix<T>& matrix) {
  std::vector<double> rows(static_cast<std::size_t>(matrix.size)), columns(rows);
  for (const auto& [row, col, value] : matrix.entries) {
    rows[static_cast<std::size_t>(row)] += std::abs(value);
    columns[static_cast<std::size_t>(col)] += std::abs(value);
  }
  return std::sqrt(*std::ranges::max_element(rows) * *std::ranges::max_element(columns));
}

}  // namespace

template <class T>
double Constraints<T>::scale() const {
  double squares = 0;
  for (const Axes& axes : lie_) {
    double sum = 0;
    for (const SparseMatrix<T>& matrix : axes) sum += norm_bound(matrix);
    squares += sum * sum;
  }
  for (const Axes& axes : discrete_) {
    double product = 1;
    for (const SparseMatrix<T>& matrix : axes) product *= norm_bound(matrix);
    squares += (product + 1) * (product + 1);
  }
  return std::sqrt(squares);
}

template <class T>
std::string Constraints<T>::key() const {
  std::string bytes;
  const auto put = [&](const auto& value) { bytes.append(reinterpret_cast<const char*>(&value), sizeof(value)); };
  put(static_cast<std::int64_t>(sizeof(T)));
  put(size_);
  for (const auto* list : {&lie_, &discrete_}) {
    put(static_cast<std::int64_t>(list->size()));
    for (const Axes& axes : *list)
      for (const SparseMatrix<T>& matrix : axes) {
        put(matrix.size);
        put(static_cast<std::int64_t>(matrix.entries.size()));
        for (const auto& entry : matrix.entries) {
          put(entry.row);
          put(entry.col);
          put(entry.value);
        }
      }
  }
  return bytes;
}

template <class T>
std::vector<std::vector<std::vector<std::int32_t>>> Constraints<T>::permutation_images() const {
  if (!lie_.empty()) return {};
  std::vector<std::vector<std::vector<std::int32_t>>> result;
  for (const Axes& axes : discrete_) {
    auto& of_generator = result.emplace_back();
    for (const SparseMatrix<T>& matrix : axes) {
      std::vector<std::int32_t> images(static_cast<std::size_t>(matrix.size), -1);
      std::vector<bool> hit(static_cast<std::size_t>(matrix.size));
      for (const auto& [row, col, value] : matrix.entries) {
        if (value != T(1) || images[static_cast<std::size_t>(col)] >= 0 || hit[static_cast<std::size_t>(row)])
          return {};
        images[static_cast<std::size_t>(col)] = row;
        hit[static_cast<std::size_t>(row)] = true;
      }
      if (std::ranges::find(images, -1) != images.end()) return {};
      of_generator.push_back(std::move(images));
    }
  }
  return result;
}

template class Constraints<double>;
template class Constraints<Complex>;

}  // namespace orbitgrad::groups
