// Lets a test program run on another device: with ORBITGRAD_TEST_DEVICE=sim (or cuda) all its tests make their tensors
// there. Where this build or machine does not have the device they are all skipped.
#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>

#include "engine/device.hpp"

namespace orbitgrad {
namespace {

class DefaultDevice : public ::testing::Environment {
 public:
  void SetUp() override {
    const char* text = std::getenv("ORBITGRAD_TEST_DEVICE");
    if (text == nullptr) return;
    for (const DeviceStatus& status : device_statuses())
      if (name(status.device) == text && !status.available)
        GTEST_SKIP() << "no device " << text << " here: " << status.description;
    default_device_.emplace(parse_device(text));
  }
  void TearDown() override { default_device_.reset(); }

 private:
  std::optional<ScopedDefaultDevice> default_device_;
};

const auto* const environment = ::testing::AddGlobalTestEnvironment(new DefaultDevice);

}  // namespace
}  // namespace orbitgrad
