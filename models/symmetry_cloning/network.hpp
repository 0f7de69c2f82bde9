// The networks that symmetry cloning compares: one skeleton, in which only the kind of the layers changes. Three layers
// (two if `strict`) with ReLU, 2 x 2 mean pooling after the first two where the side is even, then a head: pooling over
// pixels and group elements and a dense layer (invariant), or a dense layer on all features.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "models/symmetry_cloning/layer_family.hpp"
#include "models/symmetry_cloning/layers.hpp"
#include "models/symmetry_cloning/student.hpp"
#include "nn/linear.hpp"
#include "nn/module.hpp"

namespace orbitgrad::models {

enum class CloningHead { invariant, flatten };

struct SkeletonOptions {
  std::string group = "p1";  ///< point group of the teacher: "p1" for translations alone, or p4, p4m, ...
  std::int64_t side = 28, kernel = 3, classes = 10;
  /// Of the layers' outputs; empty: 8, 16, 32 of p1, 4, 8, 16 of a point group, and 4, 8 if strict.
  std::vector<std::int64_t> channels = {};
  /// No pooling and circular padding: a teacher then commutes with every cyclic shift exactly.
  bool strict = false;
  CloningHead head = CloningHead::invariant;
};

struct LayerPlan {
  LayerFamilyOptions family;
  Channels channels;
  bool pooled = false;
};

/// Error: a size that is not positive, an unknown group.
std::vector<LayerPlan> plan_layers(const SkeletonOptions& options);

/// What a layer is made of. A conditional student gives a ClonedLayer, another one a DenseLayer on all channels, and
/// none a TeacherLayer.
using LayerStudents = std::vector<std::shared_ptr<Student>>;
/// The sizes a student of a layer needs: of one pair of channels if it sees tau, else of all channels at once.
StudentSizes student_sizes(const LayerPlan& plan, StudentKind kind);
/// Students as they start, before cloning.
LayerStudents fresh_students(const SkeletonOptions& options, StudentKind kind, const StudentOptions& student,
                             RandomKey key);

class CloningNetwork final : public nn::Module {
 public:
  /// Students are shared with the caller; none at all gives the teacher. Error: not one per layer, or their sizes do
  /// not fit the layer.
  CloningNetwork(const SkeletonOptions& options, const LayerStudents& students, RandomKey key);

  /// Images [N, 1, side, side] -> logits [N, classes].
  Tensor forward(const Tensor& x, const nn::Pass& pass) override;
  /// One layer with its channel biases, before the activation: [N, C_in, d_in] -> [N, C_out, d_out].
  Tensor layer(std::size_t index, const Tensor& x) const;
  /// What reaches layer `index` (from 0) for these images; index = plan().size(): the head.
  Tensor features(const Tensor& x, std::size_t index) const;

  const SkeletonOptions& options() const { return options_; }
  const std::vector<LayerPlan>& plan() const { return plan_; }
  const LayerFamily& family(std::size_t index) const { return families_[index]; }
  const LayerStudents& students() const { return students_; }

  /// What cloning has learned, "layerI.theta. ...", and all other parameters: tau, biases and the head.
  std::vector<nn::NamedTensor> theta() const;
  std::vector<nn::NamedTensor> others() const;

 private:
  Tensor activated(std::size_t index, const Tensor& y) const;

  SkeletonOptions options_;
  std::vector<LayerPlan> plan_;
  std::vector<LayerFamily> families_;
  LayerStudents students_;
  std::vector<std::shared_ptr<nn::Module>> layers_;
  std::shared_ptr<nn::Linear> head_;
};

/// A network with copies of the students: nothing is shared, all values are equal.
std::shared_ptr<CloningNetwork> copy_of(const CloningNetwork& network);

/// Students of equal kinds and values that share nothing with these.
LayerStudents copies_of(const LayerStudents& students);

}  // namespace orbitgrad::models
