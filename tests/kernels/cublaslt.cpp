// cuBLASLt is loaded by its first call: seen without a GPU by what the library itself then says.
#include <gtest/gtest.h>

#include <vector>

#include "kernels/device_memory.hpp"
#include "kernels/gemm/gemm.hpp"
#include "kernels/launch_error.hpp"

namespace orbitgrad::kernels {
namespace {

TEST(CublasLt, IsLoadedByItsFirstCall) {
  const GemmProblem problem = dense_gemm(2, 2, 2);
  const auto* version = Registry<Gemm<float>>::find("cublaslt", DeviceKind::cuda, problem);
  if (version == nullptr) GTEST_SKIP() << "built without CUDA";
  if (device_memory(DeviceKind::cuda) != nullptr) GTEST_SKIP() << "there is a GPU: its products are tested as gemm's";
  const std::vector<float> a(4), b(4);
  std::vector<float> c(4);
  try {
    version->launch(problem, a.data(), b.data(), c.data());
    FAIL() << "a product without a GPU";
  } catch (const LaunchError& error) {
    EXPECT_EQ(std::string(error.what()), "cuBLASLt, start: the library was not initialized");
  }
}

}  // namespace
}  // namespace orbitgrad::kernels
