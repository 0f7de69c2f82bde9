// Forcing versions of kernels by name, on every device, and noting which ran.
#include "engine/kernel_versions.hpp"

#include "engine/ops/creation.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/group_convolution.hpp"
#include "engine/ops/matmul.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/precision.hpp"
#include "tests/engine/expect_error.hpp"
#include "tests/engine/op_checks.hpp"

namespace orbitgrad {
namespace {

Tensor convolve(const Tensor& x, const Tensor& w) {
  return group_conv2d(x, w, {}, groups::lattice_group("p4"), {.padding = 1});
}

TEST(KernelVersions, ForcesTheNamedOneAndNotesIt) {
  const Tensor x = normal({1, 2, 4, 5, 5}, RandomKey{1}), w = normal({2, 2, 4, 3, 3}, RandomKey{2});
  const Tensor expected = convolve(x, w);
  for (const std::string& name : group_conv2d_implementations(default_device())) {
    const KernelVersions versions(name);
    const Tensor y = convolve(x, w);
    ASSERT_EQ(versions.uses().size(), 1u);
    EXPECT_TRUE(versions.was_forced()) << name;
    EXPECT_LE(testing::relative_difference(y, expected), 1e-5) << name;
    EXPECT_EQ(versions.uses()[0].version, name);
    EXPECT_EQ(versions.uses()[0].kernel, "group_conv2d.forward");
    EXPECT_EQ(versions.uses()[0].offered.size(), group_conv2d_implementations(default_device()).size());
  }
}

TEST(KernelVersions, ForceTheNamedOneAtAPrecision) {
  const ScopedDefaultDevice on_sim(DeviceKind::sim);
  const Tensor x = normal({1, 2, 4, 5, 5}, RandomKey{1}), w = normal({2, 2, 4, 3, 3}, RandomKey{2});
  const Tensor expected = convolve(x, w);
  const ScopedPrecision precision(Precision::tf32);
  const KernelVersions versions("irrep_mma");
  EXPECT_LE(testing::relative_difference(convolve(x, w), expected), 3e-3);
  EXPECT_EQ(versions.uses()[0].version, "irrep_mma");
}

TEST(KernelVersions, OtherNamesForceNothing) {
  const KernelVersions versions("no_such_version");
  convolve(ones({1, 1, 4, 3, 3}), ones({1, 1, 4, 3, 3}));
  exp(ones({3}));
  EXPECT_FALSE(versions.was_forced());
  EXPECT_GE(versions.uses().size(), 1u);
}

TEST(KernelVersions, AnUnsupportedCaseIsAnError) {
  Tensor x = ones({1, 1, 3, 3}, DType::float32, DeviceKind::cpu);
  const KernelVersions versions("irrep_blocks");  // which has no input gradient of lifting
  const Tensor y = lift_conv2d(x.set_requires_grad(), ones({1, 1, 3, 3}, DType::float32, DeviceKind::cpu), {},
                               groups::lattice_group("p4"));
  EXPECT_ERROR(grad({sum(y)}, {x}),
               "the version 'irrep_blocks' of the kernel group_conv2d.input_gradient on cpu does not support");
  EXPECT_EQ(KernelVersions::current(), &versions);
}

TEST(KernelVersions, EndWithTheirScope) {
  { const KernelVersions versions("blocked"); }
  EXPECT_EQ(KernelVersions::current(), nullptr);
  EXPECT_EQ(matmul(ones({2, 2}), ones({2, 2})).to_vector<float>(), (std::vector<float>{2, 2, 2, 2}));
}

}  // namespace
}  // namespace orbitgrad
