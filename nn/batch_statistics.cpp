#include "nn/batch_statistics.hpp"

#include "engine/autograd/node.hpp"
#include "engine/ops/creation.hpp"
#include "nn/batch_norm.hpp"

namespace orbitgrad::nn {

void StatisticsRecorder::add(BatchNorm& layer, const Tensor& mean, const Tensor& variance, std::int64_t count) {
  const std::vector<double> batch_mean = mean.to(DType::float64).to_vector<double>();
  const std::vector<double> batch_variance = variance.to(DType::float64).to_vector<double>();
  Totals& totals = totals_[&layer];
  totals.dtype = mean.dtype();
  totals.mean.resize(batch_mean.size());
  totals.squares.resize(batch_mean.size());

  // Merging two groups around their own means loses no digits, unlike a sum of squares (Chan, Golub and LeVeque).
  const double before = static_cast<double>(totals.count), n = static_cast<double>(count), after = before + n;
  for (std::size_t c = 0; c < batch_mean.size(); ++c) {
    const double shift = batch_mean[c] - totals.mean[c];
    totals.squares[c] += n * batch_variance[c] + shift * shift * before * n / after;
    totals.mean[c] += shift * n / after;
  }
  totals.count += count;
}

void StatisticsRecorder::apply() const {
  for (const auto& [layer, totals] : totals_) {
    std::vector<double> variance = totals.squares;
    for (double& value : variance) value /= static_cast<double>(totals.count - 1);
    layer->set_statistics(from_vector(totals.mean).to(totals.dtype), from_vector(variance).to(totals.dtype));
  }
}

void estimate_batch_statistics(Module& module, std::int64_t count,
                               const std::function<Tensor(std::int64_t index)>& batch) {
  require(count > 0, "estimate_batch_statistics", "needs one batch or more, got {}. Give it training data.", count);
  const NoGrad no_grad;
  StatisticsRecorder recorder;
  for (std::int64_t i = 0; i < count; ++i) module.forward(batch(i), Pass{.statistics = &recorder});
  recorder.apply();
}

}  // namespace orbitgrad::nn
