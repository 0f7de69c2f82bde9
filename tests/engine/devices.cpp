// Tensors on two devices: moving them, meeting on one, running out of memory there, and what is reported.
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "engine/autograd/gradcheck.hpp"
#include "engine/dispatch.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/comparison.hpp"
#include "engine/ops/convolution.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/indexing.hpp"
#include "engine/ops/matmul.hpp"
#include "engine/ops/normalization.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/symmetry.hpp"
#include "engine/ops/transfer.hpp"
#include "engine/update.hpp"
#include "kernels/device_memory.hpp"
#include "kernels/sim/trace.hpp"
#include "tests/engine/expect_error.hpp"
#include "tests/engine/op_checks.hpp"

namespace orbitgrad {
namespace {

constexpr DeviceKind cpu = DeviceKind::cpu, sim = DeviceKind::sim;

Tensor numbers(const Shape& shape, DeviceKind device, DType dtype = DType::float32) {
  return reshape(arange(shape.numel(), dtype, device), shape);
}

std::int64_t live_bytes() { return kernels::device_memory(sim)->statistics().live_bytes; }

TEST(Devices, AreListedWithWhatTheyAre) {
  EXPECT_EQ(parse_device("sim"), sim);
  EXPECT_ERROR(parse_device("gpu"), "no device 'gpu'");
  for (const DeviceStatus& status : device_statuses()) {
    EXPECT_FALSE(status.description.empty());
    EXPECT_TRUE(status.available || status.device == DeviceKind::cuda) << name(status.device);
    if (status.available) continue;
    EXPECT_ERROR(zeros({2}, DType::float32, status.device), "cannot be used");
  }
}

TEST(Devices, TheDefaultHoldsForAScope) {
  const DeviceKind before = default_device();
  {
    const ScopedDefaultDevice scope(sim);
    EXPECT_EQ(zeros({2}).device(), sim);
    EXPECT_EQ(Tensor::empty({2}).device(), sim);
    EXPECT_EQ(normal({2}, RandomKey{1}).device(), sim);
    EXPECT_EQ(random_permutation(3, RandomKey{1}).device(), sim);
    const ScopedDefaultDevice inner(cpu);
    EXPECT_EQ(identity(2).device(), cpu);
    EXPECT_EQ((numbers({2}, sim) * 2.0).device(), sim) << "a result is where its inputs are";
  }
  EXPECT_EQ(default_device(), before);
}

TEST(Devices, MovingKeepsEveryBit) {
  for (const DType dtype : {DType::float32, DType::float64, DType::int64, DType::int32, DType::boolean}) {
    const Tensor x = cast(numbers({3, 4, 5}, cpu), dtype), there = x.to(sim);
    EXPECT_EQ(there.device(), sim);
    EXPECT_EQ(there.to(cpu).device(), cpu);
    visit_dtype(dtype, [&]<class T>(TypeTag<T>) {
      EXPECT_EQ(there.template to_vector<T>(), x.template to_vector<T>());
      const auto turned = [](const Tensor& t) { return flip(permute(slice(t, 1, {.step = 2}), {2, 0, 1}), {0}); };
      EXPECT_EQ(turned(there).template to_vector<T>(), turned(x).template to_vector<T>());
      EXPECT_EQ(turned(x).to(sim).template to_vector<T>(), turned(x).template to_vector<T>());
    });
  }
  EXPECT_EQ(zeros({0, 3}, DType::float32, cpu).to(sim).shape(), (Shape{0, 3}));
  EXPECT_EQ(full({}, 2.5, DType::float64, cpu).to(sim).item(), 2.5);
  const Tensor here = numbers({2}, cpu);
  EXPECT_EQ(here.to(cpu).shared_body(), here.shared_body());
  EXPECT_NE(numbers({2}, sim).to_string().find("float32 [2] on sim"), std::string::npos);
}

TEST(Devices, MovingIsDifferentiable) {
  Tensor x = testing::smooth_input({2, 3}, 1).detach().to(cpu);
  x.set_requires_grad();
  sum(square(x.to(sim)) * 3.0).to(cpu).backward();
  EXPECT_EQ(x.grad().device(), cpu);
  EXPECT_LE(testing::relative_difference(x.grad(), x.detach() * 6.0), 1e-15);
  const TensorFunction there_and_back = [](const std::vector<Tensor>& inputs) {
    return exp(square(inputs[0].to(sim)).to(cpu));
  };
  EXPECT_TRUE(gradcheck(there_and_back, {x}));
  EXPECT_TRUE(gradgradcheck(there_and_back, {x}));
}

TEST(Devices, TensorsMeetOnOneDevice) {
  const Tensor here = numbers({2, 2}, cpu), there = numbers({2, 2}, sim);
  const Tensor positions = zeros({2, 2}, DType::int64, cpu);
  EXPECT_ERROR(here + there, "on cpu and sim");
  EXPECT_ERROR(matmul(there, here), "on sim and cpu");
  EXPECT_ERROR(where(less(here, here), there, there), "on cpu and sim");
  EXPECT_ERROR(logical_and(less(here, here), less(there, there)), "on cpu and sim");
  EXPECT_ERROR(gather(there, 1, positions), "on sim and cpu");
  EXPECT_ERROR(scatter_add(there, 1, positions, 2), "on sim and cpu");
  EXPECT_ERROR(concat(std::vector<Tensor>{here, there}, 0), "on cpu and sim");
  EXPECT_ERROR(batch_norm_training(there, ones({2}, DType::float32, cpu), ones({2}, DType::float32, sim)),
               "one device");
  EXPECT_ERROR(conv2d(numbers({1, 1, 3, 3}, cpu), numbers({1, 1, 3, 3}, sim), {}), "on cpu and sim");
  Tensor x = numbers({2}, sim);
  x.set_requires_grad();
  EXPECT_ERROR(grad({square(x)}, {x}, {.output_gradients = {ones({2}, DType::float32, cpu)}}), "on cpu, the output");
}

TEST(Devices, HostReadsOfDeviceMemoryAreErrors) {
  Tensor there = numbers({2}, sim);
  EXPECT_ERROR(there.host_data<float>(), "are on sim");
  EXPECT_ERROR(fresh_host_data<float>(there), "are on sim");
  EXPECT_EQ(there.to(cpu).host_data<float>()[1], 1);
}

TEST(Devices, TrimmedMemoryIsNoLongerReserved) {
  kernels::DeviceMemory& memory = *kernels::device_memory(sim);
  memory.trim();
  const std::int64_t before = memory.statistics().reserved_bytes;
  void* block = memory.allocate(1 << 20);
  EXPECT_GE(memory.statistics().reserved_bytes, before + (1 << 20));
  memory.release(block, 1 << 20);
  memory.trim();
  EXPECT_EQ(memory.statistics().reserved_bytes, before);
  void* again = memory.allocate(1 << 20);
  EXPECT_EQ(again, block) << "the addresses are used again";
  memory.release(again, 1 << 20);
}

TEST(Devices, AFullDeviceIsAnError) {
  kernels::DeviceMemory& memory = *kernels::device_memory(sim);
  memory.set_limit(live_bytes() + 1000);
  EXPECT_ERROR(Tensor::empty({1000}, DType::float32, sim), "the limit is");
  EXPECT_ERROR(numbers({1000}, cpu).to(sim), "sim reports");
  memory.set_limit(0);
  EXPECT_EQ(zeros({1000}, DType::float32, sim).numel(), 1000);
}

TEST(Devices, MemoryIsGivenBack) {
  ones({}, DType::float32, sim);  // its table stays
  const std::int64_t before = live_bytes();
  {
    Tensor x = numbers({4, 4}, sim);
    x.set_requires_grad();
    sum(matmul(x, x)).backward();
    EXPECT_GT(live_bytes(), before);
  }
  EXPECT_EQ(live_bytes(), before);
}

TEST(Devices, AssignCrossesDevicesAndMoveTakesHandlesAlong) {
  Tensor target = zeros({3}, DType::float32, sim);
  const Tensor handle = target;
  assign(target, from_vector<float>({1, 2, 3}, {3}, cpu));
  EXPECT_EQ(handle.to_vector<float>(), (std::vector<float>{1, 2, 3}));
  target.set_requires_grad();
  sum(square(target)).backward();
  const Tensor graph = sum(square(target));
  move(target, cpu);
  EXPECT_EQ(handle.device(), cpu);
  EXPECT_EQ(handle.to_vector<float>(), (std::vector<float>{1, 2, 3}));
  EXPECT_EQ(target.grad().device(), cpu);
  EXPECT_EQ(target.grad().to_vector<float>(), (std::vector<float>{2, 4, 6}));
  EXPECT_ERROR(graph.backward(), "changed in place");
  const Tensor keeps_nothing = sum(target * 3.0);
  move(target, sim);
  keeps_nothing.backward();  // its gradient is made where the forward was
  EXPECT_EQ(target.grad().device(), sim);
  EXPECT_EQ(target.grad().to_vector<float>(), (std::vector<float>{5, 7, 9}));
  target.set_grad(Tensor());
  const Tensor another = sum(target * 3.0);
  move(target, cpu);
  another.backward();
  EXPECT_EQ(target.grad().device(), cpu);
  Tensor result = target * 2.0;
  EXPECT_ERROR(move(result, sim), "the result of an operation");
}

struct NowhereToBeFound {
  struct Problem {};
  using Launch = void(const Problem&);
  static constexpr std::string_view name = "nowhere_to_be_found";
};

TEST(Devices, AMissingVersionIsAnErrorOfTheOp) {
  bool ran = false;
  static bool* const flag = &ran;
  launch<NowhereToBeFound>(
      "search", cpu, [](const NowhereToBeFound::Problem&) { *flag = true; }, NowhereToBeFound::Problem{});
  EXPECT_TRUE(ran);
  EXPECT_ERROR(launch<NowhereToBeFound>("search", sim, nullptr, NowhereToBeFound::Problem{}),
               "no version for the device sim of the kernel nowhere_to_be_found");
}

TEST(Devices, AForcedNameMeansItsFamily) {
  EXPECT_TRUE(is_meant_by("orbit_gather", "orbit_gather"));
  EXPECT_TRUE(is_meant_by("orbit_gather/tiles", "orbit_gather"));
  EXPECT_FALSE(is_meant_by("orbit_gather_tiles", "orbit_gather"));
  EXPECT_FALSE(is_meant_by("orbit", "orbit_gather"));
}

TEST(Devices, ATraceWatchesTheOps) {
  kernels::sim::Trace trace;
  {
    Tensor x = numbers({5, 7}, sim);
    x.set_requires_grad();
    sum(log_softmax(x, 1) * numbers({7}, sim)).backward();
    EXPECT_EQ(x.grad().to_vector<float>().size(), 35u);
  }
  EXPECT_FALSE(trace.launches().empty());
  EXPECT_EQ(fmt::format("{}", fmt::join(trace.findings(), "\n")), "");
}

}  // namespace
}  // namespace orbitgrad
