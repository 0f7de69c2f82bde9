// orbitgrad equivariance RUN: f(L_h x) against L_h f(x) for every group element h, for the network and each layer.
#include <CLI/CLI.hpp>
#include <memory>

#include "experiments/commands/commands.hpp"
#include "experiments/commands/usage.hpp"
#include "experiments/rotmnist.hpp"
#include "experiments/table.hpp"

namespace orbitgrad::experiments {

namespace {

struct Options {
  std::string run, data, implementation = "orbit_gather", device = "cpu";
  std::int64_t images = 16;
};

void measure(const Options& options) {
  const DeviceKind device = device_of_option("equivariance", options.device);
  check_implementation("equivariance", device, options.implementation);
  TrainedModel trained = load_run(options.run, options.implementation, device);
  if (!options.data.empty()) trained.options.digits.data = options.data;
  const Tensor x = digits_to_check(trained.options, options.images).to(trained.network->device());
  const auto layers = check_layers(*trained.network, x, trained.group);
  fmt::print("{} on {} test digits under {}, group convolutions by {}\n\n", trained.options.model, x.size(0),
             trained.group.name, options.implementation);

  Table elements({"logits, element", "relative error", "differing bits", "differing values"});
  const nn::EquivarianceReport& whole = layers.back().report;
  for (const nn::ElementError& error : whole.elements)
    elements.add({fmt::format("{}", error.element), fmt::format("{:.2e}", error.relative_error),
                  with_thousands(error.differing_bits),
                  fmt::format("{} of {}", with_thousands(error.differing_values), with_thousands(whole.values))});
  fmt::print("{}\n", elements.to_string());

  Table by_layer({"after layer", "output", "largest relative error", "differing bits"});
  for (const LayerReport& layer : layers)
    by_layer.add({layer.layer, layer.output, fmt::format("{:.2e}", layer.report.max_relative_error()),
                  with_thousands(layer.report.differing_bits())});
  fmt::print("{}", by_layer.to_string());
}

}  // namespace

Action equivariance_command(CLI::App& app) {
  const auto options = std::make_shared<Options>();
  app.add_option("RUN", options->run, "Folder of the run")->required();
  app.add_option("--data", options->data, "Folder of MNIST, if it is not where it was");
  app.add_option("--images", options->images, "Test digits to measure on")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  app.add_option("--implementation", options->implementation,
                 "Group convolution: orbit_gather or irrep_blocks (exact to the last bit), expanded or auto")
      ->capture_default_str();
  add_device_option(app, options->device);
  add_threads_option(app);
  return [options] { measure(*options); };
}

}  // namespace orbitgrad::experiments
