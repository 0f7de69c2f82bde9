// expression = term { + term };  term = [count [*]] factor { * factor };  factor = atom [*]  (V* is the dual)
#include "groups/expression_reader.hpp"
#include "groups/representation.hpp"

namespace orbitgrad::groups {

namespace {

class Parser {
 public:
  Parser(std::string_view text, const MatrixGroup& group) : reader_("Representation::parse", text), group_(group) {}

  Representation read_all() {
    Representation result = expression();
    reader_.expect_end();
    return result;
  }

 private:
  Representation expression() {
    if (++depth_ > 50) reader_.fail_here("more than 50 brackets inside each other");
    Representation sum = term();
    while (reader_.take('+')) sum = sum + term();
    --depth_;
    return sum;
  }

  Representation term() {
    if (reader_.at_number()) {
      const std::int64_t count = reader_.number();
      const bool product = reader_.take('*');
      if (!product && !reader_.at_name() && reader_.peek() != '(') return count * scalar();
      return count * product_of_factors();
    }
    return product_of_factors();
  }

  Representation product_of_factors() {
    Representation product = factor();
    while (reader_.peek() == '*') {
      reader_.take('*');
      product = product * factor();
    }
    return product;
  }

  /// An atom, with a star after it that no factor follows: its dual.
  Representation factor() {
    Representation result = atom();
    while (star_means_dual()) {
      reader_.take('*');
      result = result.dual();
    }
    return result;
  }

  bool star_means_dual() {
    ExpressionReader ahead = reader_;
    return ahead.take('*') && !ahead.at_name() && !ahead.at_number() && ahead.peek() != '(';
  }

  Representation of(AtomPointer atom) { return {group_, {{1, TensorType({std::move(atom)})}}}; }
  Representation scalar() { return {group_, {{1, TensorType()}}}; }

  Representation tensor(std::int64_t up, std::int64_t down) {
    if (up + down > 62) reader_.fail_here("the rank is above 62");
    const AtomPointer base = base_atom(group_), dual = dual_atom(base, group_);
    std::vector<AtomPointer> factors(static_cast<std::size_t>(up), base);
    factors.insert(factors.end(), static_cast<std::size_t>(down), dual);
    return {group_, {{1, TensorType(std::move(factors))}}};
  }

  Representation atom() {
    if (reader_.take('(')) {
      Representation inner = expression();
      reader_.expect(')');
      return inner;
    }
    (void)reader_.peek();
    const std::size_t begin = reader_.position();
    const std::string name = reader_.name(false);
    if (name == "S") return scalar();
    if (name == "V") return of(base_atom(group_));
    if (name == "regular") return of(regular_atom(group_));
    if (name == "T" && reader_.at_number()) return tensor(reader_.number(), 0);
    if (name == "T" || name == "irrep" || name == "quotient" || name == "induced" || name == "dual") {
      reader_.expect('(');
      Representation result = with_arguments(name);
      reader_.expect(')');
      return result;
    }
    reader_.fail_at(begin, fmt::format("no representation is called {} (S, V, T(p,q), irrep(k), regular, ..)", name));
  }

  Representation with_arguments(const std::string& name) {
    if (name == "dual") return expression().dual();
    const std::int64_t first = reader_.number();
    if (name == "T") return tensor(first, reader_.take(',') ? reader_.number() : 0);
    if (name == "irrep") return irrep(first);
    std::vector<int> rest;
    if (name == "quotient") rest.push_back(static_cast<int>(first));
    while (reader_.take(',')) rest.push_back(static_cast<int>(reader_.number()));
    return of(name == "quotient" ? quotient_atom(group_, rest) : induced_atom(group_, first, rest));
  }

  Representation irrep(std::int64_t order) {
    const bool compact = group_.is_orthogonal() && !group_.lie_generators().empty();
    if (compact && group_.dimension() == 2) {
      const bool odd = reader_.peek() == 'o';
      if (odd) (void)reader_.name(false);
      return of(circle_atom(group_, order, odd));
    }
    if (compact && group_.dimension() == 3) return of(angular_atom(group_, order, reader_.take('\'')));
    return of(finite_irrep_atom(group_, order));
  }

  ExpressionReader reader_;
  const MatrixGroup& group_;
  int depth_ = 0;
};

}  // namespace

Representation Representation::parse(std::string_view text, const MatrixGroup& group) {
  return Parser(text, group).read_all();
}

}  // namespace orbitgrad::groups
