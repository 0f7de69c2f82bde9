#include "experiments/symmetry_cloning/closed_forms.hpp"

#include <cmath>
#include <numbers>

#include "engine/error.hpp"
#include "engine/io/file.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/shape_ops.hpp"
#include "models/symmetry_cloning/cloning.hpp"
#include "models/symmetry_cloning/measures.hpp"

namespace orbitgrad::experiments {

namespace {

using namespace models;

const RandomKey key = RandomKey{7}.split("closed forms");

Record row(const std::string& what, double measured, const std::string& expected, bool holds) {
  return {{"what", what}, {"measured", measured}, {"expected", expected}, {"holds", std::string(holds ? "yes" : "no")}};
}

/// The factor per step by which the error of a linear student falls, against 1 - 1 / (1 + c).
Record rate(const std::string& what, StudentKind kind, const LayerFamily& teacher, const CloneMode mode,
            std::int64_t batch, std::int64_t steps) {
  const auto student = make_student(kind, student_sizes(teacher, mode), key.split(what));
  CloneOptions options{.mode = mode, .batch = batch, .curve_every = 1};
  options.stop = {.nmse = 0.0, .steps = steps};
  const CloneResult result = clone_layer(*student, teacher, options);
  const std::size_t first = 1, last = result.curve.size() - 1;
  const double measured =
      std::pow(result.curve[last].nmse / result.curve[first].nmse, 1 / static_cast<double>(last - first));
  const double predicted = predicted_error_factor(student->sizes(), batch);
  return row(what, measured, fmt::format("{:.4f} within 5 %", predicted), std::abs(measured / predicted - 1) <= 0.05);
}

/// The normalised error of the best student that does not see tau, on fresh samples.
Record marginal(const std::string& what, StudentKind kind, const LayerFamily& teacher, bool activation, double floor) {
  constexpr std::int64_t samples = 40000;
  const auto student = make_student(kind, student_sizes(teacher, CloneMode::marginal), key.split(what));
  CloneOptions options{.mode = CloneMode::marginal,
                       .include_activation = activation,
                       .batch = 1024,
                       .optimizer = CloneOptimizer::adam,
                       .learning_rate = 2e-2};
  options.stop = {.nmse = 0.0, .steps = 1500};
  clone_layer(*student, teacher, options);
  const double deviation = activation ? 1 / std::sqrt(static_cast<double>(teacher.taps())) : 1;
  const Tensor tau = normal({samples, teacher.taps()}, key.split("tau"), 0, deviation);
  const FeatureMap target = [&](const Tensor& x) {
    const Tensor y = teacher.apply_each(x, tau);
    return activation ? relu(y) : y;
  };
  const double measured = clone_error([&](const Tensor& x) { return student->apply(x); }, target,
                                      normal({samples, teacher.input_size()}, key.split("x")))
                              .nmse;
  return row(what, measured, fmt::format("{:.4f} within 1 %", floor), std::abs(measured / floor - 1) <= 0.01);
}

/// E against its bound at several precisions of one clone of a circular 8 x 8 layer.
std::vector<Record> bounds() {
  const LayerFamily teacher({.height = 8, .width = 8, .kernel = 3, .boundary = Boundary::circular});
  const Tensor x = normal({256, 1, teacher.input_size()}, key.split("bound")),
               tau = normal({1, 1, teacher.taps()}, key.split("bound tau"));
  std::vector<Record> rows;
  for (const double nmse : {1e-1, 1e-2, 1e-4, 1e-6}) {
    const auto student = make_student(StudentKind::hyper_linear, student_sizes(teacher, CloneMode::conditional), key);
    CloneOptions options{.mode = CloneMode::conditional, .batch = 256};
    options.stop.nmse = nmse;
    clone_layer(*student, teacher, options);
    const FeatureMap h = [&](const Tensor& input) { return student->apply_channels(input, tau); };
    const CloneError error = clone_error(
        h, [&](const Tensor& input) { return teacher.apply(input, tau); }, x);
    const double measured = equivariance_error(h, x, teacher.shift_symmetry());
    rows.push_back(row(fmt::format("E of a clone stopped at NMSE {:.0e}, all cyclic shifts", nmse), measured,
                       fmt::format("at most {:.3g}", error.equivariance_bound()),
                       measured <= error.equivariance_bound()));
  }
  return rows;
}

/// E on shifted digits of a filter cloned from each source with the same steps.
std::vector<Record> sources(const TaskDataOptions& options) {
  const Mnist digits = digits_of_closed_forms(options);
  const auto rows_of = [](const ImageDataset& images) { return flatten_features(to_samples(images).inputs); };
  const LayerFamily teacher({.height = 14, .width = 14, .kernel = 3, .boundary = Boundary::circular});
  std::vector<int> shifts;
  for (int down = -3; down <= 3; ++down)
    for (int right = -3; right <= 3; ++right)
      if (down != 0 || right != 0) shifts.push_back((down + 14) % 14 * 14 + (right + 14) % 14);
  const Tensor test = rows_of(digits.test);
  const InputSource sources[] = {InputSource::noise, InputSource::orbit_augmented, InputSource::dataset};
  std::vector<double> errors;
  for (const InputSource source : sources) {
    const auto student =
        make_student(StudentKind::linear, student_sizes(teacher, CloneMode::fixed_tau), key.split("source"));
    CloneOptions clone{.mode = CloneMode::fixed_tau,
                       .source = source,
                       .dataset = source == InputSource::noise ? Tensor() : rows_of(digits.train),
                       .optimizer = CloneOptimizer::adam,
                       .learning_rate = 1e-2};
    clone.stop = {.nmse = 0.0, .steps = 1500};
    clone_layer(*student, teacher, clone);
    const auto h = [&](const Tensor& x) { return student->apply(x); };
    errors.push_back(equivariance_error(h, reshape(test, {-1, 196}), teacher.shift_symmetry(), shifts));
  }
  std::vector<Record> rows;
  for (std::size_t i = 0; i < errors.size(); ++i)
    rows.push_back(row(fmt::format("E on shifted digits, cloned on {}", to_string(sources[i])), errors[i],
                       i == 0 ? "below the next" : "above the one before",
                       i == 0 ? errors[0] < errors[1] : errors[i] > errors[i - 1]));
  return rows;
}

std::vector<Record> measure(const TaskDataOptions& data) {
  const LayerFamily plain({.height = 14, .width = 14, .kernel = 3}), small({.height = 6, .width = 6, .kernel = 3});
  std::vector<Record> rows{rate("factor per step, linear student, 14 x 14, batch 512", StudentKind::linear, plain,
                                CloneMode::fixed_tau, 512, 9),
                           rate("factor per step, hyper-linear student, 6 x 6, batch 128", StudentKind::hyper_linear,
                                small, CloneMode::conditional, 128, 40),
                           marginal("NMSE of the marginal mode, linear", StudentKind::linear,
                                    LayerFamily({.height = 4, .width = 4}), false, 1),
                           marginal("NMSE of the marginal mode behind ReLU", StudentKind::relu_mlp,
                                    LayerFamily({.height = 3, .width = 3, .kernel = 3, .boundary = Boundary::circular}),
                                    true, 1 - 1 / std::numbers::pi)};
  for (const auto& more : {bounds(), sources(data)}) rows.insert(rows.end(), more.begin(), more.end());
  return rows;
}

}  // namespace

Mnist digits_of_closed_forms(const TaskDataOptions& options) {
  TaskDataOptions few = options;
  few.side = 14;
  few.train_count = options.data.empty() ? 5000 : 10000;
  few.test_count = 256;
  return load_task_digits(at_most_available(few));
}

std::vector<Record> measure_closed_forms(const TaskDataOptions& data, const std::string& data_fingerprint,
                                         const std::filesystem::path& out) {
  const std::filesystem::path file = out / "closed_forms.jsonl";
  const std::string first_line =
      Record{{"data_fingerprint", data_fingerprint}, {"holds", std::string("a word")}}.to_json() + "\n";
  std::vector<Record> rows;
  if (std::filesystem::exists(file)) {
    const std::string text = read_file(file);
    for (std::size_t begin = first_line.size(); text.starts_with(first_line) && begin < text.size();) {
      const std::size_t end = std::min(text.find('\n', begin), text.size());
      rows.push_back(Record::from_json(std::string_view(text).substr(begin, end - begin), file.string()));
      begin = end + 1;
    }
    if (!rows.empty()) return rows;
  }
  rows = measure(data);
  std::string text = first_line;
  for (const Record& record : rows) text += record.to_json() + "\n";
  write_file_atomically(file, text);
  return rows;
}

}  // namespace orbitgrad::experiments
