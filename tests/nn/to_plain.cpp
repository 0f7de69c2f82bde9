// Networks with regular features against their plain twins, and the filter bank against the group convolution.
#include "nn/to_plain.hpp"

#include "engine/autograd/gradcheck.hpp"
#include "engine/ops/reduction.hpp"
#include "nn/layers.hpp"
#include "tests/nn/support.hpp"

namespace orbitgrad::nn {
namespace {

using namespace testing_support;

const RandomKey key{31};
constexpr LayerOptions float64{.dtype = DType::float64};

/// As if trained: nothing left at its initial value.
void disturb(Module& network) {
  State state;
  std::uint64_t i = 0;
  for (const auto& [name, tensor] : network.state())
    state.emplace(name, uniform(tensor.shape(), key.split("disturb").split(i++), 0.5, 1.5, tensor.dtype()));
  network.load_state(state);
}

class FilterBank : public testing::TestWithParam<const char*> {};

TEST_P(FilterBank, IsTheGroupConvolutionOnChannels) {
  const auto group = groups::lattice_group(GetParam());
  const std::int64_t order = group.order();
  for (const std::int64_t size : {1, 2, 3}) {
    const Tensor x = normal({2, 4, order, 6, 6}, key, 0, 1, DType::float64);
    const Tensor w = normal({6, 2, order, size, size}, key.split(1), 0, 1, DType::float64);
    const Tensor image = normal({2, 4, 6, 6}, key.split(2), 0, 1, DType::float64);
    const Tensor lift = normal({6, 2, size, size}, key.split(3), 0, 1, DType::float64);
    const Tensor y = group_conv2d(x, w, {}, group, {.padding = 1, .groups = 2});
    expect_near(flatten(y, 1, 2),
                conv2d(flatten(x, 1, 2), group_filter_bank(w, group), {}, {.padding = 1, .groups = 2}), 1e-12);
    const Tensor z = lift_conv2d(image, lift, {}, group, {.padding = 1, .groups = 2});
    expect_near(flatten(z, 1, 2), conv2d(image, lift_filter_bank(lift, group), {}, {.padding = 1, .groups = 2}), 1e-12);
  }
}

INSTANTIATE_TEST_SUITE_P(Groups, FilterBank, testing::Values("p1", "p2", "pm", "p4", "p4m"));

TEST(FilterBankGradient, IsTheOrbitSum) {
  const auto group = groups::lattice_group("p4m");
  const Tensor w = normal({2, 1, 8, 3, 3}, key, 0, 1, DType::float64).set_requires_grad();
  EXPECT_TRUE(gradcheck([&](const std::vector<Tensor>& in) { return square(group_filter_bank(in[0], group)); }, {w}));
  EXPECT_TRUE(
      gradgradcheck([&](const std::vector<Tensor>& in) { return square(group_filter_bank(in[0], group)); }, {w}));
}

TEST(ToPlain, TurnsAFibreLayerIntoAConvolutionOfOnePixel) {
  const auto group = groups::lattice_group("p4m");
  Sequential network;
  network.add<LiftConv2d>("lift", group, 2, 3, 3, key.split(1), GroupConv2dOptions{}, float64);
  network.add<FibreLinear>("fibre", group.group, 3, 4, key.split(2), FibreLinearOptions{}, float64);
  network.add<GroupPool>("pool");
  disturb(network);
  const Tensor x = normal({2, 2, 5, 5}, key, 0, 1, DType::float64);
  expect_near((*to_plain(network))(x), network(x), 1e-11);
  Sequential without_lift;
  without_lift.add<FibreLinear>("fibre", group.group, 3, 4, key);
  expect_error([&] { to_plain(without_lift); }, {"FibreLinear over", "Begin with LiftConv2d"});
}

TEST(FilterBankErrors, NameTheShapes) {
  const auto group = groups::lattice_group("p4");
  expect_error(
      [&] {
        group_filter_bank(zeros({2, 1, 8, 3, 3}), group);
      },
      {"[group_filter_bank]", "|G| = 4", "[2, 1, 8"});
  expect_error([&] { lift_filter_bank(zeros({2, 1, 4, 3, 3}), group); }, {"[lift_filter_bank]", "[2, 1, 4, 3, 3]"});
  expect_error([&] { lift_filter_bank(zeros({2, 1, 3, 2}), group); }, {"[lift_filter_bank]", "square"});
}

/// Every layer that has a plain form, over a group.
std::shared_ptr<Sequential> network_over(const groups::LatticeGroup& group, PoolKind pool) {
  auto network = std::make_shared<Sequential>();
  network->add<Conv2d>("stem", 2, 3, 3, key.split(1), Conv2dOptions{.padding = 1}, float64);
  network->add<BatchNorm>("norm0", 3, BatchNormOptions{.dtype = DType::float64});
  network->add<LiftConv2d>("lift", group, 3, 4, 3, key.split(2),
                           GroupConv2dOptions{.padding = 1, .padding_mode = PadMode::circular}, float64);
  network->add<BatchNorm>("norm1", 4, BatchNormOptions{.dtype = DType::float64});
  network->add<Tanh>("tanh");
  network->add<BatchNorm>("norm2", 4, BatchNormOptions{.dtype = DType::float64});  // after no convolution: it stays
  network->add<Dropout>("dropout", 0.5);
  network->add<FieldDropout>("field_dropout", 0.5);
  network->add<AveragePool2d>("average", Pool2dOptions{.kernel = 2});
  network->add<GroupConv2d>("group", group, 4, 6, 3, key.split(3), GroupConv2dOptions{.padding = 1, .groups = 2},
                            LayerOptions{.bias = false, .dtype = DType::float64});
  network->add<BatchNorm>("norm3", 6, BatchNormOptions{.dtype = DType::float64});
  network->add<Relu>("relu");
  network->add<MaxPool2d>("maximum");
  network->add<GlobalPool>("global", pool, PoolOver::group_and_pixels);
  network->add<Linear>("linear", 6, 5, key.split(4), float64);
  return network;
}

TEST(ToPlain, HasTheSameOutputsByOrdinaryConvolutions) {
  for (const char* name : {"p1", "p2", "pm", "p4", "p4m"}) {
    const auto group = groups::lattice_group(name);
    for (const PoolKind pool : {PoolKind::max, PoolKind::mean}) {
      const auto network = network_over(group, pool);
      disturb(*network);
      const auto before = snapshot(network->state());
      const auto plain = to_plain(*network);
      const Tensor x = normal({3, 2, 8, 8}, key.split(5), 0, 1, DType::float64);
      expect_near((*plain)(x), (*network)(x), 1e-11);
      for (const auto& [layer, child] : plain->children()) {
        EXPECT_EQ(dynamic_cast<LiftConv2d*>(child.get()), nullptr) << layer;
        EXPECT_EQ(dynamic_cast<GroupConv2d*>(child.get()), nullptr) << layer;
      }
      EXPECT_EQ(plain->state().at("group.weight").shape(), (Shape{6 * group.order(), 2 * group.order(), 3, 3}));
      EXPECT_FALSE(plain->state().contains("norm1.gamma"));  // folded
      EXPECT_TRUE(plain->state().contains("norm2.gamma"));
      disturb(*plain);  // copies: the network keeps its own
      EXPECT_TRUE(same_bits(before, network->state()));
    }
  }
}

TEST(ToPlain, LeavesRegularFeaturesAsChannels) {
  const auto group = groups::lattice_group("p4");
  Sequential network;
  network.add<LiftConv2d>("lift", group, 1, 3, 3, key);
  const Tensor x = normal({2, 1, 5, 5}, key);
  expect_near((*to_plain(network))(x), flatten(network(x), 1, 2), 1e-5);
  network.add<Flatten>("flatten").add<Linear>("linear", 3 * 4 * 9, 2, key);
  expect_near((*to_plain(network))(x), network(x), 1e-5);
}

TEST(ToPlain, GivesAReluInAConvolutionALayerOfItsOwn) {
  const auto group = groups::lattice_group("p4m");
  const GroupConv2dOptions with_relu{.padding = 1, .relu = true};
  Sequential network, apart;
  network.add<LiftConv2d>("lift", group, 1, 3, 3, key, with_relu, float64);
  network.add<BatchNorm>("norm", 3, BatchNormOptions{.dtype = DType::float64});  // not part of what is before the ReLU
  network.add<GroupConv2d>("group", group, 3, 2, 3, key.split(1), with_relu, float64);
  apart.add<LiftConv2d>("lift", group, 1, 3, 3, key, GroupConv2dOptions{.padding = 1}, float64).add<Relu>("relu1");
  apart.add<BatchNorm>("norm", 3, BatchNormOptions{.dtype = DType::float64});
  apart.add<GroupConv2d>("group", group, 3, 2, 3, key.split(1), GroupConv2dOptions{.padding = 1}, float64);
  apart.add<Relu>("relu2");
  const Tensor x = normal({2, 1, 5, 5}, key, 0, 1, DType::float64);
  EXPECT_EQ(network(x).to_vector<double>(), apart(x).to_vector<double>());
  const auto plain = to_plain(network);
  expect_near((*plain)(x), flatten(network(x), 1, 2), 1e-11);
  EXPECT_TRUE(plain->state().contains("lift.convolution.weight"));
  EXPECT_TRUE(plain->state().contains("norm.gamma"));
}

TEST(ToPlain, NamesWhatHasNoPlainForm) {
  const auto p4 = groups::lattice_group("p4");
  Sequential wrong_group;
  wrong_group.add<LiftConv2d>("lift", groups::lattice_group("pm"), 1, 2, 3, key);
  wrong_group.add<GroupConv2d>("group", p4, 2, 2, 3, key);
  expect_error([&] { to_plain(wrong_group); }, {"[to_plain]", "p4", "LiftConv2d"});
  Sequential keeps_group;
  keeps_group.add<LiftConv2d>("lift", p4, 1, 2, 3, key).add<Flatten>("flatten", 2);
  expect_error([&] { to_plain(keeps_group); }, {"[to_plain]", "Flatten", "axis 1"});
}

}  // namespace
}  // namespace orbitgrad::nn
