// The one exception type, for the engine and everything above it; see groups/error.hpp.
#pragma once

#include "groups/error.hpp"
