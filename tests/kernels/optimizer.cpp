#include "kernels/optimizer/optimizer.hpp"

#include "tests/kernels/buffer.hpp"

namespace orbitgrad::testing {
namespace {

using kernels::AdamProblem;
using kernels::SgdProblem;

template <class T>
class OptimizerTest : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(OptimizerTest, Types);

constexpr int steps = 5;
const std::int64_t counts[] = {0, 1, 17, 40000};

/// Runs `steps` steps of advance(step, parameter, gradient, first state, second state); parameters, then states.
template <class T, class Advance>
std::vector<T> trajectory(std::int64_t count, Advance&& advance) {
  return same_for_any_thread_count([&] {
    Guarded<T> parameter(count), first(count, T(0)), second(count, T(0));
    const auto start = random_values<T>(count, 100);
    std::copy(start.begin(), start.end(), parameter.data());
    for (int step = 1; step <= steps; ++step) {
      const auto gradient = random_values<T>(count, static_cast<std::uint64_t>(step));
      advance(step, parameter.data(), gradient.data(), first.data(), second.data());
    }
    auto all = parameter.values();
    for (const T value : first.values()) all.push_back(value);
    for (const T value : second.values()) all.push_back(value);
    return all;
  });
}

/// The same in double, one element after another: update(step, p, g, first, second) changes p and the states.
template <class T, class Update>
std::vector<double> reference(std::int64_t count, Update&& update) {
  const auto start = random_values<T>(count, 100);
  std::vector<double> parameter(start.begin(), start.end()), first(start.size()), second(start.size());
  for (int step = 1; step <= steps; ++step) {
    const auto gradient = random_values<T>(count, static_cast<std::uint64_t>(step));
    for (std::size_t i = 0; i < start.size(); ++i)
      update(step, parameter[i], static_cast<double>(gradient[i]), first[i], second[i]);
  }
  parameter.insert(parameter.end(), first.begin(), first.end());
  parameter.insert(parameter.end(), second.begin(), second.end());
  return parameter;
}

TYPED_TEST(OptimizerTest, Sgd) {
  for (const std::int64_t count : counts)
    for (const double momentum : {0.0, 0.9})
      for (const bool nesterov : {false, true}) {
        const SgdProblem p{count, 0.1, momentum, 0.01, nesterov, 0.5};
        const auto actual = trajectory<TypeParam>(
            count, [&](int, TypeParam* parameter, const TypeParam* gradient, TypeParam* velocity, TypeParam*) {
              kernels::cpu::sgd_step(p, parameter, gradient, momentum == 0 ? nullptr : velocity);
            });
        expect_near(actual, reference<TypeParam>(count, [&](int, double& x, double g, double& v, double&) {
                      g = 0.5 * g + 0.01 * x;
                      if (momentum == 0) {
                        x -= 0.1 * g;
                        return;
                      }
                      v = momentum * v + g;
                      x -= 0.1 * (nesterov ? g + momentum * v : v);
                    }));
      }
}

TYPED_TEST(OptimizerTest, AdamAndAdamW) {
  for (const std::int64_t count : counts)
    for (const bool decoupled : {false, true}) {
      AdamProblem p{count, 0.01, 0.9, 0.99, 1e-8, 0.1, decoupled, 2.0, 1};
      const auto actual = trajectory<TypeParam>(
          count, [&](int step, TypeParam* parameter, const TypeParam* gradient, TypeParam* first, TypeParam* second) {
            p.step = step;
            kernels::cpu::adam_step(p, parameter, gradient, first, second);
          });
      const auto expected =
          reference<TypeParam>(count, [&](int step, double& x, double g, double& first, double& second) {
            g *= 2;
            if (decoupled)
              x -= 0.01 * 0.1 * x;
            else
              g += 0.1 * x;
            first = 0.9 * first + 0.1 * g;
            second = 0.99 * second + 0.01 * g * g;
            x -= 0.01 * (first / (1 - std::pow(0.9, step))) / (std::sqrt(second / (1 - std::pow(0.99, step))) + 1e-8);
          });
      expect_near(actual, expected, tolerance<TypeParam> * 10);
    }
}

TYPED_TEST(OptimizerTest, RmsProp) {
  using kernels::RmsPropParameter;
  for (const std::int64_t count : counts)
    for (const bool centred : {false, true}) {
      const kernels::RmsPropProblem p{.learning_rate = 0.1,
                                      .smoothing = 0.9,
                                      .momentum = centred ? 0 : 0.8,
                                      .weight_decay = 0.01,
                                      .centred = centred,
                                      .gradient_scale = 0.5};
      const auto actual = trajectory<TypeParam>(
          count, [&](int, TypeParam* parameter, const TypeParam* gradient, TypeParam* square, TypeParam* other) {
            const RmsPropParameter<TypeParam> one{
                parameter, gradient, square, centred ? nullptr : other, centred ? other : nullptr, count};
            kernels::cpu::rmsprop_many<TypeParam>(p, std::span<const RmsPropParameter<TypeParam>>(&one, 1));
          });
      const auto expected = reference<TypeParam>(count, [&](int, double& x, double g, double& square, double& other) {
        g = 0.5 * g + 0.01 * x;
        square = 0.9 * square + 0.1 * g * g;
        if (centred) {
          other = 0.9 * other + 0.1 * g;
          x -= 0.1 * g / (std::sqrt(square - other * other) + 1e-8);
        } else {
          other = 0.8 * other + g / (std::sqrt(square) + 1e-8);
          x -= 0.1 * other;
        }
      });
      expect_near(actual, expected, tolerance<TypeParam> * 100);
    }
}

// The first step of Adam has the size of the learning rate, whatever the gradient.
TYPED_TEST(OptimizerTest, FirstAdamStepHasTheLearningRate) {
  AdamProblem p;
  p.count = 3;
  TypeParam parameter[] = {0, 0, 0}, first[] = {0, 0, 0}, second[] = {0, 0, 0};
  const TypeParam gradient[] = {TypeParam(1e-3), -5, 1000};
  kernels::cpu::adam_step(p, parameter, gradient, first, second);
  EXPECT_NEAR(parameter[0], -1e-3, 2e-8);
  EXPECT_NEAR(parameter[1], 1e-3, 1e-9);
  EXPECT_NEAR(parameter[2], -1e-3, 1e-9);
}

}  // namespace
}  // namespace orbitgrad::testing
