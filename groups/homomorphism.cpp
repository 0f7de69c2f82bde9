#include "groups/homomorphism.hpp"

#include <algorithm>

#include "groups/error.hpp"

namespace orbitgrad::groups {
namespace {

int image(std::span<const int> images, int a) { return images[static_cast<std::size_t>(a)]; }

bool has_trivial_kernel(const FiniteGroup& from, const FiniteGroup& to, std::span<const int> images) {
  for (int a = 0; a < from.order(); ++a) {
    if (a != from.identity() && image(images, a) == to.identity()) return false;
  }
  return true;
}

/// Orders of the elements, sorted: equal for isomorphic groups.
std::vector<int> order_profile(const std::vector<int>& element_orders) {
  std::vector<int> profile = element_orders;
  std::sort(profile.begin(), profile.end());
  return profile;
}

std::vector<int> element_orders(const FiniteGroup& group) {
  std::vector<int> orders(static_cast<std::size_t>(group.order()));
  for (int a = 0; a < group.order(); ++a) orders[static_cast<std::size_t>(a)] = group.element_order(a);
  return orders;
}

class IsomorphismSearch {
 public:
  IsomorphismSearch(const FiniteGroup& from, const FiniteGroup& to)
      : from_(from), to_(to), from_orders_(element_orders(from)), to_orders_(element_orders(to)) {}

  std::optional<std::vector<int>> run() {
    if (order_profile(from_orders_) != order_profile(to_orders_)) return std::nullopt;
    return choose_next_image();
  }

 private:
  std::optional<std::vector<int>> choose_next_image() {
    const auto chosen = from_.generators().first(images_.size());
    auto partial = extend_homomorphism(from_, chosen, to_, images_);
    if (!partial || !has_trivial_kernel(from_, to_, *partial)) return std::nullopt;
    if (images_.size() == from_.generators().size()) return partial;
    const int generator = from_.generators()[images_.size()];
    for (int candidate = 0; candidate < to_.order(); ++candidate) {
      if (image(to_orders_, candidate) != image(from_orders_, generator)) continue;
      images_.push_back(candidate);
      if (auto complete = choose_next_image()) return complete;
      images_.pop_back();
    }
    return std::nullopt;
  }

  const FiniteGroup& from_;
  const FiniteGroup& to_;
  std::vector<int> from_orders_;
  std::vector<int> to_orders_;
  std::vector<int> images_;
};

}  // namespace

bool is_homomorphism(const FiniteGroup& from, const FiniteGroup& to, std::span<const int> images) {
  require(images.size() == static_cast<std::size_t>(from.order()), "is_homomorphism",
          "a map from {} needs {} images, one per element, got {}. Give all of them.", from.name(), from.order(),
          images.size());
  for (const int a : images) to.require_element("is_homomorphism", a);
  // phi(a g) = phi(a) phi(g) for generators g gives it for all words, which are all elements.
  for (int a = 0; a < from.order(); ++a) {
    for (const int g : from.generators()) {
      if (image(images, from.product(a, g)) != to.product(image(images, a), image(images, g))) return false;
    }
  }
  return image(images, from.identity()) == to.identity();
}

bool is_automorphism(const FiniteGroup& group, std::span<const int> images) {
  return is_homomorphism(group, group, images) && has_trivial_kernel(group, group, images);
}

std::vector<int> kernel(const FiniteGroup& from, const FiniteGroup& to, std::span<const int> images) {
  require(is_homomorphism(from, to, images), "kernel", "the map from {} to {} is no homomorphism. Correct its images.",
          from.name(), to.name());
  std::vector<int> elements;
  for (int a = 0; a < from.order(); ++a) {
    if (image(images, a) == to.identity()) elements.push_back(a);
  }
  return elements;
}

std::optional<std::vector<int>> extend_homomorphism(const FiniteGroup& from, std::span<const int> generators,
                                                    const FiniteGroup& to, std::span<const int> generator_images) {
  require(generators.size() == generator_images.size(), "extend_homomorphism",
          "{} generators but {} images. Give one image per generator.", generators.size(), generator_images.size());
  for (const int a : generators) from.require_element("extend_homomorphism", a);
  for (const int a : generator_images) to.require_element("extend_homomorphism", a);
  std::vector<int> images(static_cast<std::size_t>(from.order()), -1);
  images[static_cast<std::size_t>(from.identity())] = to.identity();
  std::vector<int> reached = {from.identity()};
  for (std::size_t next = 0; next < reached.size(); ++next) {
    for (std::size_t g = 0; g < generators.size(); ++g) {
      const int word = from.product(reached[next], generators[g]);
      const int wanted = to.product(image(images, reached[next]), generator_images[g]);
      int& present = images[static_cast<std::size_t>(word)];
      if (present < 0) {
        present = wanted;
        reached.push_back(word);
      } else if (present != wanted) {
        return std::nullopt;
      }
    }
  }
  return images;
}

std::optional<std::vector<int>> find_isomorphism(const FiniteGroup& from, const FiniteGroup& to) {
  if (from.order() != to.order()) return std::nullopt;
  return IsomorphismSearch(from, to).run();
}

}  // namespace orbitgrad::groups
