// What `orbitgrad op --list` prints of the catalogue of ops: lines to read, JSON, and the page docs/ops.md.
#pragma once

#include <string>
#include <vector>

#include "engine/catalogue/catalogue.hpp"

namespace orbitgrad::experiments {

using OpList = std::vector<const catalogue::Op*>;

/// One line per op, by family; for a single op its arguments, settings and kernels as well.
std::string op_lines(const OpList& ops);
/// An array of objects; the kernels are those of every available device.
std::string op_json(const OpList& ops);
/// Independent of the build and the machine.
std::string op_page(const OpList& ops);

}  // namespace orbitgrad::experiments
