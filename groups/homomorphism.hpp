// Maps between finite groups: phi(a b) = phi(a) phi(b), given as a list of images, one per element.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "groups/finite_group.hpp"

namespace orbitgrad::groups {

/// True if `images` ([from.order()], indices of `to`) is a homomorphism. Error if it has the wrong size or range.
[[nodiscard]] bool is_homomorphism(const FiniteGroup& from, const FiniteGroup& to, std::span<const int> images);

/// True if `images` is a homomorphism of the group to itself that is one-to-one.
[[nodiscard]] bool is_automorphism(const FiniteGroup& group, std::span<const int> images);

/// Sorted elements that go to the identity. Error if `images` is no homomorphism.
[[nodiscard]] std::vector<int> kernel(const FiniteGroup& from, const FiniteGroup& to, std::span<const int> images);

/// The homomorphism on the span of `generators` that sends generators[i] to generator_images[i], with -1 for the
/// elements outside the span; nothing if there is none. Error if the two lists differ in length or leave their groups.
[[nodiscard]] std::optional<std::vector<int>> extend_homomorphism(const FiniteGroup& from,
                                                                  std::span<const int> generators,
                                                                  const FiniteGroup& to,
                                                                  std::span<const int> generator_images);

/// An isomorphism as a list of images, or nothing if the groups are not isomorphic. Backtracks over images of
/// generators.
[[nodiscard]] std::optional<std::vector<int>> find_isomorphism(const FiniteGroup& from, const FiniteGroup& to);

}  // namespace orbitgrad::groups
