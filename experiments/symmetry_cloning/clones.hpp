// The clones of an experiment: one student per layer of the skeleton, cloned once per seed and kept in a file that is
// named after all that decides them, so that every mode and task starts from the same clone.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "experiments/progress.hpp"
#include "experiments/record.hpp"
#include "models/symmetry_cloning/cloning.hpp"
#include "models/symmetry_cloning/network.hpp"

namespace orbitgrad::experiments {

struct CloneSettings {
  std::string mode = "conditional";      // or fixed_tau: models/symmetry_cloning/clone_options.hpp
  std::string student = "hyper_linear";  // models/symmetry_cloning/student.hpp
  std::string source = "noise";
  std::string granularity = "layer";  // each layer by itself; block: all with ReLU between; logit: the whole network
  double sigma = 0.1;                 // of the source dataset_noise
  bool include_activation = false;    // the layer with its ReLU is cloned
  std::int64_t hidden = 0;            // width of the students that are MLPs; 0: width()
  double stop_nmse = 0;               // to clone to; 0: wanted_nmse()
  std::int64_t steps = 20000, batch = 512;
  std::uint64_t seed = 0;

  /// Of the hidden layer: as asked, or 1024 of the concatenating student, which has to multiply x and tau, and 256.
  std::int64_t width() const;
  /// Whether each layer by itself is cloned by SGD at its best rate (models::has_optimal_learning_rate).
  bool has_closed_rate() const;
  /// As asked, or 1e-12 where SGD gets there in 400 steps: a network then trains as its teacher's equal, which with
  /// 1e-6 it does not; else what the student can reach. 0: none, of logits.
  double wanted_nmse() const;
};

/// Sets in `record` all that `more` has.
void add_all(Record& record, const Record& more);

const std::vector<std::string>& granularity_names();

Record settings_of(const CloneSettings& settings);
Record settings_of(const models::SkeletonOptions& skeleton);
/// Error, with the nearest name: an unknown mode, student or source; a student that does not fit the mode, or cannot
/// be cloned behind its ReLU; a granularity that does not fit the mode.
void check_clone_settings(const CloneSettings& settings);

/// Whether the inputs of cloning come from images.
bool reads_images(const CloneSettings& settings);

struct LayerCloneReport {
  std::int64_t steps = 0;
  double nmse = 0;
  std::string reason;                                 // why it stopped
  std::vector<std::pair<double, double>> curve = {};  // step, NMSE
};

struct Clones {
  models::LayerStudents students;
  std::vector<LayerCloneReport> layers;
  double seconds = 0;  // that cloning took, when it was done

  /// The worst of the layers. Cloned as a block or by logits, they share one error.
  double nmse() const;
};

/// The file of `cache` that holds these clones, or will.
std::filesystem::path clone_file(const models::SkeletonOptions& skeleton, const CloneSettings& settings,
                                 const Tensor& images, const std::filesystem::path& cache);

/// Clones the layers, or reads them from `cache` if it has them; they are written there, whole or not at all. `images`
/// [M, 1, side, side] for the sources that read images; deeper layers then see the features of a random teacher. Notes
/// a layer that did not reach its error, and what to do. Error: as check_clone_settings; a file of the cache is
/// damaged.
Clones make_clones(const models::SkeletonOptions& skeleton, const CloneSettings& settings, const Tensor& images,
                   const std::filesystem::path& cache, Progress& progress);

}  // namespace orbitgrad::experiments
