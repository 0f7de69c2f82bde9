#include "groups/atom.hpp"

#include "groups/angular_momentum.hpp"
#include "groups/linear_algebra.hpp"
#include "groups/subgroup.hpp"

namespace orbitgrad::groups {

namespace {

using Function = std::function<ComplexMatrix(const ComplexMatrix&)>;

Function no_algebra() {
  return [](const ComplexMatrix&) -> ComplexMatrix {
    fail("Atom", "a finite group has no Lie algebra. Ask for elements only.");
  };
}

void require_orthogonal(std::string_view op, const MatrixGroup& group, std::int64_t n) {
  require(group.dimension() == n && group.is_orthogonal(), op,
          "{} is no group of orthogonal {} x {} matrices. Take {}.", group.name(), n, n,
          n == 2 ? "SO(2), O(2) or a subgroup" : "SO(3), O(3) or a subgroup");
}

std::string joined(const std::vector<int>& numbers) {
  std::string result;
  for (const int number : numbers) result += (result.empty() ? "" : ",") + std::to_string(number);
  return result;
}

}  // namespace

AtomPointer base_atom(const MatrixGroup& group) {
  const auto same = [](const ComplexMatrix& matrix) { return matrix; };
  return std::make_shared<Atom>(Atom{"V", group.dimension(), same, same});
}

AtomPointer dual_atom(const AtomPointer& atom, const MatrixGroup& group) {
  std::vector<ComplexMatrix> lie, discrete;
  for (const ComplexMatrix& a : group.lie_generators()) lie.push_back(atom->algebra(a));
  for (const ComplexMatrix& h : group.discrete_generators()) discrete.push_back(atom->element(h));
  if (MatrixGroup(atom->name, atom->dimension, std::move(lie), std::move(discrete)).is_orthogonal()) return atom;
  const std::string& name = atom->name;
  const bool undo = name.starts_with("dual(");
  return std::make_shared<Atom>(
      Atom{undo ? name.substr(5, name.size() - 6) : "dual(" + name + ")", atom->dimension,
           [atom](const ComplexMatrix& g) { return transpose(inverse(atom->element(g))); },
           [atom](const ComplexMatrix& a) { return scaled(transpose(atom->algebra(a)), Complex(-1)); }});
}

AtomPointer circle_atom(const MatrixGroup& group, std::int64_t k, bool odd) {
  require_orthogonal("circle_atom", group, 2);
  require(k >= 0 && (k == 0 || !odd), "circle_atom", "order {}{}. Take k >= 0; only k = 0 has an odd partner.", k,
          odd ? " odd" : "");
  const Function element = [k, odd](const ComplexMatrix& g) {
    const double sign = determinant(g).real() < 0 ? -1 : 1;
    if (k == 0) return ComplexMatrix(1, 1, {odd ? sign : 1.0});
    const double angle =
        static_cast<double>(k) * std::atan2(g(1, 0).real(), g(0, 0).real());  // g = R(angle) diag(1, sign)
    return to_complex(
        Matrix(2, 2, {std::cos(angle), -sign * std::sin(angle), std::sin(angle), sign * std::cos(angle)}));
  };
  const Function algebra = [k](const ComplexMatrix& a) {
    if (k == 0) return ComplexMatrix(1, 1);
    const Complex rate = static_cast<double>(k) * a(1, 0);
    return ComplexMatrix(2, 2, {0.0, -rate, rate, 0.0});
  };
  return std::make_shared<Atom>(Atom{fmt::format("irrep({}{})", k, odd ? "o" : ""), k == 0 ? 1 : 2, element, algebra});
}

AtomPointer angular_atom(const MatrixGroup& group, std::int64_t l, bool opposite) {
  require_orthogonal("angular_atom", group, 3);
  (void)rotation_generators(l);  // checks l
  const Function element = [l, opposite](const ComplexMatrix& g) {
    const bool reflects = determinant(g).real() < 0;
    const bool negative = reflects && (l % 2 != 0) != opposite;
    const Matrix d = wigner_d(l, scaled(real_part(g), reflects ? -1.0 : 1.0));
    return to_complex(scaled(d, negative ? -1.0 : 1.0));
  };
  const Function algebra = [l](const ComplexMatrix& a) {
    const auto& [jx, jy, jz] = rotation_generators(l);
    return to_complex(scaled(jx, a(2, 1).real()) + scaled(jy, a(0, 2).real()) + scaled(jz, a(1, 0).real()));
  };
  return std::make_shared<Atom>(Atom{fmt::format("irrep({}{})", l, opposite ? "'" : ""), 2 * l + 1, element, algebra});
}

namespace {

/// An atom of a finite group by the matrices of its elements.
AtomPointer by_elements(std::string name, const std::shared_ptr<const Enumeration>& elements,
                        std::vector<ComplexMatrix> matrices) {
  const std::int64_t dimension = matrices.at(0).rows;
  const auto table = std::make_shared<const std::vector<ComplexMatrix>>(std::move(matrices));
  const Function element = [elements, table](const ComplexMatrix& g) {
    return (*table)[static_cast<std::size_t>(elements->index_of(g))];
  };
  return std::make_shared<Atom>(Atom{std::move(name), dimension, element, no_algebra()});
}

/// rho(s) in blocks: s r_c = r_c' h moves block c to block c' and applies inner(h) to it.
std::vector<ComplexMatrix> induced_matrices(const Subgroup& subgroup, const std::vector<ComplexMatrix>& inner) {
  const FiniteGroup& group = subgroup.parent();
  const Cosets cosets = subgroup.left_cosets();
  const auto blocks = static_cast<std::int64_t>(cosets.representatives.size());
  const std::int64_t degree = inner.at(0).rows;
  std::vector<int> place(static_cast<std::size_t>(group.order()), -1);
  for (std::size_t i = 0; i < subgroup.embedding().size(); ++i)
    place[static_cast<std::size_t>(subgroup.embedding()[i])] = static_cast<int>(i);
  std::vector<ComplexMatrix> result;
  for (int s = 0; s < group.order(); ++s) {
    ComplexMatrix matrix(blocks * degree, blocks * degree);
    for (std::int64_t c = 0; c < blocks; ++c) {
      const int moved = group.product(s, cosets.representatives[static_cast<std::size_t>(c)]);
      const int target = cosets.coset_of[static_cast<std::size_t>(moved)];
      const int back = group.inverse(cosets.representatives[static_cast<std::size_t>(target)]);
      const ComplexMatrix& block =
          inner[static_cast<std::size_t>(place[static_cast<std::size_t>(group.product(back, moved))])];
      for (std::int64_t i = 0; i < degree; ++i)
        for (std::int64_t j = 0; j < degree; ++j) matrix(target * degree + i, c * degree + j) = block(i, j);
    }
    result.push_back(std::move(matrix));
  }
  return result;
}

Subgroup subgroup_of(const Enumeration& elements, const std::vector<int>& generators) {
  for (const int s : generators) elements.group().require_element("quotient_atom", s);
  return Subgroup::generated(elements.group(), generators);
}

std::vector<ComplexMatrix> matrices_of_irrep(const FiniteGroup& group, std::int64_t k) {
  const std::vector<Irrep> list = irreps<double>(group);
  require(k >= 0 && k < static_cast<std::int64_t>(list.size()), "finite_irrep_atom",
          "irrep {} of {}, which has {}. Count from 0.", k, group.name(), list.size());
  std::vector<ComplexMatrix> result;
  for (const Matrix& matrix : list[static_cast<std::size_t>(k)].matrices) result.push_back(to_complex(matrix));
  return result;
}

}  // namespace

AtomPointer regular_atom(const MatrixGroup& group) {
  const auto elements = std::make_shared<const Enumeration>(group);
  const std::vector<ComplexMatrix> trivial{ComplexMatrix::identity(1)};
  return by_elements("regular", elements, induced_matrices(Subgroup::trivial(elements->group()), trivial));
}

AtomPointer quotient_atom(const MatrixGroup& group, const std::vector<int>& generators) {
  const auto elements = std::make_shared<const Enumeration>(group);
  const Subgroup subgroup = subgroup_of(*elements, generators);
  const std::vector<ComplexMatrix> trivial(static_cast<std::size_t>(subgroup.order()), ComplexMatrix::identity(1));
  return by_elements("quotient(" + joined(generators) + ")", elements, induced_matrices(subgroup, trivial));
}

AtomPointer finite_irrep_atom(const MatrixGroup& group, std::int64_t k) {
  const auto elements = std::make_shared<const Enumeration>(group);
  return by_elements(fmt::format("irrep({})", k), elements, matrices_of_irrep(elements->group(), k));
}

AtomPointer induced_atom(const MatrixGroup& group, std::int64_t k, const std::vector<int>& generators) {
  const auto elements = std::make_shared<const Enumeration>(group);
  const Subgroup subgroup = subgroup_of(*elements, generators);
  return by_elements(fmt::format("induced({},{})", k, joined(generators)), elements,
                     induced_matrices(subgroup, matrices_of_irrep(subgroup.group(), k)));
}

}  // namespace orbitgrad::groups
