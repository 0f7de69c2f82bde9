// Frame averaging: <f>(x) = 1/|F(x)| sum_{h in F(x)} rho_out(h) f(rho_in(h)^-1 x) over a frame F(x) in G that is not
// empty and moves with x, F(g x) = g F(x). Here F(x) = argmax_h s(rho(h)^-1 x), the whole set, for any statistic s.
// Source: Puny, Atzmon, Ben-Hamu, Misra, Grover, Smith, Lipman (ICLR 2022, arXiv 2110.03336).
#pragma once

#include "models/baselines/lattice_symmetry.hpp"

namespace orbitgrad::models {

/// Sum over channels and the top left quarter, floor(H/2) x floor(W/2), of images [N, C, H, W] -> [N]. (The diagonal
/// mirror of p4m leaves the quarter where it is: frames of p4m have two elements or more.)
Tensor top_left_mass(const Tensor& x);

/// F(x) as a mask, bool [N, |G|]: every h whose statistic is the largest, exactly. statistic: images -> [N].
Tensor frame_of(const TensorMap& statistic, const Tensor& x, const LatticeGroup& group);

/// One call of f, on sum_i |F(x_i)| images. Equivariant; exactly, in every bit, where |F(x)| = 1. F has no gradient.
Tensor frame_average(const TensorMap& f, const TensorMap& statistic, const Tensor& x, const LatticeSymmetry& symmetry);

/// <f> of a network, its child "network".
class FrameAveraged final : public nn::Module {
 public:
  FrameAveraged(std::shared_ptr<nn::Module> network, LatticeSymmetry symmetry, TensorMap statistic = top_left_mass);
  Tensor forward(const Tensor& x, const nn::Pass& pass) override;

 private:
  std::shared_ptr<nn::Module> network_;
  LatticeSymmetry symmetry_;
  TensorMap statistic_;
};

}  // namespace orbitgrad::models
