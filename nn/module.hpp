// Module: a function with named parameters (trained) and buffers (measured, such as running statistics) and with child
// modules. Whether a call trains, and its randomness, are arguments (Pass), so the saved state never depends on a mode
// and a run resumes from its seed and step alone.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/random.hpp"
#include "engine/tensor.hpp"

namespace orbitgrad::nn {

class StatisticsRecorder;

/// How a module is called. The default is evaluation: no randomness, nothing is written.
struct Pass {
  bool training = false;
  RandomKey key = {};
  /// When present, BatchNorm normalises by the batch and reports its statistics; see batch_statistics.hpp.
  StatisticsRecorder* statistics = nullptr;

  /// The same pass with an independent key: what a module hands to its i-th child.
  Pass child(std::uint64_t i) const { return {training, key.split(i), statistics}; }
};

struct NamedTensor {
  std::string name;
  Tensor tensor;
};
using State = std::map<std::string, Tensor>;

/// What a plain network holds in place of the features of a symmetric one; see nn/to_plain.hpp.
struct PlainFeatures {
  std::int64_t order = 0;  ///< of the group, for regular features [N, C, S, ...] as channels [N, C S, ...]; 0: no group
};

/// Copies the tensors of `state`, from any device, into the targets of the same names. The names must be the same on
/// both sides, with equal shapes and dtypes: otherwise an error of `op` lists every difference, and nothing is changed.
void load_strictly(std::string_view op, std::vector<NamedTensor> targets, const State& state);

class Module {
 public:
  Module() = default;
  virtual ~Module() = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  /// A module of one tensor overrides this. Error: the module takes more than that, by a function of its own.
  virtual Tensor forward(const Tensor& x, const Pass& pass);
  Tensor operator()(const Tensor& x, const Pass& pass = {}) { return forward(x, pass); }

  /// The same function of an evaluation pass, by ordinary layers on the features given, which it sets to those it
  /// returns; null: it does nothing then. For to_plain (nn/to_plain.hpp). Error: the layer has no such form.
  virtual std::shared_ptr<Module> plain(PlainFeatures& features) const;

  /// Handles to the tensors themselves, in order of registration, own ones before those of children. Names are dotted
  /// paths: "conv1.weight".
  std::vector<NamedTensor> named_parameters() const;
  std::vector<NamedTensor> named_buffers() const;
  std::vector<Tensor> parameters() const;
  /// Number of trained values.
  std::int64_t parameter_count() const;
  const std::vector<std::pair<std::string, std::shared_ptr<Module>>>& children() const { return children_; }

  /// Where its first parameter is; the default device for a module without any.
  DeviceKind device() const;
  /// Moves all parameters, with their gradients, and buffers to a device. Handles to them follow.
  void to(DeviceKind device);

  /// All parameters and buffers by name: handles, without history. Save them before the next training step.
  State state() const;
  /// Copies the values; see load_strictly.
  void load_state(const State& state);

 protected:
  /// Names are not empty, have no dot and are used once in a module. A parameter becomes a leaf that collects
  /// gradients.
  Tensor register_parameter(std::string name, Tensor initial);
  Tensor register_buffer(std::string name, Tensor initial);
  void register_child(std::string name, std::shared_ptr<Module> child);

  /// Makes a child, registers it and hands it back.
  template <class M, class... Args>
  std::shared_ptr<M> add_child(const std::string& name, Args&&... args) {
    auto child = std::make_shared<M>(std::forward<Args>(args)...);
    register_child(name, child);
    return child;
  }

 private:
  void check_name(std::string_view name) const;
  void collect(std::string_view prefix, std::vector<NamedTensor> Module::*list, std::vector<NamedTensor>& found) const;

  std::vector<NamedTensor> parameters_;
  std::vector<NamedTensor> buffers_;
  std::vector<std::pair<std::string, std::shared_ptr<Module>>> children_;
};

/// Modules one after another. Child i gets pass.child(i).
class Sequential final : public Module {
 public:
  Sequential() = default;

  Sequential& add(std::string name, std::shared_ptr<Module> layer);
  template <class M, class... Args>
  Sequential& add(const std::string& name, Args&&... args) {
    return add(name, std::make_shared<M>(std::forward<Args>(args)...));
  }
  Tensor forward(const Tensor& x, const Pass& pass) override;
  /// Batch norm right after a convolution becomes part of it.
  std::shared_ptr<Module> plain(PlainFeatures& features) const override;
};

}  // namespace orbitgrad::nn
