// A training step of a network for rotated digits on a device: forward, cross-entropy, backward, Adam; eager, and as a
// captured step (docs/captured_step.md) from the same weights. Images a second and the losses of the first steps.
// --export writes the images, labels and first weights, so that bench/pytorch_step.py takes the same steps.
//
//   build/bench/device_step --device cuda --out step.json --export step.safetensors
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "bench/device/clock.hpp"
#include "bench/device/report.hpp"
#include "engine/captured_step.hpp"
#include "engine/device.hpp"
#include "engine/io/safetensors.hpp"
#include "engine/ops/creation.hpp"
#include "models/gcnn.hpp"
#include "nn/loss.hpp"
#include "nn/optimizer.hpp"

namespace orbitgrad::bench {
namespace {

struct Options {
  std::string device = "cuda", model = "p4cnn", implementation, out, exported;
  std::int64_t batch = 128, steps = 5;
  int samples = 9;
  double sample_seconds = 0.2;
};

/// One network with its optimizer, images and labels.
class Training {
 public:
  Training(const Options& options, DeviceKind device, bool captured)
      : key_(1),
        network_(models::make_model(options.model, key_.split("model"), {.implementation = options.implementation})),
        images_(normal({options.batch, 1, 28, 28}, key_.split("images"))),
        labels_(random_integers({options.batch}, key_.split("labels"), 10)),
        is_captured_(captured),
        step_([this](const StepInputs& inputs) { return compute(inputs); }, device) {
    if (!options.exported.empty()) save(options.exported);
    network_->to(device);
    images_ = images_.to(device);
    labels_ = labels_.to(device);
    optimizer_ = std::make_unique<nn::Adam>(network_->named_parameters());
  }

  /// The loss before the update.
  Tensor step() {
    const RandomKey key = key_.split(number_++);
    const std::vector<Tensor> tensors = {images_, labels_};
    return (is_captured_ ? step_(tensors, key, {1e-3}) : step_.run_eagerly(tensors, key, {1e-3}))[0];
  }

 private:
  std::vector<Tensor> compute(const StepInputs& inputs) {
    const Tensor logits = (*network_)(inputs.tensors[0], {.training = true, .key = inputs.key});
    const Tensor loss = nn::cross_entropy(logits, inputs.tensors[1]);
    optimizer_->clear_gradients();
    loss.backward();
    optimizer_->step(inputs.numbers[0]);
    return {loss};
  }
  void save(const std::string& path) const {
    SafeTensors content;
    content.tensors["images"] = images_;
    content.tensors["labels"] = labels_;
    for (const auto& [name, tensor] : network_->named_parameters()) content.tensors[name] = tensor.detach();
    save_safetensors(path, content);
  }

  RandomKey key_;
  std::shared_ptr<nn::Sequential> network_;
  Tensor images_, labels_;
  std::unique_ptr<nn::Adam> optimizer_;
  bool is_captured_;
  CapturedStep step_;
  std::uint64_t number_ = 0;
};

void add_times(nlohmann::json& entry, const Options& options, DeviceKind device, Training& training) {
  const Samples times = time_calls(
      device, [&](std::int64_t) { training.step(); }, options.samples, options.sample_seconds);
  entry["real_time"] = entry["ms"] = times.median() * 1e3;
  entry["time_unit"] = "ms";
  entry["ms_low"] = times.lowest() * 1e3;
  entry["ms_high"] = times.highest() * 1e3;
  entry["images/s"] = static_cast<double>(options.batch) / times.median();
}

/// Adds an entry; returns the losses.
std::vector<double> measure(Report& report, const Options& options, DeviceKind device, bool captured) {
  Training training(options, device, captured);
  std::vector<double> losses;
  for (std::int64_t i = 0; i < options.steps; ++i) losses.push_back(training.step().item());
  const std::string label =
      fmt::format("{}/batch:{}/{}/{}", options.model, options.batch, name(device), captured ? "captured" : "eager");
  nlohmann::json entry{{"name", label}, {"losses", losses}};
  try {
    if (device != DeviceKind::sim) add_times(entry, options, device, training);
  } catch (const std::exception& error) {  // the losses are worth keeping
    report.add_error(label + "/time", error.what());
  }
  report.add(std::move(entry));
  return losses;
}

int run(const Options& options) {
  const DeviceKind device = parse_device(options.device);
  const ScopedDefaultDevice made_on_cpu(DeviceKind::cpu);
  Report report("device_step", device, options.out);
  const std::vector<double> eager = measure(report, options, device, false);
  if (device != DeviceKind::cpu && measure(report, options, device, true) != eager)
    report.add_error("captured", "the losses are not those of eager steps");
  return report.errors() == 0 ? 0 : 1;
}

}  // namespace
}  // namespace orbitgrad::bench

int main(int argc, char** argv) {
  orbitgrad::bench::Options options;
  CLI::App app("A training step of a network for rotated digits on a device");
  app.add_option("--device", options.device, "cuda, sim (losses only) or cpu")->capture_default_str();
  app.add_option("--model", options.model, "z2cnn, p4cnn, p4cnn_rp or p4mcnn")->capture_default_str();
  app.add_option("--implementation", options.implementation,
                 "Of the group convolutions (default: the automatic choice)");
  app.add_option("--batch", options.batch, "Images in a step")->capture_default_str();
  app.add_option("--steps", options.steps, "Steps whose losses are reported")->capture_default_str();
  app.add_option("--out", options.out, "JSON file");
  app.add_option("--export", options.exported, "Safetensors file for images, labels and first weights");
  CLI11_PARSE(app, argc, argv);
  try {
    return orbitgrad::bench::run(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 2;
  }
}
