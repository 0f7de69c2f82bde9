#include "groups/representation.hpp"

#include <algorithm>
#include <map>

#include "groups/expression_reader.hpp"
#include "groups/lazy_tensor.hpp"

namespace orbitgrad::groups {

namespace {

constexpr std::int64_t largest_dimension = std::int64_t{1} << 62;
constexpr std::size_t most_terms = 10'000;  // of a product, whose expression may be short

std::int64_t checked_product(std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  require(!__builtin_mul_overflow(a, b, &result) && result <= largest_dimension, "Representation",
          "{} times {} dimensions are more than 2^62. Take a smaller rank.", a, b);
  return result;
}

}  // namespace

std::int64_t TensorType::dimension() const {
  std::int64_t result = 1;
  for (const AtomPointer& factor : factors_) result = checked_product(result, factor->dimension);
  return result;
}

bool operator==(const TensorType& a, const TensorType& b) {
  return std::ranges::equal(a.factors_, b.factors_, [](const AtomPointer& x, const AtomPointer& y) {
    return x->name == y->name && x->dimension == y->dimension;
  });
}

std::string TensorType::to_string() const {
  const auto is_base = [](const AtomPointer& atom) { return atom->name == "V"; };
  const auto first_other = std::ranges::find_if_not(factors_, is_base);
  const bool tensor =
      std::all_of(first_other, factors_.end(), [](const AtomPointer& a) { return a->name == "dual(V)"; });
  if (tensor) {
    const auto up = first_other - factors_.begin(), down = factors_.end() - first_other;
    return down == 0 ? fmt::format("T({})", up) : fmt::format("T({},{})", up, down);
  }
  std::string result;
  for (const AtomPointer& factor : factors_) result += (result.empty() ? "" : "*") + factor->name;
  return result;
}

Representation::Representation(MatrixGroup group, std::vector<Term> terms) : group_(std::move(group)) {
  for (Term& term : terms) {
    require(term.multiplicity >= 0, "Representation", "{} copies. Take 0 and more.", term.multiplicity);
    if (term.multiplicity == 0) continue;
    if (!terms_.empty() && terms_.back().type == term.type)
      terms_.back().multiplicity += term.multiplicity;
    else
      terms_.push_back(std::move(term));
  }
  (void)dimension();  // checks that it can be counted
}

std::int64_t Representation::dimension() const {
  std::int64_t result = 0;
  for (const Term& term : terms_) {
    result += checked_product(term.multiplicity, term.type.dimension());
    require(result <= largest_dimension, "Representation", "more than 2^62 dimensions. Take a smaller rank.");
  }
  return result;
}

std::string Representation::to_string() const {
  std::string result;
  for (const Term& term : terms_) {
    if (!result.empty()) result += "+";
    if (term.multiplicity != 1) result += std::to_string(term.multiplicity);
    result += term.type.to_string();
  }
  return result.empty() ? "0" : result;
}

Representation Representation::dual() const {
  std::vector<Term> terms;
  for (const Term& term : terms_) {
    std::vector<AtomPointer> factors;
    for (const AtomPointer& factor : term.type.factors()) factors.push_back(dual_atom(factor, group_));
    terms.push_back({term.multiplicity, TensorType(std::move(factors))});
  }
  return {group_, std::move(terms)};
}

Representation Representation::restricted_to(const MatrixGroup& group) const {
  require(group.dimension() == group_.dimension(), "Representation", "{} acts on {} coordinates, {} on {}. Embed it.",
          group.name(), group.dimension(), group_.name(), group_.dimension());
  return {group, terms_};
}

namespace {

void require_same_group(const MatrixGroup& a, const MatrixGroup& b) {
  require(a.name() == b.name() && a.dimension() == b.dimension(), "Representation",
          "representations of {} and of {}. Combine those of one group.", a.name(), b.name());
}

}  // namespace

Representation operator+(const Representation& a, const Representation& b) {
  require_same_group(a.group_, b.group_);
  std::vector<Representation::Term> terms = a.terms_;
  terms.insert(terms.end(), b.terms_.begin(), b.terms_.end());
  return {a.group_, std::move(terms)};
}

Representation operator*(const Representation& a, const Representation& b) {
  require_same_group(a.group_, b.group_);
  require(a.terms_.size() * b.terms_.size() <= most_terms, "Representation",
          "a product of {} and {} terms has more than {}. Take fewer, or shorter sums.", a.terms_.size(),
          b.terms_.size(), most_terms);
  std::vector<Representation::Term> terms;
  for (const auto& left : a.terms_)
    for (const auto& right : b.terms_) {
      std::vector<AtomPointer> factors = left.type.factors();
      factors.insert(factors.end(), right.type.factors().begin(), right.type.factors().end());
      terms.push_back({checked_product(left.multiplicity, right.multiplicity), TensorType(std::move(factors))});
    }
  return {a.group_, std::move(terms)};
}

Representation operator*(std::int64_t count, const Representation& a) {
  std::vector<Representation::Term> terms;
  if (a.terms_.size() == 1) {
    terms = a.terms_;
    terms[0].multiplicity = checked_product(count, terms[0].multiplicity);
  } else {
    require(count >= 0 && count * static_cast<std::int64_t>(a.terms_.size()) <= 4096, "Representation",
            "{} copies of a sum are more than 4096 terms. Multiply each term.", count);
    for (std::int64_t copy = 0; copy < count; ++copy) terms.insert(terms.end(), a.terms_.begin(), a.terms_.end());
  }
  return {a.group_, std::move(terms)};
}

template <class T>
void Representation::apply(const ComplexMatrix& g, std::span<T> x) const {
  require(static_cast<std::int64_t>(x.size()) == dimension(), "Representation", "{} coordinates for {}. It has {}.",
          x.size(), to_string(), dimension());
  require(!std::is_same_v<T, double> || group_.is_real(), "Representation", "{} is complex. Give complex coordinates.",
          group_.name());
  std::map<std::string, SparseMatrix<T>> matrices;  // of the atoms, by name
  std::vector<T> work;
  std::size_t begin = 0;
  for (const Term& term : terms_) {
    std::vector<SparseMatrix<T>> axes;
    for (const AtomPointer& factor : term.type.factors()) {
      if (!matrices.contains(factor->name))
        matrices.emplace(factor->name, SparseMatrix<T>(in_scalars<T>(factor->element(g))));
      axes.push_back(matrices.at(factor->name));
    }
    const auto size = static_cast<std::size_t>(term.type.dimension());
    work.resize(size);
    for (std::int64_t copy = 0; copy < term.multiplicity; ++copy, begin += size)
      apply_each_axis<T>(axes, x.subspan(begin, size), work);
  }
}

ComplexMatrix Representation::matrix(const ComplexMatrix& g) const {
  const std::int64_t n = dimension();
  require(n <= 4096, "Representation", "a matrix of {} x {}. Take apply(); the limit is 4096.", n, n);
  ComplexMatrix transposed(n, n);
  for (std::int64_t i = 0; i < n; ++i) {
    transposed(i, i) = 1;
    apply<Complex>(g,
                   std::span(transposed.values).subspan(static_cast<std::size_t>(i * n), static_cast<std::size_t>(n)));
  }
  return transpose(transposed);
}

Complex Representation::character(const ComplexMatrix& g) const {
  Complex sum = 0;
  for (const Term& term : terms_) {
    Complex product = static_cast<double>(term.multiplicity);
    for (const AtomPointer& factor : term.type.factors()) product *= trace(factor->element(g));
    sum += product;
  }
  return sum;
}

template void Representation::apply<double>(const ComplexMatrix&, std::span<double>) const;
template void Representation::apply<Complex>(const ComplexMatrix&, std::span<Complex>) const;

}  // namespace orbitgrad::groups
