// What a user can switch on without changing a program: ORBITGRAD_TRACE=file.json, ORBITGRAD_CHECK_FINITE=1 and
// ORBITGRAD_MEMORY_LIMIT=4GiB, read once when the library is loaded.
#pragma once

namespace orbitgrad::observe {

/// Error if one of the variables could not be understood or done. Called for the first tensor.
void require_environment();

}  // namespace orbitgrad::observe
