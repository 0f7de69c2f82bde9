#include "kernels/batch_norm/batch_norm.hpp"

#include <memory>

#include "tests/kernels/buffer.hpp"
#include "tests/kernels/device_versions.hpp"

namespace orbitgrad::testing {
namespace {

using kernels::BatchNormProblem;
using kernels::testing::check_barriers_are_needed;
using kernels::testing::check_every_version;
using kernels::testing::DeviceArray;

template <class T>
std::vector<T> joined(std::initializer_list<std::vector<T>> parts) {
  std::vector<T> all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

/// Inputs with a large common value, the outputs of the cpu, and the same computations on a device.
template <class T>
struct Case {
  BatchNormProblem p;
  bool affine;
  std::size_t count, fields;
  std::vector<T> x, dy, gamma, beta, mean, variance, y, dx, dgamma, dbeta;

  Case(const BatchNormProblem& problem, bool with_gamma_and_beta)
      : p(problem),
        affine(with_gamma_and_beta),
        count(static_cast<std::size_t>(p.count())),
        fields(static_cast<std::size_t>(p.fields)),
        x(random_values<T>(p.count(), 1)),
        dy(random_values<T>(p.count(), 2)),
        gamma(random_values<T>(p.fields, 3)),
        beta(random_values<T>(p.fields, 4)),
        mean(fields),
        variance(fields),
        y(count),
        dx(count),
        dgamma(fields),
        dbeta(fields) {
    for (T& value : x) value = value + T(10);
    kernels::cpu::batch_norm_forward(p, x.data(), optional(gamma), optional(beta), mean.data(), variance.data(),
                                     y.data());
    kernels::cpu::batch_norm_backward(p, x.data(), dy.data(), mean.data(), variance.data(), optional(gamma),
                                      optional(beta), dx.data(), dgamma.data(), dbeta.data());
  }

  template <class Array>
  auto* optional(Array& array) const {
    return affine ? array.data() : nullptr;
  }

  template <class Version>
  auto statistics(const Version& version) const {
    DeviceArray<T> in(version.device, std::span<const T>(x)), means(version.device, fields),
        variances(version.device, fields);
    version.launch(p, in.data(), means.data(), variances.data());
    return joined<T>({means.to_host(), variances.to_host()});
  }

  template <class Version>
  auto normalise(const Version& version) const {
    const auto put = [&](const std::vector<T>& values) {
      return std::make_unique<DeviceArray<T>>(version.device, std::span<const T>(values));
    };
    const auto in = put(x), means = put(mean), variances = put(variance), scale = put(gamma), shift = put(beta);
    DeviceArray<T> out(version.device, count);
    version.launch(p, in->data(), means->data(), variances->data(), optional(*scale), optional(*shift), out.data());
    return out.to_host();
  }

  template <class Version>
  auto forward(const Version& version) const {
    DeviceArray<T> in(version.device, std::span<const T>(x)), scale(version.device, std::span<const T>(gamma)),
        shift(version.device, std::span<const T>(beta)), means(version.device, fields),
        variances(version.device, fields), out(version.device, count);
    version.launch(p, in.data(), optional(scale), optional(shift), means.data(), variances.data(), out.data());
    return joined<T>({means.to_host(), variances.to_host(), out.to_host()});
  }

  /// Each of the outputs may be left out.
  template <class Version>
  auto backward(const Version& version, bool with_dx, bool with_sums) const {
    const auto put = [&](const std::vector<T>& values) {
      return std::make_unique<DeviceArray<T>>(version.device, std::span<const T>(values));
    };
    const auto in = put(x), gradient = put(dy), means = put(mean), variances = put(variance), scale = put(gamma),
               shift = put(beta);
    DeviceArray<T> to_x(version.device, count), to_gamma(version.device, fields), to_beta(version.device, fields);
    version.launch(p, in->data(), gradient->data(), means->data(), variances->data(), optional(*scale),
                   optional(*shift), with_dx ? to_x.data() : nullptr, with_sums ? to_gamma.data() : nullptr,
                   with_sums ? to_beta.data() : nullptr);
    std::vector<T> all;
    if (with_dx) all = to_x.to_host();
    return with_sums ? joined<T>({all, to_gamma.to_host(), to_beta.to_host()}) : all;
  }
};

// One element, odd sizes, matrices with few and many fields, long rows, and fields of more than one piece.
const BatchNormProblem problems[] = {{1, 1, 1},
                                     {3, 5, 7},
                                     {2, 3, 150},
                                     {5, 3, 1},
                                     {6, 40, 1},
                                     {3, 2, 65},
                                     {1, 2, 1025, true},
                                     {4, 33, 3, true},
                                     {3, 1, 1401, true},
                                     {9, 5, 11, true, false},
                                     {2, 2, 2100, false, false}};

template <class T>
class BatchNormDeviceTest : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(BatchNormDeviceTest, Types);

TYPED_TEST(BatchNormDeviceTest, EveryVersionMatchesTheCpu) {
  using T = TypeParam;
  bool affine = false;
  for (const BatchNormProblem& p : problems) {
    affine = !affine;
    SCOPED_TRACE(std::to_string(p.batch) + " " + std::to_string(p.fields) + " " + std::to_string(p.positions));
    const Case<T> c(p, affine);
    check_every_version<kernels::BatchNormStatistics<T>>(
        p, [&](const auto& version) { return c.statistics(version); }, joined<T>({c.mean, c.variance}), tolerance<T>);
    check_every_version<kernels::BatchNormNormalise<T>>(
        p, [&](const auto& version) { return c.normalise(version); }, c.y, 0);
    check_every_version<kernels::BatchNormForward<T>>(
        p, [&](const auto& version) { return c.forward(version); }, joined<T>({c.mean, c.variance, c.y}), tolerance<T>);
    check_every_version<kernels::BatchNormBackward<T>>(
        p, [&](const auto& version) { return c.backward(version, true, true); }, joined<T>({c.dx, c.dgamma, c.dbeta}),
        tolerance<T>);
  }
}

TYPED_TEST(BatchNormDeviceTest, EachGradientAlone) {
  using T = TypeParam;
  for (const bool batch_statistics : {false, true}) {
    const BatchNormProblem p{2, 3, 70, true, batch_statistics};
    const Case<T> c(p, true);
    check_every_version<kernels::BatchNormBackward<T>>(
        p, [&](const auto& version) { return c.backward(version, true, false); }, c.dx, tolerance<T>);
    check_every_version<kernels::BatchNormBackward<T>>(
        p, [&](const auto& version) { return c.backward(version, false, true); }, joined<T>({c.dgamma, c.dbeta}),
        tolerance<T>);
  }
}

TYPED_TEST(BatchNormDeviceTest, EmptyArrays) {
  using T = TypeParam;
  for (const BatchNormProblem& p : {BatchNormProblem{0, 3, 4}, BatchNormProblem{2, 3, 0}, BatchNormProblem{2, 0, 4}}) {
    const Case<T> c(p, true);
    check_every_version<kernels::BatchNormForward<T>>(
        p, [&](const auto& version) { return c.forward(version); }, joined<T>({c.mean, c.variance}), tolerance<T>);
    check_every_version<kernels::BatchNormBackward<T>>(
        p, [&](const auto& version) { return c.backward(version, true, true); }, joined<T>({c.dgamma, c.dbeta}),
        tolerance<T>);
  }
}

// A block comes to a second field.
TEST(BatchNormDevice, MoreFieldsThanBlocks) {
  const BatchNormProblem p{1, 1030, 2};
  const Case<float> c(p, false);
  check_every_version<kernels::BatchNormStatistics<float>>(
      p, [&](const auto& version) { return c.statistics(version); }, joined<float>({c.mean, c.variance}),
      tolerance<float>);
}

TEST(BatchNormDevice, ForwardHasTheBitsOfStatisticsAndNormalise) {
  const BatchNormProblem p{3, 4, 3000, true};
  Case<float> c(p, true);
  using Statistics = kernels::Registry<kernels::BatchNormStatistics<float>>;
  using Forward = kernels::Registry<kernels::BatchNormForward<float>>;
  using Normalise = kernels::Registry<kernels::BatchNormNormalise<float>>;
  const auto device = kernels::DeviceKind::sim;
  const auto statistics = c.statistics(*Statistics::best(device, p));
  std::copy_n(statistics.begin(), 4, c.mean.begin());
  std::copy_n(statistics.begin() + 4, 4, c.variance.begin());
  EXPECT_TRUE(same_bits(c.forward(*Forward::best(device, p)),
                        joined<float>({statistics, c.normalise(*Normalise::best(device, p))})));
}

TEST(BatchNormDevice, EveryBarrierIsNeeded) {
  const BatchNormProblem p{3, 2, 1500, true};
  const Case<float> c(p, true);
  check_barriers_are_needed<kernels::BatchNormStatistics<float>>(
      p, [&](const auto& version) { return c.statistics(version); });
  check_barriers_are_needed<kernels::BatchNormNormalise<float>>(
      p, [&](const auto& version) { return c.normalise(version); });
  check_barriers_are_needed<kernels::BatchNormBackward<float>>(
      p, [&](const auto& version) { return c.backward(version, true, true); });
}

}  // namespace
}  // namespace orbitgrad::testing
