#include "experiments/emlp_tasks.hpp"

#include <cmath>

#include "engine/autograd/node.hpp"
#include "engine/error.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/shape_ops.hpp"
#include "engine/philox_source.hpp"
#include "experiments/regression_training.hpp"
#include "groups/group_catalogue.hpp"

namespace orbitgrad::experiments {

namespace {

/// Mean over 16 elements and 16 inputs of |f(g x) - g f(x)| / (|f(g x)| + |g f(x)|), f in the units of the samples.
double equivariance_error(nn::Module& model, const Standardization& standard, const groups::Representation& in,
                          const groups::Representation& out, const Tensor& inputs, RandomKey key) {
  const NoGrad no_grad;
  groups::RandomSource random = philox_source(key);
  constexpr std::int64_t count = 16;
  const DType dtype = model.parameters()[0].dtype();
  const auto x = narrow(inputs, 0, 0, count).to_vector<double>();
  const auto run = [&](const std::vector<double>& values) {
    const Tensor y = model(standard.inputs(from_vector(values, {count, in.dimension()}), dtype));
    return (y.to(DType::float64) * standard.target_deviation + standard.target_mean).to_vector<double>();
  };
  const auto y = run(x);
  const auto act = [&](const groups::Representation& rho, const groups::ComplexMatrix& g, std::vector<double> values) {
    const auto size = static_cast<std::size_t>(rho.dimension());
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i)
      rho.apply<double>(g, std::span(values).subspan(i * size, size));
    return values;
  };
  double sum = 0;
  for (std::int64_t element = 0; element < 16; ++element) {
    const groups::ComplexMatrix g = in.group().random_element(random);
    const auto moved = run(act(in, g, x)), expected = act(out, g, y);
    const auto size = static_cast<std::size_t>(out.dimension());
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
      double difference = 0, first = 0, second = 0;
      for (std::size_t k = i * size; k < (i + 1) * size; ++k) {
        difference += std::pow(moved[k] - expected[k], 2);
        first += moved[k] * moved[k];
        second += expected[k] * expected[k];
      }
      if (first + second > 0) sum += std::sqrt(difference) / (std::sqrt(first) + std::sqrt(second));
    }
  }
  return sum / (16 * count);
}

Record settings_of(const EmlpTaskOptions& options, const std::string& group) {
  const std::string experiment = "emlp-" + options.task;
  return {{"experiment", experiment},
          {"model", options.model},
          {"group", group},
          {"train_count", options.train_count},
          {"validation_count", options.validation_count},
          {"test_count", options.test_count},
          {"epochs", options.epoch_count()},
          {"batch", options.batch_size},
          {"channels", options.channels},
          {"lr", options.learning_rate},
          {"seed", static_cast<std::int64_t>(options.seed)}};
}

}  // namespace

std::filesystem::path EmlpTaskOptions::folder() const {
  return out / (name.empty() ? fmt::format("emlp-{}-{}-n{}-seed{}", task, model, train_count, seed) : name);
}

std::int64_t EmlpTaskOptions::epoch_count() const {
  return epochs > 0 ? epochs : std::min<std::int64_t>(1000, std::max<std::int64_t>(1, 900000 / train_count));
}

EmlpTaskResult train_emlp_task(const EmlpTaskOptions& options) {
  const EquivariantTask& task = equivariant_task(options.task);
  const groups::MatrixGroup group = groups::parse_group(options.group.empty() ? task.group : options.group);
  const auto in = groups::Representation::parse(task.in, group), out = groups::Representation::parse(task.out, group);
  const RandomKey key{options.seed};
  const RegressionSamples raw = sample_task(task, options.train_count, key.split("train"));
  require(in.dimension() == raw.inputs.size(1) && out.dimension() == raw.targets.size(1), "train",
          "{} acts on {} coordinates, the task {} on others. Take a subgroup of {}.", group.name(), group.dimension(),
          task.name, task.group);
  require(group.is_real(), "train", "{} is complex, the network is real. Take a real group.", group.name());
  const auto make_network = [&](DType dtype) {
    const models::EmlpOptions shape{.channels = options.channels, .dtype = dtype};
    return options.model == "mlp" ? models::swish_mlp(in.dimension(), out.dimension(), key.split("model"), shape)
                                  : models::emlp(in, out, key.split("model"), shape);
  };
  RunDirectory run(options.folder(), settings_of(options, group.name()), {.resume = options.resume});
  const Standardization standard = standardization(task, raw);
  const auto draw = [&](std::int64_t count, const std::string& name) {
    return sample_task(task, count, key.split(name));
  };
  const RegressionSamples train = standard.samples(raw, DType::float32),
                          validation = standard.samples(draw(options.validation_count, "validation"), DType::float32),
                          raw_test = draw(options.test_count, "test"),
                          test = standard.samples(raw_test, DType::float32);
  const auto network = make_network(DType::float32);
  RegressionTraining training(*network, train, validation, std::pow(standard.target_deviation, 2),
                              {.epochs = options.epoch_count(),
                               .batch_size = options.batch_size,
                               .learning_rate = options.learning_rate,
                               .checkpoint_epochs = options.checkpoint_epochs},
                              key.split("order"));
  training.restore(run);
  Progress progress(fmt::format("{} {}", options.task, options.model));
  if (options.resume) progress.note(fmt::format("{}  goes on after epoch {}", options.model, training.epochs_made()));
  const Record line = training.run(run, progress, [&](Record& result) {
    const double unit = std::pow(standard.target_deviation, 2);
    const auto error = [&](nn::Module& model) {
      return equivariance_error(model, standard, in, out, raw_test.inputs, key.split("elements"));
    };
    result.set("test_mse", unit * mean_squared_error(*network, test, options.batch_size));
    result.set("equivariance_error", error(*network));
    const auto twin = make_network(DType::float64);
    nn::State state = network->state();
    for (auto& [name, tensor] : state)
      if (tensor.dtype() == DType::float32) tensor = tensor.detach().to(DType::float64);
    twin->load_state(state);
    result.set("equivariance_error_float64", error(*twin));
  });
  return {.test_mse = line.number("test_mse"),
          .validation_mse = line.number("validation_mse"),
          .train_mse = line.number("train_mse"),
          .equivariance_error = line.number("equivariance_error"),
          .equivariance_error_float64 = line.number("equivariance_error_float64"),
          .parameters = network->parameter_count(),
          .best_epoch = line.integer("best_epoch"),
          .seconds = training.seconds()};
}

}  // namespace orbitgrad::experiments
