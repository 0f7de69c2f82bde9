#include "models/baselines/frame_average.hpp"

#include "engine/autograd/node.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/cast.hpp"
#include "engine/ops/comparison.hpp"
#include "engine/ops/index.hpp"
#include "engine/ops/indexing.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/segments.hpp"
#include "engine/ops/shape_ops.hpp"

namespace orbitgrad::models {

Tensor top_left_mass(const Tensor& x) {
  require(x.rank() == 4, "top_left_mass", "takes images [N, C, H, W], got {}. Reshape them.", x.shape());
  return sum(contiguous(narrow(narrow(x, 2, 0, x.size(2) / 2), 3, 0, x.size(3) / 2)), {1, 2, 3});
}

Tensor frame_of(const TensorMap& statistic, const Tensor& x, const LatticeGroup& group) {
  const NoGrad no_grad;
  std::vector<Tensor> values;
  for (const Tensor& pose : inverse_poses(x, Representation::planar, group)) {
    values.push_back(statistic(contiguous(pose)));
    require(values.back().shape() == Shape{x.size(0)}, "frame_of",
            "the statistic of {} images is {}. Give one number for each.", x.size(0), values.back().shape());
  }
  const Tensor s = stack(values, 1);
  const Tensor frame = equal(s, max(s, {1}, true));
  require(!any(not_equal(s, s)), "frame_of",
          "a statistic is not a number, so no pose is the largest. Check the images.");
  return frame;
}

Tensor frame_average(const TensorMap& f, const TensorMap& statistic, const Tensor& x, const LatticeSymmetry& symmetry) {
  const auto& [group, input, output] = symmetry;
  require(input == Representation::planar, "frame_average", "takes images. Give a symmetry with planar input.");
  const std::int64_t batch = x.size(0);
  const Tensor frame = frame_of(statistic, x, group);
  const std::vector<Tensor> pairs = nonzero(frame);  // (i, h) with h in F(x_i), ordered by i
  const Tensor &sample = pairs[0], &h = pairs[1];
  const Tensor y = f(act_each_inverse(index_select(x, 0, sample), input, group, h));
  const Tensor returned = act_each(y, output, group, h);
  Shape column{batch};
  for (int axis = 1; axis < y.rank(); ++axis) column.push_back(1);
  const Tensor size = reshape(sum(frame, {1}).to(y.dtype()), column);
  return segment_sum(returned, sample, batch) / size;
}

FrameAveraged::FrameAveraged(std::shared_ptr<nn::Module> network, LatticeSymmetry symmetry, TensorMap statistic)
    : network_(std::move(network)), symmetry_(std::move(symmetry)), statistic_(std::move(statistic)) {
  require(statistic_ != nullptr, "FrameAveraged", "the statistic is empty. Give a function of images.");
  register_child("network", network_);
}

Tensor FrameAveraged::forward(const Tensor& x, const nn::Pass& pass) {
  return frame_average([&](const Tensor& pose) { return network_->forward(pose, pass); }, statistic_, x, symmetry_);
}

}  // namespace orbitgrad::models
