// What a step that is recorded once and run again must refuse, and what an error leaves behind.
#include "engine/captured_step.hpp"
#include "engine/observe/finite.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/symmetry.hpp"
#include "engine/update.hpp"
#include "nn/layers.hpp"
#include "tests/engine/expect_error.hpp"

namespace orbitgrad::nn {
namespace {

constexpr DeviceKind cpu = DeviceKind::cpu, sim = DeviceKind::sim;

/// The second call of a step with this body, which records it.
template <class Body>
void record(Body&& body) {
  CapturedStep captured(
      [&](const StepInputs& inputs) {
        if (is_capturing()) body(inputs);
        return std::vector{inputs.tensors[0] + 1.0};
      },
      sim);
  const std::vector<Tensor> inputs = {ones({2}, DType::float32, cpu)};
  captured(inputs);
  captured(inputs);
}

TEST(CapturedStepErrors, RefusesWhatARunWouldNotDoAgain) {
  const std::string here = "captured_step_refusals.cpp:";
  const auto x = [](const StepInputs& inputs) { return inputs.tensors[0]; };
  EXPECT_ERROR(record([&](const auto& in) { sum(x(in)).item(); }), here + std::to_string(__LINE__));
  EXPECT_ERROR(record([&](const auto& in) { x(in).template to_vector<float>(); }), here + std::to_string(__LINE__));
  EXPECT_ERROR(record([&](const auto& in) { x(in).to_string(); }), here + std::to_string(__LINE__));
  EXPECT_ERROR(record([&](const auto& in) { x(in).to(cpu); }), here + std::to_string(__LINE__));
  EXPECT_ERROR(record([&](const auto&) { ones({2}, DType::float32, cpu).to(sim); }), here + std::to_string(__LINE__));
  EXPECT_ERROR(record([&](const auto&) { from_vector(std::vector<float>{1}, {1}, sim); }),
               here + std::to_string(__LINE__ - 1));
  EXPECT_ERROR(record([&](const auto& in) { dropout(x(in), 0.5, RandomKey{3}); }), "Split it from inputs.key");
  EXPECT_ERROR(record([&](const auto&) {
                 rotate_bilinear(zeros({1, 1, 3, 3}, DType::float32, sim), zeros({1}, DType::float64, cpu));
               }),
               "Rotate before the step");
  EXPECT_ERROR(record([&](const auto&) {
                 CapturedStep inner([](const StepInputs&) { return std::vector<Tensor>{}; }, sim);
                 inner({});
               }),
               "inside a step that is captured");

  Tensor on_cpu = zeros({2}, DType::float32, cpu);
  EXPECT_ERROR(record([&](const auto&) { assign(on_cpu, ones({2}, DType::float32, cpu)); }), "tensor of the cpu");
  EXPECT_EQ(on_cpu.to_vector<float>(), std::vector<float>(2, 0));
  CapturedStep by_number([](const StepInputs& in) { return std::vector{in.tensors[0] * in.numbers[0].now()}; }, sim);
  by_number({ones({2}, DType::float32, cpu)}, {}, {2.0});
  EXPECT_ERROR(by_number({ones({2}, DType::float32, cpu)}, {}, {3.0}), here + std::to_string(__LINE__ - 2));
  {
    const ScopedCheckFinite checking;
    EXPECT_ERROR(record([](const auto&) {}), "--check-finite");
  }

  CapturedStep on_the_cpu([](const StepInputs&) { return std::vector{ones({1}, DType::float32, cpu)}; }, sim);
  on_the_cpu({});
  EXPECT_ERROR(on_the_cpu({}), "not on sim");
}

TEST(CapturedStepErrors, RefusesOtherInputs) {
  CapturedStep captured([](const StepInputs& inputs) { return std::vector{inputs.tensors[0] * 2.0}; }, sim);
  const Tensor x = ones({2, 3}, DType::float32, cpu);
  captured({x}, {}, {0.1});
  EXPECT_ERROR(captured({ones({3, 3}, DType::float32, cpu)}, {}, {0.1}),
               "was captured for float32 [2, 3] and is called with float32 [3, 3]");
  EXPECT_ERROR(captured({x.to(DType::float64)}, {}, {0.1}), "float64 [2, 3]");
  EXPECT_ERROR(captured({x, x}, {}, {0.1}), "float32 [2, 3], float32 [2, 3]");
  EXPECT_ERROR(captured({}, {}, {0.1}), "no tensors");
  EXPECT_ERROR(captured({x}, {}, {}), "1 numbers and is called with 0");
  EXPECT_ERROR(captured({Tensor()}, {}, {0.1}), "undefined");
  Tensor leaf = ones({2, 3}, DType::float32, cpu);
  EXPECT_ERROR(captured({leaf.set_requires_grad()}, {}, {0.1}), "x.detach()");
  EXPECT_ERROR(CapturedStep(nullptr, sim), "no function");
  EXPECT_EQ(captured({x.to(sim)}, {}, {0.1})[0].to_vector<float>(), std::vector<float>(6, 2));
}

TEST(CapturedStepErrors, RefusesToAddToGradientsFromBefore) {
  Tensor weight = ones({2}, DType::float32, sim);
  weight.set_requires_grad();
  CapturedStep captured(
      [&](const StepInputs& inputs) {
        sum(weight * inputs.tensors[0]).backward();
        return std::vector<Tensor>{};
      },
      sim);
  const Tensor x = ones({2}, DType::float32, cpu);
  captured({x});
  EXPECT_ERROR(captured({x}), "Clear the gradients in the step");
}

TEST(CapturedStepErrors, AFirstCallThatFailsIsNone) {
  bool fails = true;
  Tensor made;
  CapturedStep captured(
      [&](const StepInputs& inputs) {
        if (fails) fail("test", "this fails on purpose. Call again.");
        if (!made) made = full({}, 2, DType::float32, sim);  // what the first call prepares is no part of the recording
        return std::vector{inputs.tensors[0] * made};
      },
      sim);
  EXPECT_ERROR(captured({ones({3}, DType::float32, cpu)}), "on purpose");
  fails = false;
  EXPECT_TRUE(captured.fits({ones({4}, DType::float32, cpu)}));
  for (const double value : {1.0, 2.0, 3.0}) {
    EXPECT_EQ(captured({full({4}, value, DType::float32, cpu)})[0].to_vector<float>(),
              std::vector<float>(4, static_cast<float>(2 * value)));
    EXPECT_EQ(captured.is_captured(), value > 1);
  }
}

}  // namespace
}  // namespace orbitgrad::nn
