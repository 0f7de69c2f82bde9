#include "models/symmetry_cloning/network.hpp"

#include <cmath>

#include "engine/error.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/pooling.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"
#include "engine/update.hpp"

namespace orbitgrad::models {

namespace {

constexpr std::string_view op = "CloningNetwork";
constexpr std::size_t pooled_layers = 2;

std::vector<std::int64_t> default_channels(const SkeletonOptions& options) {
  if (options.strict) return {4, 8};
  return options.group == "p1" ? std::vector<std::int64_t>{8, 16, 32} : std::vector<std::int64_t>{4, 8, 16};
}

bool is_of_theta(const nn::NamedTensor& parameter) { return parameter.name.find(".theta.") != std::string::npos; }

/// Channel biases off zero. With biases of 0 every blank pixel stands on the kink of the ReLU, where a clone, which is
/// a little off, lets gradients pass that its teacher does not.
void spread_biases(nn::Module& layer, std::int64_t fan_in, RandomKey key) {
  const double bound = 1 / std::sqrt(static_cast<double>(fan_in));
  for (auto& [name, tensor] : layer.named_parameters())
    if (name == "bias") assign(tensor, uniform(tensor.shape(), key, -bound, bound, tensor.dtype(), tensor.device()));
}

std::vector<nn::NamedTensor> parameters_where(const nn::Module& module, bool of_theta) {
  std::vector<nn::NamedTensor> found;
  for (const nn::NamedTensor& parameter : module.named_parameters())
    if (is_of_theta(parameter) == of_theta) found.push_back(parameter);
  return found;
}

}  // namespace

std::vector<LayerPlan> plan_layers(const SkeletonOptions& options) {
  require(options.side > 0 && options.classes > 0, op, "side {} and {} classes are asked for. Give positive numbers.",
          options.side, options.classes);
  const auto channels = options.channels.empty() ? default_channels(options) : options.channels;
  std::vector<LayerPlan> plan;
  std::int64_t side = options.side, in = 1;
  for (std::size_t i = 0; i < channels.size(); ++i) {
    require(channels[i] > 0, op, "a layer of {} channels is asked for. Give a positive number.", channels[i]);
    const LayerKind kind = options.group == "p1" ? LayerKind::convolution
                           : i == 0              ? LayerKind::lifting
                                                 : LayerKind::group_convolution;
    const bool pooled = !options.strict && i < pooled_layers && side % 2 == 0;
    plan.push_back({.family = {.kind = kind,
                               .group = options.group,
                               .height = side,
                               .width = side,
                               .kernel = options.kernel,
                               .boundary = options.strict ? Boundary::circular : Boundary::zero},
                    .channels = {.in = in, .out = channels[i]},
                    .pooled = pooled});
    in = channels[i];
    if (pooled) side /= 2;
  }
  return plan;
}

StudentSizes student_sizes(const LayerPlan& plan, StudentKind kind) {
  const LayerFamily family(plan.family);
  const bool conditional = kind == StudentKind::concatenating || kind == StudentKind::hyper_linear;
  if (conditional) return {.in = family.input_size(), .out = family.output_size(), .taps = family.taps()};
  return {.in = plan.channels.in * family.input_size(), .out = plan.channels.out * family.output_size()};
}

LayerStudents fresh_students(const SkeletonOptions& options, StudentKind kind, const StudentOptions& student,
                             RandomKey key) {
  LayerStudents students;
  for (const LayerPlan& plan : plan_layers(options))
    students.push_back(make_student(kind, student_sizes(plan, kind), key.split(students.size()), student));
  return students;
}

CloningNetwork::CloningNetwork(const SkeletonOptions& options, const LayerStudents& students, RandomKey key)
    : options_(options), plan_(plan_layers(options)), students_(students) {
  require(students.empty() || students.size() == plan_.size(), op,
          "there are {} students for {} layers. Give one per layer, or none for the teacher.", students.size(),
          plan_.size());
  for (std::size_t i = 0; i < plan_.size(); ++i) {
    families_.emplace_back(plan_[i].family);
    std::shared_ptr<nn::Module> layer;
    if (students.empty()) {
      layer = std::make_shared<TeacherLayer>(families_[i], plan_[i].channels, key.split(i));
    } else {
      const StudentSizes needed = student_sizes(plan_[i], students[i]->kind()), given = students[i]->sizes();
      require(needed.in == given.in && needed.out == given.out && needed.taps == given.taps, op,
              "layer {} is {} -> {} with {} taps, its student {} -> {} with {}. Clone the student for this layer.",
              i + 1, needed.in, needed.out, needed.taps, given.in, given.out, given.taps);
      if (students[i]->is_conditional())
        layer = std::make_shared<ClonedLayer>(students[i], plan_[i].channels, key.split(i));
      else
        layer = std::make_shared<DenseLayer>(students[i], plan_[i].channels);
    }
    spread_biases(*layer, plan_[i].channels.in * families_[i].taps(), key.split("bias").split(i));
    layers_.push_back(layer);
    register_child(fmt::format("layer{}", i + 1), layer);
  }
  const std::int64_t out = plan_.back().channels.out, size = families_.back().output_size();
  const std::int64_t pixels_kept = plan_.back().pooled ? 4 : 1;
  head_ = add_child<nn::Linear>("head", options.head == CloningHead::invariant ? out : out * size / pixels_kept,
                                options.classes, key.split("head"));
}

Tensor CloningNetwork::layer(std::size_t index, const Tensor& x) const { return (*layers_[index])(x); }

Tensor CloningNetwork::activated(std::size_t index, const Tensor& y) const {
  const Tensor z = relu(y);
  return plan_[index].pooled ? flatten_features(average_pool2d(families_[index].unflatten_output(z))) : z;
}

Tensor CloningNetwork::features(const Tensor& x, std::size_t index) const {
  require(x.rank() == 4 && x.size(1) == 1 && x.size(2) == options_.side && x.size(3) == options_.side, op,
          "the images must be [N, 1, {0}, {0}], got {1}.", options_.side, x.shape());
  Tensor y = flatten_features(x);
  for (std::size_t i = 0; i < index; ++i) y = activated(i, layer(i, y));
  return y;
}

Tensor CloningNetwork::forward(const Tensor& x, const nn::Pass& /*pass*/) {
  const Tensor y = features(x, plan_.size());
  return (*head_)(options_.head == CloningHead::invariant ? mean(y, {2}) : flatten(y, 1, 2));
}

std::vector<nn::NamedTensor> CloningNetwork::theta() const { return parameters_where(*this, true); }
std::vector<nn::NamedTensor> CloningNetwork::others() const { return parameters_where(*this, false); }

LayerStudents copies_of(const LayerStudents& students) {
  LayerStudents copies;
  for (const auto& student : students) {
    StudentOptions options{.rectified = student->rectified(), .dtype = student->parameters().front().dtype()};
    for (const auto& [name, tensor] : student->named_parameters())
      if (name == "hidden_bias") options.hidden = tensor.numel();
    copies.push_back(make_student(student->kind(), student->sizes(), RandomKey{}, options));
    copies.back()->load_state(student->state());
    copies.back()->to(student->device());
  }
  return copies;
}

std::shared_ptr<CloningNetwork> copy_of(const CloningNetwork& network) {
  auto copy = std::make_shared<CloningNetwork>(network.options(), copies_of(network.students()), RandomKey{});
  copy->load_state(network.state());
  copy->to(network.device());
  return copy;
}

}  // namespace orbitgrad::models
