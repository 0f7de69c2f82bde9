#include "groups/product.hpp"

#include <utility>
#include <vector>

#include "groups/error.hpp"
#include "groups/homomorphism.hpp"

namespace orbitgrad::groups {
namespace {

std::vector<std::string> pair_names(const FiniteGroup& first, const FiniteGroup& second) {
  std::vector<std::string> names;
  for (int a = 0; a < first.order(); ++a) {
    for (int b = 0; b < second.order(); ++b) {
      names.push_back(fmt::format("({}, {})", first.element_name(a), second.element_name(b)));
    }
  }
  return names;
}

/// (a, b)(a', b') = (a act(b, a'), b b'); `act` is known to be an action by automorphisms.
template <class Act>
FiniteGroup build_product(std::string name, const FiniteGroup& first, const FiniteGroup& second, Act act) {
  const int order = first.order() * second.order();
  std::vector<int> table;
  table.reserve(static_cast<std::size_t>(order) * static_cast<std::size_t>(order));
  for (int x = 0; x < order; ++x) {
    const int a = x / second.order(), b = x % second.order();
    for (int y = 0; y < order; ++y) {
      const int moved = act(b, y / second.order());
      table.push_back(first.product(a, moved) * second.order() + second.product(b, y % second.order()));
    }
  }
  return {std::move(name), order, std::move(table), pair_names(first, second)};
}

}  // namespace

FiniteGroup direct_product(const FiniteGroup& first, const FiniteGroup& second) {
  FiniteGroup::require_order("direct_product", static_cast<std::int64_t>(first.order()) * second.order());
  return build_product(fmt::format("{} x {}", first.name(), second.name()), first, second,
                       [](int, int a) { return a; });
}

FiniteGroup semidirect_product(const FiniteGroup& normal, const FiniteGroup& acting,
                               std::span<const int> automorphisms) {
  constexpr std::string_view op = "semidirect_product";
  FiniteGroup::require_order(op, static_cast<std::int64_t>(normal.order()) * acting.order());
  const auto width = static_cast<std::size_t>(normal.order());
  require(automorphisms.size() == static_cast<std::size_t>(acting.order()) * width, op,
          "the automorphisms must be [|H|, |N|] = [{}, {}], got {} entries. Give one image per pair.", acting.order(),
          normal.order(), automorphisms.size());
  for (const int n : automorphisms) normal.require_element(op, n);
  const auto apply = [&](int h, int n) {
    return automorphisms[static_cast<std::size_t>(h) * width + static_cast<std::size_t>(n)];
  };
  for (int h = 0; h < acting.order(); ++h) {
    if (!is_automorphism(normal, automorphisms.subspan(static_cast<std::size_t>(h) * width, width))) {
      fail(op, "element {} of {} acts on {} by a map that is no automorphism. Correct its row.", acting.element_name(h),
           acting.name(), normal.name());
    }
  }
  for (int a = 0; a < acting.order(); ++a) {
    for (int b = 0; b < acting.order(); ++b) {
      for (int n = 0; n < normal.order(); ++n) {
        if (apply(a, apply(b, n)) != apply(acting.product(a, b), n)) {
          fail(op,
               "the map from {} to the automorphisms of {} is no homomorphism: phi_a phi_b and phi_ab differ on {} "
               "for a = {}, b = {}. Correct the rows.",
               acting.name(), normal.name(), normal.element_name(n), acting.element_name(a), acting.element_name(b));
        }
      }
    }
  }
  return build_product(fmt::format("{} x| {}", normal.name(), acting.name()), normal, acting, apply);
}

}  // namespace orbitgrad::groups
