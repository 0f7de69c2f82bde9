#include "groups/action.hpp"

#include <algorithm>
#include <utility>

#include "groups/error.hpp"

namespace orbitgrad::groups {
namespace {

/// Error unless a table [S, points] is within bounds; to be called before one is allocated.
void require_table_size(std::string_view op, const FiniteGroup& group, std::int64_t points) {
  require(points >= 0, op, "the number of points must not be negative, got {}. Count them from 0 up.", points);
  require(points <= Action::max_entries / group.order(), op,
          "{} acting on {} points needs a table of more than {} entries. Use fewer points or a smaller group.",
          group.name(), points, Action::max_entries);
}

void require_same_group(std::string_view op, const Action& first, const Action& second) {
  require(first.group().has_same_table(second.group()), op,
          "the actions are of different groups, {} of order {} and {} of order {}. Both must be of one group.",
          first.group().name(), first.group().order(), second.group().name(), second.group().order());
}

/// The action that sends point i to move(s, i).
template <class Move>
Action build_action(std::string_view op, const FiniteGroup& group, std::int64_t points, Move move) {
  require_table_size(op, group, points);
  std::vector<std::int32_t> destination;
  destination.reserve(static_cast<std::size_t>(group.order() * points));
  for (int s = 0; s < group.order(); ++s) {
    for (std::int64_t i = 0; i < points; ++i) destination.push_back(static_cast<std::int32_t>(move(s, i)));
  }
  return {group, points, std::move(destination)};
}

/// The pixel at twice its position relative to the centre, which is odd for even sizes, hence exact in integers.
std::int64_t pixel_at(std::int64_t doubled, std::int64_t size) { return (doubled + size - 1) / 2; }

}  // namespace

Action::Action(const FiniteGroup& group, std::int64_t points, std::vector<std::int32_t> destination)
    : group_(group),
      points_(points),
      destination_(std::make_shared<const std::vector<std::int32_t>>(std::move(destination))) {
  constexpr std::string_view op = "action";
  require_table_size(op, group, points);
  require(static_cast<std::int64_t>(destination_->size()) == group.order() * points, op,
          "the destinations must be [S, n] = [{}, {}], got {} entries. Give one per element and point.", group.order(),
          points, destination_->size());
  const auto at = [&](int s, std::int64_t i) { return (*destination_)[static_cast<std::size_t>(s * points_ + i)]; };

  std::vector<std::int64_t> reached_from(static_cast<std::size_t>(points));
  for (int s = 0; s < group.order(); ++s) {
    std::fill(reached_from.begin(), reached_from.end(), -1);
    for (std::int64_t i = 0; i < points; ++i) {
      if (at(s, i) < 0 || at(s, i) >= points) {
        fail(op, "element {} of {} sends point {} to {}, outside [0, {}). Correct that entry.", group.element_name(s),
             group.name(), i, at(s, i), points);
      }
      const auto before = std::exchange(reached_from[static_cast<std::size_t>(at(s, i))], i);
      if (before >= 0) {
        fail(op, "element {} of {} sends points {} and {} both to {}. Each row must be a permutation.",
             group.element_name(s), group.name(), before, i, at(s, i));
      }
    }
  }
  for (std::int64_t i = 0; i < points; ++i) {
    require(at(group.identity(), i) == i, op, "the identity of {} sends point {} to {}. It must move nothing.",
            group.name(), i, at(group.identity(), i));
  }
  // L_g L_b = L_gb for generators g and all b gives it for all pairs, by induction on word length.
  for (const int g : group.generators()) {
    for (int b = 0; b < group.order(); ++b) {
      const int gb = group.product(g, b);
      for (std::int64_t i = 0; i < points; ++i) {
        if (at(g, at(b, i)) != at(gb, i)) {
          fail(op,
               "not a homomorphism: for a = {}, b = {} of {}, L_a L_b sends point {} to {} but L_ab sends it to {}. "
               "Correct the table (an inverse taken too often or too seldom does this).",
               group.element_name(g), group.element_name(b), group.name(), i, at(g, at(b, i)), at(gb, i));
        }
      }
    }
  }
}

int Action::destination(int s, std::int64_t i) const {
  group_.require_element("action", s);
  require(i >= 0 && i < points_, "action", "point {} is outside [0, {}). Points count from 0.", i, points_);
  return (*destination_)[static_cast<std::size_t>(s * points_ + i)];
}

std::vector<std::int32_t> Action::source_table() const {
  std::vector<std::int32_t> source;
  source.reserve(destination_->size());
  for (int s = 0; s < group_.order(); ++s) {
    const auto row = destination_->begin() + group_.inverse(s) * points_;
    source.insert(source.end(), row, row + points_);
  }
  return source;
}

std::int64_t Action::fixed_point_count(int s) const {
  group_.require_element("action", s);
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < points_; ++i) count += destination(s, i) == i ? 1 : 0;
  return count;
}

Action trivial_action(const FiniteGroup& group, std::int64_t points) {
  return build_action("trivial_action", group, points, [](int, std::int64_t i) { return i; });
}

Action left_regular_action(const FiniteGroup& group) {
  return build_action("left_regular_action", group, group.order(),
                      [&](int s, std::int64_t t) { return group.product(s, static_cast<int>(t)); });
}

Action coset_action(const Subgroup& subgroup) {
  const Cosets cosets = subgroup.left_cosets();
  return build_action("coset_action", subgroup.parent(), subgroup.index(), [&](int s, std::int64_t k) {
    const int moved = subgroup.parent().product(s, cosets.representatives[static_cast<std::size_t>(k)]);
    return cosets.coset_of[static_cast<std::size_t>(moved)];
  });
}

Action natural_action(const PermutationGroup& permutations) {
  return build_action("natural_action", permutations.group, permutations.degree, [&](int s, std::int64_t i) {
    return permutations.elements[static_cast<std::size_t>(s)](static_cast<int>(i));
  });
}

Action grid_action(const LatticeGroup& lattice, std::int64_t height, std::int64_t width) {
  constexpr std::string_view op = "grid_action";
  require(height >= 0 && width >= 0, op,
          "the grid must be [H, W] with sizes of 0 or more, got [{}, {}]. Give the size of an image.", height, width);
  require(width == 0 || height <= Action::max_entries / width, op,
          "a grid [{}, {}] has more than {} points. Use a smaller grid.", height, width, Action::max_entries);
  require(!lattice.is_hexagonal(), op, "{} acts on hexagons, a grid [{}, {}] has squares. Use p1, p2, pm, p4 or p4m.",
          lattice.name, height, width);
  require(height == width || !lattice.has_quarter_turns(), op,
          "{} turns rows into columns, so its grid must be square, got [{}, {}]. Crop or pad to a square, or use a "
          "group without quarter turns (p2, pm).",
          lattice.name, height, width);
  return build_action(op, lattice.group, height * width, [&](int s, std::int64_t i) {
    const auto& m = lattice.matrices[static_cast<std::size_t>(s)];
    const std::int64_t row = 2 * (i / width) - (height - 1);
    const std::int64_t col = 2 * (i % width) - (width - 1);
    const std::int64_t moved_row = pixel_at(m[0] * row + m[1] * col, height);
    const std::int64_t moved_col = pixel_at(m[2] * row + m[3] * col, width);
    return moved_row * width + moved_col;
  });
}

Action regular_feature_action(const LatticeGroup& lattice, std::int64_t height, std::int64_t width) {
  return product_action(left_regular_action(lattice.group), grid_action(lattice, height, width));
}

Action product_action(const Action& first, const Action& second) {
  constexpr std::string_view op = "product_action";
  require_same_group(op, first, second);
  const std::int64_t inner = second.points();
  require(inner == 0 || first.points() <= Action::max_entries / inner, op,
          "{} times {} points are more than {}. Use fewer points.", first.points(), inner, Action::max_entries);
  return build_action(op, first.group(), first.points() * inner, [&](int s, std::int64_t i) {
    return first.destination(s, i / inner) * inner + second.destination(s, i % inner);
  });
}

Action disjoint_union(const Action& first, const Action& second) {
  require_same_group("disjoint_union", first, second);
  const std::int64_t offset = first.points();
  return build_action("disjoint_union", first.group(), offset + second.points(), [&](int s, std::int64_t i) {
    return i < offset ? std::int64_t{first.destination(s, i)} : offset + second.destination(s, i - offset);
  });
}

}  // namespace orbitgrad::groups
