// What theory says of cloning and a few seconds can check: the rates of linear students, the floors of the marginal
// mode, the bound of the equivariance error by the clone's error, and what inputs taken from images leave unlearned.
#pragma once

#include <filesystem>
#include <vector>

#include "experiments/record.hpp"
#include "experiments/symmetry_cloning/tasks.hpp"

namespace orbitgrad::experiments {

/// The digits that cloning on images is measured with: of side 14, 5,000 generated ones, or the first 10,000 and 256 of
/// a folder, or all that it has.
Mnist digits_of_closed_forms(const TaskDataOptions& options);

/// Records {what, measured, expected, holds}, `expected` a text. They are read from closed_forms.jsonl in the folder if
/// it has them for these digits, on which alone they depend.
std::vector<Record> measure_closed_forms(const TaskDataOptions& data, const std::string& data_fingerprint,
                                         const std::filesystem::path& out);

}  // namespace orbitgrad::experiments
