// Teachers of symmetry cloning (linear in tau, equivariant for every tau), students and the layers made of them.
#include <cmath>
#include <functional>

#include "engine/autograd/grad.hpp"
#include "engine/autograd/gradcheck.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/matmul.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"
#include "engine/ops/symmetry.hpp"
#include "engine/update.hpp"
#include "models/symmetry_cloning/layers.hpp"
#include "tests/nn/support.hpp"

namespace orbitgrad::models {
namespace {

using namespace testing_support;

const RandomKey key{17};

Tensor noise(const Shape& shape, std::uint64_t stream) {
  return normal(shape, key.split(stream), 0, 1, DType::float64);
}

double distance(const Tensor& a, const Tensor& b) {
  EXPECT_EQ(a.shape(), b.shape());
  return max(absolute(a - b)).item();
}

struct Case {
  LayerKind kind;
  const char* group;
  std::int64_t height, width, kernel;
  Boundary boundary;
};

class Family : public testing::TestWithParam<Case> {
 protected:
  const LayerFamily family{{.kind = GetParam().kind,
                            .group = GetParam().group,
                            .height = GetParam().height,
                            .width = GetParam().width,
                            .kernel = GetParam().kernel,
                            .boundary = GetParam().boundary}};
};

TEST_P(Family, IsTheSumOfItsMatrices) {
  const Tensor x = noise({3, family.input_size()}, 1), tau = noise({3, family.taps()}, 2);
  const Tensor matrices = family.matrices(DType::float64);
  ASSERT_EQ(matrices.shape(), (Shape{family.taps(), family.output_size(), family.input_size()}));
  Tensor expected;
  for (std::int64_t k = 0; k < family.taps(); ++k) {
    const Tensor term = matmul(x, transpose(select(matrices, 0, k))) * narrow(tau, 1, k, 1);
    expected = expected.defined() ? expected + term : term;
  }
  EXPECT_LT(distance(family.apply_each(x, tau), expected), 1e-12);
}

TEST_P(Family, OneFilterForAllSumsOverChannels) {
  const Tensor x = noise({2, 3, family.input_size()}, 3), tau = noise({2, 3, family.taps()}, 4);
  const Tensor y = family.apply(x, tau);
  ASSERT_EQ(y.shape(), (Shape{2, 2, family.output_size()}));
  for (std::int64_t o = 0; o < 2; ++o) {
    Tensor expected = zeros({2, family.output_size()}, DType::float64);
    for (std::int64_t c = 0; c < 3; ++c)
      expected = expected +
                 family.apply_each(select(x, 1, c), broadcast_to(select(select(tau, 0, o), 0, c), {2, family.taps()}));
    EXPECT_LT(distance(select(y, 1, o), expected), 1e-12);
  }
}

void expect_equivariant(const LayerFamily& family, const LayerSymmetry& symmetry) {
  const Tensor x = noise({2, 2, family.input_size()}, 5), tau = noise({3, 2, family.taps()}, 6);
  const Tensor y = family.apply(x, tau);
  for (int g = 0; g < symmetry.in.group().order(); ++g)
    ASSERT_LT(distance(family.apply(act(x, symmetry.in, g), tau), act(y, symmetry.out, g)), 1e-12) << "element " << g;
}

TEST_P(Family, CommutesWithItsPointGroup) { expect_equivariant(family, family.point_symmetry()); }

TEST_P(Family, CommutesWithEveryCyclicShiftIfItsBoundaryIsCircular) {
  const LayerSymmetry shifts = family.shift_symmetry();
  ASSERT_EQ(shifts.in.group().order(), family.options().height * family.options().width);
  if (family.options().boundary == Boundary::circular) {
    expect_equivariant(family, shifts);
  } else {  // the border breaks them, which the measure must be able to see
    const Tensor x = noise({1, 1, family.input_size()}, 5), tau = noise({1, 1, family.taps()}, 6);
    EXPECT_GT(distance(family.apply(act(x, shifts.in, 1), tau), act(family.apply(x, tau), shifts.out, 1)), 1e-3);
  }
}

TEST_P(Family, FeaturesFlattenAndUnflatten) {
  const Tensor x = noise({2, 3, family.input_size()}, 7), y = noise({2, 3, family.output_size()}, 8);
  EXPECT_EQ(family.unflatten_input(x).rank(), GetParam().kind == LayerKind::group_convolution ? 5 : 4);
  EXPECT_EQ(family.unflatten_output(y).rank(), GetParam().kind == LayerKind::convolution ? 4 : 5);
  EXPECT_TRUE(same_bits(flatten_features(family.unflatten_input(x)), x));
  EXPECT_TRUE(same_bits(flatten_features(family.unflatten_output(y)), y));
}

INSTANTIATE_TEST_SUITE_P(Kinds, Family,
                         testing::Values(Case{LayerKind::convolution, "p1", 4, 5, 3, Boundary::zero},
                                         Case{LayerKind::convolution, "p1", 4, 5, 3, Boundary::circular},
                                         Case{LayerKind::convolution, "p1", 3, 3, 5, Boundary::circular},
                                         Case{LayerKind::lifting, "p4", 5, 5, 3, Boundary::zero},
                                         Case{LayerKind::lifting, "p4m", 4, 4, 3, Boundary::circular},
                                         Case{LayerKind::group_convolution, "p4", 4, 4, 3, Boundary::circular},
                                         Case{LayerKind::group_convolution, "p4m", 4, 4, 3, Boundary::zero}));

TEST(FamilyErrors, SayWhatDoesNotFit) {
  expect_error([] { LayerFamily({.height = 0}); }, {"[LayerFamily]", "0 x 28"});
  expect_error([] { LayerFamily({.kernel = 4}); }, {"kernel is 4", "odd"});
  expect_error([] { LayerFamily({.width = std::int64_t{1} << 40}); }, {"1099511627776", "32768"});
  expect_error([] { LayerFamily({.group = "p4"}); }, {"plain convolution", "p4"});
  expect_error([] { LayerFamily({.kind = LayerKind::lifting, .group = "p4", .height = 6, .width = 8}); },
               {"quarter turns", "6 x 8"});
  expect_error([] { LayerFamily({.kind = LayerKind::lifting, .group = "p5"}); }, {"p5", "p4"});
  const LayerFamily family({.height = 4, .width = 4});
  expect_error([&] { family.apply(zeros({2, 3, 15}), zeros({1, 3, 9})); }, {"[N, C, 16]", "[2, 3, 15]"});
  expect_error([&] { family.apply(zeros({2, 3, 16}), zeros({1, 2, 9})); }, {"[C_out, 3, 9]", "[1, 2, 9]"});
  expect_error([&] { family.apply_each(zeros({2, 16}), zeros({3, 9})); }, {"[2, 9]", "[3, 9]"});
  expect_error([&] { family.apply_each({}, zeros({3, 9})); }, {"undefined"});
}

const StudentSizes sizes{.in = 5, .out = 6, .taps = 3};
const StudentOptions small{.hidden = 7, .dtype = DType::float64};

/// Gradients of <v, f()> by every parameter against central differences along a random direction.
void expect_parameter_derivatives(nn::Module& module, const std::function<Tensor()>& f) {
  const Tensor weight = noise(f().shape(), 90);
  const auto loss = [&] { return sum(f() * weight); };
  std::vector<Tensor> parameters = module.parameters();
  const auto gradients = grad({loss()}, parameters);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    constexpr double step = 1e-6;
    const Tensor at = parameters[i].detach() + 0.0, direction = noise(at.shape(), 91);
    assign(parameters[i], at + direction * step);
    const double above = loss().item();
    assign(parameters[i], at - direction * step);
    const double below = loss().item();
    assign(parameters[i], at);
    const double expected = (above - below) / (2 * step);
    EXPECT_NEAR(sum(gradients[i] * direction).item(), expected, 1e-6 * (1 + std::abs(expected))) << "parameter " << i;
  }
}

TEST(Students, HaveTheDerivativesOfTheirFormulas) {
  const Tensor x = noise({2, sizes.in}, 1).set_requires_grad(), tau = noise({2, sizes.taps}, 2).set_requires_grad();
  for (const auto& name : student_names()) {
    const auto student = make_student(student_by_name(name), sizes, key, small);
    EXPECT_EQ(to_string(student->kind()), name);
    if (student->is_conditional())
      EXPECT_TRUE(gradcheck([&](const std::vector<Tensor>& in) { return student->apply(in[0], in[1]); }, {x, tau}));
    else
      EXPECT_TRUE(gradcheck([&](const std::vector<Tensor>& in) { return student->apply(in[0]); }, {x}));
    expect_parameter_derivatives(*student,
                                 [&] { return student->apply(x, student->is_conditional() ? tau : Tensor()); });
  }
}

TEST(Students, HyperLinearHoldsAFamilyExactly) {
  const LayerFamily family({.kind = LayerKind::lifting, .group = "p4", .height = 4, .width = 4});
  HyperLinearStudent student({family.input_size(), family.output_size(), family.taps()}, key, small);
  nn::State state = student.state();
  state["matrices"] = family.matrices(DType::float64);
  student.load_state(state);
  const Tensor x = noise({3, family.input_size()}, 1), tau = noise({3, family.taps()}, 2);
  EXPECT_LT(distance(student.apply(x, tau), family.apply_each(x, tau)), 1e-12);
}

TEST(Students, RectifiedOnesGiveTheReluOfTheirMap) {
  for (const auto kind : {StudentKind::linear_relu, StudentKind::hyper_linear}) {
    const auto student = make_student(kind, sizes, key, {.rectified = true, .dtype = DType::float64});
    const Tensor x = noise({4, sizes.in}, 1), tau = student->is_conditional() ? noise({4, sizes.taps}, 2) : Tensor();
    EXPECT_TRUE(same_bits(student->apply(x, tau), relu(student->before_activation(x, tau))));
    EXPECT_LT(min(student->before_activation(x, tau)).item(), 0);
  }
}

TEST(Students, ErrorsNameShapesAndTheNearestName) {
  expect_error([] { student_by_name("hyper_liner"); }, {"\"hyper_liner\"", "\"hyper_linear\"", "relu_mlp"});
  expect_error([] { make_student(StudentKind::linear, {.in = 0, .out = 2}, key); }, {"0 -> 2"});
  expect_error([] { make_student(StudentKind::hyper_linear, {.in = 2, .out = 2}, key); }, {"0 taps"});
  expect_error([] { make_student(StudentKind::relu_mlp, {.in = 2, .out = 2}, key, {.hidden = -1}); }, {"width is -1"});
  const auto linear = make_student(StudentKind::linear, sizes, key);
  const auto hyper = make_student(StudentKind::hyper_linear, sizes, key);
  expect_error([&] { linear->apply(zeros({2, 4})); }, {"[linear]", "[N, 5]", "[2, 4]"});
  expect_error([&] { linear->apply(zeros({2, 5}), zeros({2, 3})); }, {"sees no tau", "[2, 3]"});
  expect_error([&] { hyper->apply(zeros({2, 5})); }, {"[2, 3]", "undefined"});
  expect_error([&] { hyper->apply_channels(zeros({2, 4, 5}), zeros({1, 3, 3})); }, {"[C_out, 4, 3]", "[1, 3, 3]"});
  expect_error([&] { linear->apply_channels(zeros({2, 1, 5}), zeros({1, 1, 3})); }, {"conditional"});
  struct WithoutChannels final : Student {
    WithoutChannels() : Student("WithoutChannels", {.in = 5, .out = 4, .taps = 3}, false, true) {}
    StudentKind kind() const override { return StudentKind::concatenating; }
    Tensor map(const Tensor& x, const Tensor& /*tau*/) const override { return x; }
  };
  expect_error([] { WithoutChannels().apply_channels(zeros({2, 1, 5}), zeros({1, 1, 3})); }, {"map_channels"});
}

/// sum_c h(x_c, tau_oc) of its definition.
Tensor sum_over_channels(const Student& student, const Tensor& x, const Tensor& tau) {
  std::vector<Tensor> results;
  for (std::int64_t o = 0; o < tau.size(0); ++o) {
    Tensor y;
    for (std::int64_t c = 0; c < x.size(1); ++c) {
      const Tensor filter = broadcast_to(select(select(tau, 0, o), 0, c), {x.size(0), tau.size(2)});
      const Tensor term = student.apply(select(x, 1, c), filter);
      y = y.defined() ? y + term : term;
    }
    results.push_back(y);
  }
  return stack(results, 1);
}

/// A student whose biases are not zero.
std::shared_ptr<Student> with_random_parameters(StudentKind kind) {
  const auto student = make_student(kind, sizes, key, small);
  nn::State state = student->state();
  std::uint64_t stream = 50;
  for (auto& [name, tensor] : state) tensor = noise(tensor.shape(), stream++);
  student->load_state(state);
  return student;
}

TEST(Layers, OfClonesSumOverInputChannels) {
  const Tensor x = noise({2, 4, sizes.in}, 1), tau = noise({3, 4, sizes.taps}, 2);
  for (const auto kind : {StudentKind::concatenating, StudentKind::hyper_linear}) {
    const auto student = with_random_parameters(kind);
    // What is not linear in tau sees it in units of its deviation at the start.
    const double unit =
        kind == StudentKind::hyper_linear ? 1 : std::sqrt(2.0 / static_cast<double>(x.size(1) * student->sizes().taps));
    const Tensor expected = sum_over_channels(*student, x, tau / unit) * unit;
    EXPECT_LT(distance(student->apply_channels(x, tau), expected), 1e-12);
  }
  const auto student = with_random_parameters(StudentKind::hyper_linear);
  const auto& hyper = dynamic_cast<const HyperLinearStudent&>(*student);
  EXPECT_LT(distance(hyper.by_features(x, tau), hyper.by_weights(x, tau)), 1e-12);
}

TEST(Layers, HaveTheDerivativesOfTheirFormulas) {
  const Tensor x = noise({2, 2, sizes.in}, 1).set_requires_grad(),
               tau = noise({3, 2, sizes.taps}, 2).set_requires_grad();
  const auto check = [&](Student& student, const std::function<Tensor(const Tensor&, const Tensor&)>& f) {
    EXPECT_TRUE(gradcheck([&](const std::vector<Tensor>& in) { return f(in[0], in[1]); }, {x, tau}));
    expect_parameter_derivatives(student, [&] { return f(x, tau); });
  };
  for (const auto kind : {StudentKind::concatenating, StudentKind::hyper_linear}) {
    const auto student = with_random_parameters(kind);
    check(*student, [&](const Tensor& a, const Tensor& b) { return student->apply_channels(a, b); });
  }
  HyperLinearStudent hyper(sizes, key, small);
  check(hyper, [&](const Tensor& a, const Tensor& b) { return hyper.by_features(a, b); });
  check(hyper, [&](const Tensor& a, const Tensor& b) { return hyper.by_weights(a, b); });
}

std::vector<std::string> names_of(const nn::Module& module) {
  std::vector<std::string> names;
  for (const auto& parameter : module.named_parameters()) names.push_back(parameter.name);
  return names;
}

TEST(Layers, OfAllThreeSortsNameTheirParametersAndAddTheBiasOfAChannel) {
  const LayerFamily family({.height = 4, .width = 4});
  const Channels channels{.in = 2, .out = 3};
  const StudentOptions options{.dtype = DType::float64};
  ClonedLayer cloned(make_student(StudentKind::hyper_linear, {16, 16, 9}, key, options), channels, key);
  DenseLayer dense(make_student(StudentKind::linear_relu, {32, 48}, key, options), channels);
  TeacherLayer teacher(family, channels, key, DType::float64);
  EXPECT_EQ(names_of(cloned), (std::vector<std::string>{"tau", "bias", "theta.matrices", "theta.bias"}));
  EXPECT_EQ(names_of(dense), (std::vector<std::string>{"bias", "theta.weight"}));
  EXPECT_EQ(names_of(teacher), (std::vector<std::string>{"tau", "bias"}));
  const Tensor x = noise({5, 2, 16}, 1);
  for (nn::Module* layer : std::initializer_list<nn::Module*>{&cloned, &dense, &teacher}) {
    const Tensor before = (*layer)(x);
    ASSERT_EQ(before.shape(), (Shape{5, 3, 16}));
    EXPECT_LT(min(before).item(), 0) << "the activation is not part of a layer";
    nn::State state = snapshot(layer->state());
    state["bias"] = noise({3}, 9);
    layer->load_state(state);
    EXPECT_LT(distance((*layer)(x), before + unsqueeze(noise({3}, 9), 1)), 1e-12);
  }
  expect_error([&] { ClonedLayer(make_student(StudentKind::linear, sizes, key), channels, key); }, {"see tau"});
  expect_error([&] { DenseLayer(make_student(StudentKind::linear, {5, 6}, key), channels); }, {"5 -> 6", "2 -> 3"});
  expect_error([&] { dense(zeros({5, 2, 15})); }, {"[N, 2, 16]", "[5, 2, 15]"});
  expect_error([&] { TeacherLayer(family, {.in = 0}, key); }, {"0 -> 1"});
}

}  // namespace
}  // namespace orbitgrad::models
