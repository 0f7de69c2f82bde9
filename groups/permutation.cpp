#include "groups/permutation.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "groups/error.hpp"

namespace orbitgrad::groups {
namespace {

constexpr std::string_view op = "permutation";

/// The closure of the generators, with the word by which each element was first reached.
struct Closure {
  std::vector<Permutation> elements;
  std::vector<std::size_t> parent;  // elements[i] = elements[parent[i]] * generator[last[i]]
  std::vector<std::size_t> last;
  std::vector<std::size_t> successor;  // [elements, generators]: index of elements[i] * generators[g]
};

Closure close_under_products(const std::string& name, int degree, const std::vector<Permutation>& generators) {
  Closure closure;
  std::map<Permutation, std::size_t> index;
  const Permutation identity = Permutation::identity(degree);
  closure.elements.push_back(identity);
  closure.parent.push_back(0);
  closure.last.push_back(0);
  index.emplace(identity, 0);
  for (std::size_t i = 0; i < closure.elements.size(); ++i) {
    for (std::size_t g = 0; g < generators.size(); ++g) {
      const Permutation next = closure.elements[i] * generators[g];
      const auto [place, is_new] = index.emplace(next, closure.elements.size());
      closure.successor.push_back(place->second);
      if (!is_new) continue;
      require(closure.elements.size() < static_cast<std::size_t>(FiniteGroup::max_order), "generate_permutation_group",
              "{}: the {} generators of degree {} give more than {} elements. Use a smaller group.", name,
              generators.size(), degree, FiniteGroup::max_order);
      closure.elements.push_back(next);
      closure.parent.push_back(i);
      closure.last.push_back(g);
    }
  }
  return closure;
}

}  // namespace

Permutation::Permutation(std::vector<int> images) : images_(std::move(images)) {
  std::vector<int> source(images_.size(), -1);
  for (int i = 0; i < degree(); ++i) {
    const int target = images_[static_cast<std::size_t>(i)];
    require(target >= 0 && target < degree(), op, "{} goes to {}, outside [0, {}). Images must stay in range.", i,
            target, degree());
    const int before = std::exchange(source[static_cast<std::size_t>(target)], i);
    require(before < 0, op, "{} and {} both go to {}. Each point must be reached exactly once.", before, i, target);
  }
}

Permutation Permutation::identity(int degree) {
  require(degree >= 0, op, "the degree must not be negative, got {}. Give the number of points.", degree);
  std::vector<int> images(static_cast<std::size_t>(degree));
  std::iota(images.begin(), images.end(), 0);
  return Permutation(std::move(images));
}

Permutation Permutation::from_cycles(int degree, const std::vector<std::vector<int>>& cycles) {
  std::vector<int> images = identity(degree).images_;
  std::vector<bool> used(images.size(), false);
  for (const auto& cycle : cycles) {
    for (std::size_t i = 0; i < cycle.size(); ++i) {
      const int point = cycle[i];
      require(point >= 0 && point < degree, op,
              "cycle point {} is outside [0, {}). Raise the degree, or count points from 0.", point, degree);
      require(!used[static_cast<std::size_t>(point)], op, "point {} occurs twice. Give disjoint cycles.", point);
      used[static_cast<std::size_t>(point)] = true;
      images[static_cast<std::size_t>(point)] = cycle[(i + 1) % cycle.size()];
    }
  }
  return Permutation(std::move(images));
}

int Permutation::operator()(int i) const {
  require(i >= 0 && i < degree(), op, "point {} is outside [0, {}). Points count from 0.", i, degree());
  return images_[static_cast<std::size_t>(i)];
}

Permutation Permutation::compose(const Permutation& inner) const {
  require(degree() == inner.degree(), op, "cannot compose permutations of degree {} and {}. Use equal degrees.",
          degree(), inner.degree());
  Permutation result = inner;
  for (int& target : result.images_) target = images_[static_cast<std::size_t>(target)];
  return result;
}

Permutation Permutation::inverse() const {
  Permutation result = *this;
  for (int i = 0; i < degree(); ++i) {
    result.images_[static_cast<std::size_t>(images_[static_cast<std::size_t>(i)])] = i;
  }
  return result;
}

std::vector<std::vector<int>> Permutation::cycles() const {
  std::vector<std::vector<int>> found;
  std::vector<bool> seen(images_.size(), false);
  for (int start = 0; start < degree(); ++start) {
    std::vector<int> cycle;
    for (int i = start; !seen[static_cast<std::size_t>(i)]; i = images_[static_cast<std::size_t>(i)]) {
      seen[static_cast<std::size_t>(i)] = true;
      cycle.push_back(i);
    }
    if (cycle.size() > 1) found.push_back(std::move(cycle));
  }
  return found;
}

int Permutation::parity() const {
  std::size_t transpositions = 0;
  for (const auto& cycle : cycles()) transpositions += cycle.size() - 1;
  return static_cast<int>(transpositions % 2);
}

std::int64_t Permutation::order() const {
  std::int64_t order = 1;
  for (const auto& cycle : cycles()) order = std::lcm(order, static_cast<std::int64_t>(cycle.size()));
  return order;
}

std::string Permutation::to_string() const {
  std::string text;
  for (const auto& cycle : cycles()) {
    for (std::size_t i = 0; i < cycle.size(); ++i) {
      text += i == 0 ? '(' : ' ';
      text += std::to_string(cycle[i]);
    }
    text += ')';
  }
  return text.empty() ? "()" : text;
}

int PermutationGroup::index_of(const Permutation& permutation) const {
  const auto place = std::lower_bound(elements.begin(), elements.end(), permutation);
  if (place == elements.end() || *place != permutation) {
    fail("permutation_group",
         "{} of degree {} is not an element of {} of degree {}. Make the group with it as a generator.",
         permutation.to_string(), permutation.degree(), group.name(), degree);
  }
  return static_cast<int>(place - elements.begin());
}

PermutationGroup generate_permutation_group(const std::string& name, int degree,
                                            const std::vector<Permutation>& generators) {
  for (const auto& generator : generators) {
    if (generator.degree() != degree) {
      fail("generate_permutation_group", "{}: generator {} has degree {}, but the group has degree {}. Use one degree.",
           name, generator.to_string(), generator.degree(), degree);
    }
  }
  const Closure closure = close_under_products(name, degree, generators);
  const std::size_t order = closure.elements.size();

  std::vector<std::size_t> sorted(order);
  std::iota(sorted.begin(), sorted.end(), std::size_t{0});
  std::sort(sorted.begin(), sorted.end(),
            [&](std::size_t a, std::size_t b) { return closure.elements[a] < closure.elements[b]; });
  std::vector<std::size_t> rank(order);
  for (std::size_t i = 0; i < order; ++i) rank[sorted[i]] = i;

  // a (b g) = (a b) g: one look-up per entry, no permutation is multiplied again.
  std::vector<int> table(order * order);
  std::vector<std::size_t> row(order);
  for (std::size_t a = 0; a < order; ++a) {
    row[0] = a;
    for (std::size_t b = 1; b < order; ++b) {
      row[b] = closure.successor[row[closure.parent[b]] * generators.size() + closure.last[b]];
    }
    for (std::size_t b = 0; b < order; ++b) table[rank[a] * order + rank[b]] = static_cast<int>(rank[row[b]]);
  }

  std::vector<Permutation> elements;
  std::vector<std::string> names;
  for (const std::size_t i : sorted) {
    elements.push_back(closure.elements[i]);
    names.push_back(closure.elements[i].to_string());
  }
  FiniteGroup group(name, static_cast<std::int64_t>(order), std::move(table), std::move(names));
  return PermutationGroup{std::move(group), std::move(elements), degree};
}

}  // namespace orbitgrad::groups
