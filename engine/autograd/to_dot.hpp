// The graph of a computation as DOT, the language of Graphviz: `dot -Tsvg graph.dot > graph.svg`.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "engine/tensor.hpp"

namespace orbitgrad {

/// Every op that the outputs' gradients go through, from leaves at the top to outputs at the bottom; edges carry dtype
/// and shape. `names` label leaves and results that the reader knows. Equal graphs give equal text. Error: an output
/// tracks no gradient.
std::string to_dot(const std::vector<Tensor>& outputs, const std::vector<std::pair<std::string, Tensor>>& names = {});

}  // namespace orbitgrad
