#include "kernels/optimizer/optimizer.hpp"

#include <memory>

#include "tests/kernels/buffer.hpp"
#include "tests/kernels/device_versions.hpp"

namespace orbitgrad::testing {
namespace {

using kernels::AdamParameter;
using kernels::AdamProblem;
using kernels::DeviceKind;
using kernels::SgdParameter;
using kernels::SgdProblem;
using kernels::testing::check_every_version;
using kernels::testing::DeviceArray;

/// The arrays of some parameters, on the host or a device: parameters, gradients, two states.
template <class T>
class Model {
 public:
  Model(DeviceKind device, const std::vector<std::int64_t>& counts) {
    for (std::size_t i = 0; i < counts.size(); ++i)
      for (std::uint64_t role = 0; role < 4; ++role) {
        host_.push_back(random_values<T>(counts[i], 4 * i + role));
        for (T& value : host_.back())
          if (role == 3) value = std::abs(value);  // a second moment is not negative
        if (device != DeviceKind::cpu)
          device_.push_back(std::make_unique<DeviceArray<T>>(device, std::span<const T>(host_.back())));
      }
  }

  std::size_t size() const { return host_.size() / 4; }
  std::int64_t count(std::size_t i) const { return static_cast<std::int64_t>(host_[4 * i].size()); }
  T* array(std::size_t i, std::size_t role) {
    return device_.empty() ? host_[4 * i + role].data() : device_[4 * i + role]->data();
  }
  std::vector<SgdParameter<T>> sgd() {
    std::vector<SgdParameter<T>> list;
    for (std::size_t i = 0; i < size(); ++i) list.push_back({array(i, 0), array(i, 1), array(i, 2), count(i)});
    return list;
  }
  std::vector<AdamParameter<T>> adam() {
    std::vector<AdamParameter<T>> list;
    for (std::size_t i = 0; i < size(); ++i)
      list.push_back({array(i, 0), array(i, 1), array(i, 2), array(i, 3), count(i)});
    return list;
  }
  /// With the mean of a centred RMSprop, or else a velocity.
  std::vector<kernels::RmsPropParameter<T>> rmsprop(bool centred) {
    std::vector<kernels::RmsPropParameter<T>> list;
    for (std::size_t i = 0; i < size(); ++i)
      list.push_back({array(i, 0), array(i, 1), array(i, 3), centred ? nullptr : array(i, 2),
                      centred ? array(i, 2) : nullptr, count(i)});
    return list;
  }
  std::vector<T> values() const {
    std::vector<T> all;
    for (std::size_t i = 0; i < host_.size(); ++i) {
      const auto values = device_.empty() ? host_[i] : device_[i]->to_host();
      all.insert(all.end(), values.begin(), values.end());
    }
    return all;
  }

 private:
  std::vector<std::vector<T>> host_;
  std::vector<std::unique_ptr<DeviceArray<T>>> device_;
};

template <class T>
class OptimizerDeviceTest : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(OptimizerDeviceTest, Types);

const SgdProblem sgd_problems[] = {{0, 0.1, 0.0, 0.01, false, 0.5}, {0, 0.1, 0.9, 0.01, false}, {0, 0.1, 0.9, 0, true}};
const AdamProblem adam_problems[] = {{0, 0.01, 0.9, 0.99, 1e-8, 0.1, false, 2.0, 1},
                                     {0, 0.01, 0.9, 0.99, 1e-8, 0.1, true, 1.0, 3}};

TYPED_TEST(OptimizerDeviceTest, ManyParametersHaveTheBitsOfOneByOne) {
  using T = TypeParam;
  std::vector<std::int64_t> odd = {0, 5, 1024, 0, 1025, 3000, 1, 0}, full(64, 2), more(131, 3);
  for (const auto& counts : {std::vector<std::int64_t>{}, {0}, {1}, {1300}, odd, full, more}) {
    for (const SgdProblem& p : sgd_problems) {
      Model<T> cpu(DeviceKind::cpu, counts);
      for (const auto& each : cpu.sgd()) {
        SgdProblem one = p;
        one.count = each.count;
        kernels::cpu::sgd_step(one, each.parameter, each.gradient, each.velocity);
      }
      Model<T> together(DeviceKind::cpu, counts);
      kernels::cpu::sgd_many<T>(p, together.sgd());
      EXPECT_TRUE(same_bits(cpu.values(), together.values()));
      const auto run = [&](const auto& version) {
        Model<T> model(version.device, counts);
        version.launch(p, model.sgd());
        return model.values();
      };
      check_every_version<kernels::SgdMany<T>>(p, run, cpu.values(), 0);
    }
    for (const AdamProblem& p : adam_problems) {
      Model<T> cpu(DeviceKind::cpu, counts);
      for (const auto& each : cpu.adam()) {
        AdamProblem one = p;
        one.count = each.count;
        kernels::cpu::adam_step(one, each.parameter, each.gradient, each.first, each.second);
      }
      Model<T> together(DeviceKind::cpu, counts);
      kernels::cpu::adam_many<T>(p, together.adam());
      EXPECT_TRUE(same_bits(cpu.values(), together.values()));
      const auto run = [&](const auto& version) {
        Model<T> model(version.device, counts);
        version.launch(p, model.adam());
        return model.values();
      };
      check_every_version<kernels::AdamMany<T>>(p, run, cpu.values(), 0);
    }
  }
}

TYPED_TEST(OptimizerDeviceTest, RmsPropHasTheBitsOfTheCpu) {
  using T = TypeParam;
  for (const auto& counts : {std::vector<std::int64_t>{}, {0, 5, 1025, 1}, std::vector<std::int64_t>(131, 3)})
    for (const bool centred : {false, true}) {
      const kernels::RmsPropProblem p{.learning_rate = 0.1,
                                      .momentum = centred ? 0 : 0.9,
                                      .weight_decay = 0.01,
                                      .centred = centred,
                                      .gradient_scale = 0.5};
      Model<T> cpu(DeviceKind::cpu, counts);
      kernels::cpu::rmsprop_many<T>(p, cpu.rmsprop(centred));
      const auto run = [&](const auto& version) {
        Model<T> model(version.device, counts);
        version.launch(p, model.rmsprop(centred));
        return model.values();
      };
      check_every_version<kernels::RmsPropMany<T>>(p, run, cpu.values(), 0);
    }
}

}  // namespace
}  // namespace orbitgrad::testing
