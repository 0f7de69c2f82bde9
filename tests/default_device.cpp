// Lets a test program run on another device: with ORBITGRAD_TEST_DEVICE=sim all its tests make their tensors there.
#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>

#include "engine/device.hpp"

namespace orbitgrad {
namespace {

class DefaultDevice : public ::testing::Environment {
 public:
  void SetUp() override {
    if (const char* text = std::getenv("ORBITGRAD_TEST_DEVICE")) default_device_.emplace(parse_device(text));
  }
  void TearDown() override { default_device_.reset(); }

 private:
  std::optional<ScopedDefaultDevice> default_device_;
};

const auto* const environment = ::testing::AddGlobalTestEnvironment(new DefaultDevice);

}  // namespace
}  // namespace orbitgrad
