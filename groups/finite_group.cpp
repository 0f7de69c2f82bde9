#include "groups/finite_group.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "groups/error.hpp"

namespace orbitgrad::groups {

struct FiniteGroup::Data {
  std::string name;
  int order = 0;
  int identity = 0;
  std::vector<int> table;
  std::vector<int> inverses;
  std::vector<int> generators;
  std::vector<std::string> element_names;

  [[nodiscard]] int product(int a, int b) const {
    return table[static_cast<std::size_t>(a) * static_cast<std::size_t>(order) + static_cast<std::size_t>(b)];
  }
  [[nodiscard]] std::string label(int a) const {
    return element_names.empty() ? fmt::format("{}", a)
                                 : fmt::format("{} ({})", a, element_names[static_cast<std::size_t>(a)]);
  }

  void check_names() const;
  void check_range() const;
  void check_latin_square() const;
  void find_identity();
  void find_inverses();
  void find_generators();
  void check_associativity() const;
};

namespace {

constexpr std::string_view op = "finite_group";

}  // namespace

void FiniteGroup::Data::check_names() const {
  if (element_names.empty()) return;
  require(element_names.size() == static_cast<std::size_t>(order), op,
          "{} has order {} but {} element names. Give one name per element, or none.", name, order,
          element_names.size());
  const std::set<std::string> distinct(element_names.begin(), element_names.end());
  require(distinct.size() == element_names.size(), op,
          "the {} element names of {} hold only {} distinct ones. Give each element its own name.", order, name,
          distinct.size());
}

void FiniteGroup::Data::check_range() const {
  for (int a = 0; a < order; ++a) {
    for (int b = 0; b < order; ++b) {
      const int c = product(a, b);
      if (c < 0 || c >= order) {
        fail(op, "{} is not closed: the product of {} and {} is {}, outside [0, {}). Correct that table entry.", name,
             label(a), label(b), c, order);
      }
    }
  }
}

void FiniteGroup::Data::check_latin_square() const {
  std::vector<int> seen_at(static_cast<std::size_t>(order));
  for (const bool row : {true, false}) {
    for (int a = 0; a < order; ++a) {
      std::fill(seen_at.begin(), seen_at.end(), -1);
      for (int b = 0; b < order; ++b) {
        const int c = row ? product(a, b) : product(b, a);
        const int before = std::exchange(seen_at[static_cast<std::size_t>(c)], b);
        if (before >= 0) {
          fail(op,
               "{} is no Latin square: {} {} holds element {} twice, at {} and {}. {} multiplication by a group "
               "element must be one-to-one.",
               name, row ? "row" : "column", label(a), label(c), label(before), label(b), row ? "Left" : "Right");
        }
      }
    }
  }
}

void FiniteGroup::Data::find_identity() {
  // Column 0 of a Latin square holds 0 exactly once: the only candidate.
  for (int e = 0; e < order; ++e) {
    if (product(e, 0) != 0) continue;
    for (int a = 0; a < order; ++a) {
      if (product(e, a) != a || product(a, e) != a) {
        fail(op,
             "{} has no identity: {} is the only element that fixes 0 from the left, but its products with {} are {} "
             "and {}. A group needs e with e a = a e = a for all a.",
             name, label(e), label(a), label(product(e, a)), label(product(a, e)));
      }
    }
    identity = e;
    return;
  }
}

void FiniteGroup::Data::find_inverses() {
  inverses.assign(static_cast<std::size_t>(order), -1);
  for (int a = 0; a < order; ++a) {
    for (int b = 0; b < order; ++b) {
      if (product(a, b) != identity) continue;
      if (product(b, a) != identity) {
        fail(op,
             "in {} the element {} has right inverse {}, which is no left inverse: {} {} = {}, not the identity {}. "
             "The table is not associative.",
             name, label(a), label(b), label(b), label(a), label(product(b, a)), label(identity));
      }
      inverses[static_cast<std::size_t>(a)] = b;
    }
  }
}

void FiniteGroup::Data::find_generators() {
  // Associativity is not known yet, so a span is closed under all products, from the left and from the right.
  std::vector<bool> reached(static_cast<std::size_t>(order), false);
  std::vector<int> span = {identity};
  reached[static_cast<std::size_t>(identity)] = true;
  const auto reach = [&](int a) {
    if (reached[static_cast<std::size_t>(a)]) return;
    reached[static_cast<std::size_t>(a)] = true;
    span.push_back(a);
  };
  std::size_t multiplied = 1;
  for (int candidate = 0; candidate < order; ++candidate) {
    if (reached[static_cast<std::size_t>(candidate)]) continue;
    generators.push_back(candidate);
    reach(candidate);
    for (; multiplied < span.size() && span.size() < static_cast<std::size_t>(order); ++multiplied) {
      for (std::size_t i = 0; i <= multiplied; ++i) {
        reach(product(span[multiplied], span[i]));
        reach(product(span[i], span[multiplied]));
      }
    }
    if (span.size() == static_cast<std::size_t>(order)) return;
  }
}

void FiniteGroup::Data::check_associativity() const {
  // Light's test: the g with (x g) y = x (g y) for all x, y are closed under products, so generators suffice.
  for (const int g : generators) {
    for (int x = 0; x < order; ++x) {
      const int xg = product(x, g);
      for (int y = 0; y < order; ++y) {
        const int left = product(xg, y);
        const int right = product(x, product(g, y));
        if (left != right) {
          fail(op,
               "{} is not associative: for a = {}, b = {}, c = {} the product (a b) c is {} but a (b c) is {}. Check "
               "the table.",
               name, label(x), label(g), label(y), label(left), label(right));
        }
      }
    }
  }
}

FiniteGroup::FiniteGroup(std::string name, std::int64_t order, std::vector<int> cayley_table,
                         std::vector<std::string> element_names) {
  require_order(op, order);
  require(cayley_table.size() == static_cast<std::size_t>(order * order), op,
          "the Cayley table of {} must be [{}, {}] with {} entries, got {}. Give every product once.", name, order,
          order, order * order, cayley_table.size());
  auto data = std::make_shared<Data>();
  data->name = std::move(name);
  data->order = static_cast<int>(order);
  data->table = std::move(cayley_table);
  data->element_names = std::move(element_names);
  data->check_names();
  data->check_range();
  data->check_latin_square();
  data->find_identity();
  data->find_inverses();
  data->find_generators();
  data->check_associativity();
  data_ = std::move(data);
}

const std::string& FiniteGroup::name() const { return data_->name; }
int FiniteGroup::order() const { return data_->order; }
int FiniteGroup::identity() const { return data_->identity; }
std::span<const int> FiniteGroup::cayley_table() const { return data_->table; }
std::span<const int> FiniteGroup::inverse_table() const { return data_->inverses; }
std::span<const int> FiniteGroup::generators() const { return data_->generators; }

int FiniteGroup::product(int a, int b) const {
  require_element(op, a);
  require_element(op, b);
  return data_->product(a, b);
}

int FiniteGroup::inverse(int a) const {
  require_element(op, a);
  return data_->inverses[static_cast<std::size_t>(a)];
}

int FiniteGroup::power(int a, std::int64_t exponent) const {
  const std::int64_t period = element_order(a);
  int result = identity();
  for (std::int64_t k = ((exponent % period) + period) % period; k > 0; --k) result = data_->product(result, a);
  return result;
}

int FiniteGroup::conjugate(int a, int x) const { return product(product(a, x), inverse(a)); }

std::string FiniteGroup::element_name(int a) const {
  require_element(op, a);
  return data_->element_names.empty() ? fmt::format("{}", a) : data_->element_names[static_cast<std::size_t>(a)];
}

bool FiniteGroup::is_abelian() const {
  // Two generators that commute have commuting powers and products, so it is enough to look at generators.
  for (const int a : generators()) {
    for (const int b : generators()) {
      if (product(a, b) != product(b, a)) return false;
    }
  }
  return true;
}

int FiniteGroup::element_order(int a) const {
  require_element(op, a);
  int order = 1;
  for (int power = a; power != identity(); power = data_->product(power, a)) ++order;
  return order;
}

std::vector<std::vector<int>> FiniteGroup::conjugacy_classes() const {
  std::vector<std::vector<int>> classes;
  std::vector<bool> placed(static_cast<std::size_t>(order()), false);
  for (int first = 0; first < order(); ++first) {
    if (placed[static_cast<std::size_t>(first)]) continue;
    std::vector<int> members = {first};
    placed[static_cast<std::size_t>(first)] = true;
    for (std::size_t next = 0; next < members.size(); ++next) {
      for (const int g : generators()) {
        const int conjugated = conjugate(g, members[next]);
        if (placed[static_cast<std::size_t>(conjugated)]) continue;
        placed[static_cast<std::size_t>(conjugated)] = true;
        members.push_back(conjugated);
      }
    }
    std::sort(members.begin(), members.end());
    classes.push_back(std::move(members));
  }
  return classes;
}

std::vector<int> FiniteGroup::generated_subgroup(std::span<const int> elements) const {
  for (const int a : elements) require_element("generated_subgroup", a);
  std::vector<bool> reached(static_cast<std::size_t>(order()), false);
  std::vector<int> members = {identity()};
  reached[static_cast<std::size_t>(identity())] = true;
  // Inverses are powers in a finite group, so words in the elements themselves are all of the subgroup.
  for (std::size_t next = 0; next < members.size(); ++next) {
    for (const int a : elements) {
      const int word = data_->product(members[next], a);
      if (reached[static_cast<std::size_t>(word)]) continue;
      reached[static_cast<std::size_t>(word)] = true;
      members.push_back(word);
    }
  }
  std::sort(members.begin(), members.end());
  return members;
}

bool FiniteGroup::has_same_table(const FiniteGroup& other) const {
  return data_ == other.data_ || data_->table == other.data_->table;
}

void FiniteGroup::require_order(std::string_view where, std::int64_t order) {
  require(order >= 1, where, "a group has at least one element, got order {}. Ask for a positive order.", order);
  require(order <= max_order, where, "order {} is above the limit of {} for groups with a table. Use a smaller group.",
          order, max_order);
}

void FiniteGroup::require_element(std::string_view where, int a) const {
  require(a >= 0 && a < order(), where, "element {} is outside {}, whose elements are 0 to {}. Use one of these.", a,
          name(), order() - 1);
}

}  // namespace orbitgrad::groups
