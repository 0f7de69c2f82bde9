#include "models/gcnn.hpp"

#include <fmt/format.h>

#include "nn/nearest_name.hpp"

namespace orbitgrad::models {

namespace {

using nn::Sequential;

constexpr std::int64_t classes = 10;
constexpr int layers = 6;        // of 3x3; the top follows
constexpr int pooled_layer = 2;  // the layer before the 2x2 max-pooling
constexpr std::int64_t kernel = 3, top_kernel = 4;

/// The published initialisation: variance 1 / fan_in in all networks.
nn::LayerOptions layer_options(const GcnnOptions& options) { return {.gain = 1, .dtype = options.dtype}; }

GroupConv2dOptions group_options(const GcnnOptions& options) { return {.implementation = options.implementation}; }

RandomKey layer_key(RandomKey key, int layer) { return key.split(static_cast<std::uint64_t>(layer)); }

void add_norm_and_relu(Sequential& model, int layer, std::int64_t fields, const GcnnOptions& options) {
  model.add<nn::BatchNorm>(fmt::format("norm{}", layer), fields, nn::BatchNormOptions{.dtype = options.dtype});
  model.add<nn::Relu>(fmt::format("relu{}", layer));
}

void add_pooling(Sequential& model, int layer) {
  if (layer == pooled_layer) model.add<nn::MaxPool2d>(fmt::format("pool{}", layer));
}

/// Regular features of `fields` fields throughout, then the maximum over the group.
std::shared_ptr<Sequential> regular_network(std::string_view group_name, std::int64_t fields, RandomKey key,
                                            const GcnnOptions& options) {
  const auto group = groups::lattice_group(group_name);
  const auto convolution = group_options(options);
  auto model = std::make_shared<Sequential>();
  for (int layer = 1; layer <= layers; ++layer) {
    const std::string name = fmt::format("conv{}", layer);
    if (layer == 1)
      model->add<nn::LiftConv2d>(name, group, 1, fields, kernel, layer_key(key, layer), convolution,
                                 layer_options(options));
    else
      model->add<nn::GroupConv2d>(name, group, fields, fields, kernel, layer_key(key, layer), convolution,
                                  layer_options(options));
    add_norm_and_relu(*model, layer, fields, options);
    add_pooling(*model, layer);
  }
  model->add<nn::GroupConv2d>("top", group, fields, classes, top_kernel, layer_key(key, layers + 1), convolution,
                              layer_options(options));
  model->add<nn::GlobalPool>("maximum", nn::PoolKind::max, nn::PoolOver::group_and_pixels);
  return model;
}

}  // namespace

std::shared_ptr<Sequential> z2cnn(RandomKey key, const GcnnOptions& options) {
  constexpr std::int64_t channels = 20;
  constexpr double dropout = 0.3;
  auto model = std::make_shared<Sequential>();
  for (int layer = 1; layer <= layers; ++layer) {
    model->add<nn::Conv2d>(fmt::format("conv{}", layer), layer == 1 ? 1 : channels, channels, kernel,
                           layer_key(key, layer), Conv2dOptions{}, layer_options(options));
    add_norm_and_relu(*model, layer, channels, options);
    add_pooling(*model, layer);
    if (layer != pooled_layer) model->add<nn::Dropout>(fmt::format("dropout{}", layer), dropout);
  }
  model->add<nn::Conv2d>("top", channels, classes, top_kernel, layer_key(key, layers + 1), Conv2dOptions{},
                         layer_options(options));
  model->add<nn::GlobalPool>("maximum", nn::PoolKind::max, nn::PoolOver::pixels);
  return model;
}

std::shared_ptr<Sequential> p4cnn(RandomKey key, const GcnnOptions& options) {
  return regular_network("p4", 10, key, options);
}

std::shared_ptr<Sequential> p4mcnn(RandomKey key, const GcnnOptions& options) {
  return regular_network("p4m", 7, key, options);
}

std::shared_ptr<Sequential> p4cnn_rp(RandomKey key, const GcnnOptions& options) {
  constexpr std::int64_t fields = 20;
  const auto group = groups::lattice_group("p4");
  auto model = std::make_shared<Sequential>();
  for (int layer = 1; layer <= layers; ++layer) {
    model->add<nn::LiftConv2d>(fmt::format("conv{}", layer), group, layer == 1 ? 1 : fields, fields, kernel,
                               layer_key(key, layer), group_options(options), layer_options(options));
    add_norm_and_relu(*model, layer, fields, options);
    model->add<nn::GroupPool>(fmt::format("rotations{}", layer));
    add_pooling(*model, layer);
  }
  model->add<nn::LiftConv2d>("top", group, fields, classes, top_kernel, layer_key(key, layers + 1),
                             group_options(options), layer_options(options));
  model->add<nn::GlobalPool>("maximum", nn::PoolKind::max, nn::PoolOver::group_and_pixels);
  return model;
}

namespace {

struct Entry {
  ModelDescription about;
  std::shared_ptr<Sequential> (*make)(RandomKey, const GcnnOptions&);
};

const std::vector<Entry>& entries() {
  static const std::vector<Entry> list{
      {{"z2cnn", "plain convolutions, 20 channels, dropout 0.3; 21,750 parameters", "p1"}, z2cnn},
      {{"p4cnn", "group convolutions over p4, 10 fields; 24,680 parameters", "p4"}, p4cnn},
      {{"p4cnn_rp", "lifting to p4 with 20 fields, maximum over rotations after each layer; 21,750 parameters", "p4"},
       p4cnn_rp},
      {{"p4mcnn", "group convolutions over p4m, 7 fields; 26,799 parameters", "p4m"}, p4mcnn},
  };
  return list;
}

}  // namespace

const std::vector<ModelDescription>& gcnn_models() {
  static const std::vector<ModelDescription> list = [] {
    std::vector<ModelDescription> result;
    for (const Entry& entry : entries()) result.push_back(entry.about);
    return result;
  }();
  return list;
}

std::shared_ptr<Sequential> make_model(std::string_view name, RandomKey key, const GcnnOptions& options) {
  std::vector<std::string> names;
  for (const auto& [about, make] : entries()) {
    if (about.name == name) return make(key, options);
    names.push_back(about.name);
  }
  nn::fail_unknown_name("make_model", "model", name, names);
}

}  // namespace orbitgrad::models
