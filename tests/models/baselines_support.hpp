// What the tests of the baselines share: float64 images, networks without any symmetry, and the lattice groups.
#pragma once

#include "models/baselines/lattice_symmetry.hpp"
#include "models/mlp.hpp"
#include "nn/layers.hpp"
#include "tests/nn/support.hpp"

namespace orbitgrad::testing_support {

inline const RandomKey baseline_key{2410};

inline Tensor images(std::int64_t count, std::int64_t size = 5, std::uint64_t stream = 0, std::int64_t channels = 1) {
  return normal({count, channels, size, size}, baseline_key.split(stream), 0, 1, DType::float64);
}

/// Images to `out` numbers, without symmetry.
inline std::shared_ptr<nn::Sequential> plain_network(std::int64_t in, std::int64_t out, std::uint64_t stream = 50) {
  return models::mlp(in, {16}, out, baseline_key.split(stream), DType::float64);
}

/// Images to images of `out` channels, without symmetry.
inline std::shared_ptr<nn::Module> plain_convolution(std::int64_t out) {
  return std::make_shared<nn::Conv2d>(1, out, 3, baseline_key.split(60), Conv2dOptions{.padding = 1},
                                      nn::LayerOptions{.dtype = DType::float64});
}

inline nn::TensorMap map_of(const std::shared_ptr<nn::Module>& module) {
  return [module](const Tensor& x) { return (*module)(x); };
}

class EveryLatticeGroup : public testing::TestWithParam<const char*> {
 protected:
  groups::LatticeGroup group_ = groups::lattice_group(GetParam());
  models::LatticeSymmetry invariant_{group_};
  models::LatticeSymmetry planar_{group_, nn::Representation::planar, nn::Representation::planar};

  /// The largest relative error of f(g x) = rho_out(g) f(x) over g.
  double error(const nn::TensorMap& f, const Tensor& x, nn::Representation output) const {
    return nn::check_equivariance(f, x, group_, nn::Representation::planar, output).max_relative_error();
  }
  bool is_exact(const nn::TensorMap& f, const Tensor& x, nn::Representation output) const {
    return nn::check_equivariance(f, x, group_, nn::Representation::planar, output).is_exact();
  }
};

inline const auto every_lattice_group = testing::Values("p1", "p2", "p4", "pm", "p4m");
inline std::string group_name(const testing::TestParamInfo<const char*>& info) { return info.param; }

}  // namespace orbitgrad::testing_support
