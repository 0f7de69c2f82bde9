// Kernels to test the simulator with: each by name, on arrays in the simulator's memory.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <string_view>

#include "kernels/sim/launch.hpp"

namespace orbitgrad::kernels::testing {

/// Launches the sample kernel `name` on in and out of `count` floats.
void launch_sample(std::string_view name, const LaunchShape& shape, const float* in, float* out, int count);

/// The text of an error or a finding holds all the parts.
inline void expect_parts(const std::string& text, std::initializer_list<std::string> parts) {
  for (const std::string& part : parts) EXPECT_NE(text.find(part), std::string::npos) << part << "\nin: " << text;
}

}  // namespace orbitgrad::kernels::testing
