#include "engine/captured_step.hpp"

#include <filesystem>

#include "engine/autograd/node.hpp"
#include "engine/dispatch.hpp"
#include "engine/observe/observer.hpp"
#include "engine/ops/cast.hpp"
#include "engine/update.hpp"
#include "kernels/device_graph.hpp"
#include "kernels/device_memory.hpp"

namespace orbitgrad {

namespace {

constexpr std::string_view name_of_op = "captured_step";

thread_local const std::source_location* captured_at = nullptr;
thread_local std::vector<std::weak_ptr<Storage>>* changed_by_step = nullptr;  // of the step that is captured

std::string place(const std::source_location& where) {
  return fmt::format("{}:{}", std::filesystem::path(where.file_name()).filename().string(), where.line());
}

std::string describe(const std::vector<Tensor>& tensors) {
  std::string text;
  for (const Tensor& tensor : tensors)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name(tensor.dtype()), tensor.shape().to_string());
  return text.empty() ? "no tensors" : text;
}

bool are_alike(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Tensor& x, const Tensor& y) { return x.shape() == y.shape() && x.dtype() == y.dtype(); });
}

std::vector<StepNumber> fixed(const std::vector<double>& numbers) { return {numbers.begin(), numbers.end()}; }

std::vector<Tensor> without_history(std::vector<Tensor> results) {
  for (Tensor& result : results)
    if (result.defined()) result = result.detach();
  return results;
}

/// target = source, in one copy where it comes from the host.
void fill(Tensor& target, const Tensor& source) {
  const Tensor dense = source.device() == DeviceKind::cpu ? contiguous(source) : source;
  if (dense.device() != DeviceKind::cpu) return assign(target, dense);
  visit_storage(target.dtype(), [&]<class T>(TypeTag<T>) {
    kernels::device_memory(target.device())
        ->copy_to_device(begin_update<T>(target), dense.data<T>(), target.numel() * item_size(target.dtype()));
  });
}

}  // namespace

std::atomic<int> recorded_steps = 0;

struct CapturedStep::Recorded {
  std::unique_ptr<kernels::DeviceGraph> graph;
  std::vector<Tensor> results;
  std::vector<std::weak_ptr<Storage>> changed;  // from before the step; the graph holds each once
};

double StepNumber::now(std::source_location where) const {
  if (differs_)
    refuse_while_capturing("captured_step",
                           "later runs would see this number as it is now. Give it to Optimizer::step, or make it a "
                           "tensor of one element.",
                           &where);
  return now_();
}

CapturedStep::CapturedStep(Function function, DeviceKind device, std::source_location where)
    : function_(std::move(function)),
      device_(device),
      where_(where),
      numbers_(std::make_shared<std::vector<double>>()) {
  require(function_ != nullptr, name_of_op, "there is no function. Give the step to capture.");
  require_available(name_of_op, device);
}
CapturedStep::~CapturedStep() = default;

bool CapturedStep::is_captured() const { return recorded_ != nullptr; }

bool CapturedStep::fits(const std::vector<Tensor>& tensors) const {
  return !was_called_ || are_alike(tensors, buffers_);
}

void CapturedStep::require_fit(const std::vector<Tensor>& tensors, std::size_t numbers) const {
  for (const Tensor& tensor : tensors) {
    require(tensor.defined(), name_of_op, "an input is undefined. Give a tensor.");
    require(!tensor.requires_grad(), name_of_op,
            "an input of shape {} tracks gradients, which cannot pass into the step's buffers. Give x.detach().",
            tensor.shape());
  }
  require(fits(tensors), name_of_op,
          "the step of {} was captured for {} and is called with {}. Use run_eagerly for them, or a CapturedStep of "
          "their own.",
          place(where_), describe(buffers_), describe(tensors));
  require(!was_called_ || numbers == numbers_->size(), name_of_op,
          "the step of {} was captured with {} numbers and is called with {}. Give as many each time.", place(where_),
          numbers_->size(), numbers);
}

std::vector<Tensor> CapturedStep::run_eagerly(const std::vector<Tensor>& tensors, RandomKey key,
                                              const std::vector<double>& numbers) const {
  std::vector<Tensor> here;
  for (const Tensor& tensor : tensors) here.push_back(tensor.to(device_));
  return without_history(function_({std::move(here), key, fixed(numbers)}));
}

void CapturedStep::fill_buffers(const std::vector<Tensor>& tensors) {
  if (!was_called_) {
    buffers_.clear();  // of a first call that failed
    for (const Tensor& tensor : tensors) buffers_.push_back(Tensor::empty(tensor.shape(), tensor.dtype(), device_));
  }
  const NoGrad no_grad;
  for (std::size_t i = 0; i < tensors.size(); ++i) fill(buffers_[i], tensors[i]);
}

std::vector<Tensor> CapturedStep::operator()(const std::vector<Tensor>& tensors, RandomKey key,
                                             const std::vector<double>& numbers) {
  require_fit(tensors, numbers.size());
  if (device_ == DeviceKind::cpu) return run_eagerly(tensors, key, numbers);
  require(!is_capturing(), name_of_op, "the step of {} is called inside a step that is captured. Call its function.",
          place(where_));
  require(!observe::is_watched(observe::checking_finite), name_of_op,
          "results are searched for NaN, which reads each one, and the step of {} cannot be captured so. Leave out "
          "ScopedCheckFinite (--check-finite), or capturing (--captured).",
          place(where_));
  try {
    fill_buffers(tensors);
    *numbers_ = numbers;
    if (!was_called_) {
      std::vector<Tensor> results = run_eagerly(buffers_, key, numbers);
      was_called_ = true;
      return results;
    }
    if (recorded_ == nullptr) record(key);
    for (const std::weak_ptr<Storage>& changed : recorded_->changed)
      require(changed.use_count() > 1, name_of_op,
              "the step of {} changes a tensor that nobody but its recording holds: a module was moved to another "
              "device, or replaced, since. Make a new CapturedStep.",
              place(where_));
    recorded_->graph->replay(key.value);
  } catch (const kernels::LaunchError& error) {
    fail_launch(name_of_op, device_, error);
  }
  return recorded_->results;
}

void CapturedStep::record(RandomKey key) {
  StepInputs inputs{buffers_, key, {}};
  for (std::size_t i = 0; i < numbers_->size(); ++i)
    inputs.numbers.emplace_back([numbers = numbers_, i] { return (*numbers)[i]; });
  auto recorded = std::make_unique<Recorded>();
  recorded->graph = kernels::make_device_graph(device_);
  recorded->graph->begin(key.value);
  captured_at = &where_;
  changed_by_step = &recorded->changed;
  ++recorded_steps;
  const auto stop = [&] {
    --recorded_steps;
    captured_at = nullptr;
    changed_by_step = nullptr;
  };
  try {
    recorded->results = without_history(function_(inputs));
    for (const Tensor& result : recorded->results)
      require(result.defined() && result.device() == device_, name_of_op,
              "the step of {} returns a tensor that is not on {}: later runs would not compute it. Return tensors of "
              "that device.",
              place(where_), name(device_));
  } catch (...) {
    stop();
    recorded->graph->abandon();
    throw;
  }
  stop();
  recorded->graph->end();
  recorded_ = std::move(recorded);
}

bool is_capturing() { return captured_at != nullptr; }

void refuse_while_capturing(std::string_view op, std::string_view what, const std::source_location* where) {
  if (captured_at == nullptr) return;
  fail(op, "{}{}the step of {} is captured, and {}", where == nullptr ? "" : place(*where),
       where == nullptr ? "" : ": ", place(*captured_at), what);
}

void require_step_key(std::string_view op, RandomKey key) {
  if (captured_at == nullptr) return;
  const kernels::DeviceGraph* graph = kernels::DeviceGraph::recording();
  require(
      graph == nullptr || graph->derives(key.value), op,
      "the step of {} is captured, and this key is not split from the step's: each run would draw the same numbers. "
      "Split it from inputs.key.",
      place(*captured_at));
}

void keep_while_recorded(const std::shared_ptr<Storage>& storage) {
  kernels::DeviceGraph* graph = kernels::DeviceGraph::recording();
  if (graph != nullptr && storage->device != DeviceKind::cpu && !graph->owns(storage->data)) graph->keep(storage);
}

void note_update(const std::shared_ptr<Storage>& storage) {
  if (storage->device == DeviceKind::cpu)
    refuse_while_capturing("update",
                           "later runs would not change this tensor of the cpu. Move it to the step's device, "
                           "or change it outside the step.");
  ++storage->version;
  kernels::DeviceGraph* graph = kernels::DeviceGraph::recording();
  if (graph == nullptr || graph->owns(storage->data)) return;
  graph->keep(storage);
  graph->at_replay([kept = storage.get()] { ++kept->version; });
  if (changed_by_step != nullptr) changed_by_step->push_back(storage);
}

}  // namespace orbitgrad
