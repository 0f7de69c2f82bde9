// What a reproduction has to show: the clone follows its teacher where the symmetry holds, and leaves the ceiling of
// invariance behind where it does not, the more so the less lambda holds it.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <optional>

#include "experiments/symmetry_cloning/report_plots.hpp"

namespace orbitgrad::experiments {

namespace {

std::string word(bool holds) { return holds ? "yes" : "no"; }

/// The 97.5 % quantile of Student's t for a mean of `count` values; that of 30 for more.
double student_quantile(std::int64_t count) {
  constexpr std::array quantiles{12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
                                 2.201,  2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
                                 2.080,  2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045};
  return quantiles[std::min(static_cast<std::size_t>(count) - 2, quantiles.size() - 1)];
}

class Judge {
 public:
  explicit Judge(const std::vector<Record>& cells) : cells_(cells), groups_(groups_of(cells)) {}

  /// Accuracy on moved digits, in percent; nothing if the cells did not run.
  std::optional<double> moved(const std::string& task, const std::string& mode, double lambda = 0) const {
    return measure(task, mode, lambda, "accuracy_moved", 100);
  }
  std::optional<double> measure(const std::string& task, const std::string& mode, double lambda,
                                const std::string& name, double unit) const {
    for (const Group& group : groups_) {
      const bool is_main = group.student.empty() || group.student == "hyper_linear";
      if (group.task != task || group.mode != mode || group.lambda != lambda || !is_main) continue;
      const Statistic value = statistic_of(cells_, group, name);
      if (value.count > 0) return unit * value.mean;
    }
    return {};
  }
  /// Accuracy of `mode` less that of `reference` on moved digits, in points, over the seeds that have both: they start
  /// from the same filters, biases and head and see the same batches.
  Statistic paired_difference(const std::string& task, const std::string& mode, const std::string& reference) const {
    std::map<std::int64_t, double> of_mode, of_reference;
    for (const Record& cell : cells_) {
      const bool is_main = !cloning_mode(cell.text("mode")).has_students || cell.text("student") == "hyper_linear";
      if (cell.text("experiment") != "cloning/" + task || !is_main || cell.number("lambda") != 0) continue;
      if (cell.text("mode") == mode) of_mode[cell.integer("seed")] = cell.number("accuracy_moved");
      if (cell.text("mode") == reference) of_reference[cell.integer("seed")] = cell.number("accuracy_moved");
    }
    std::vector<Record> pairs;
    for (const auto& [seed, accuracy] : of_mode)
      if (const auto found = of_reference.find(seed); found != of_reference.end())
        pairs.push_back({{"difference", 100 * (accuracy - found->second)}});
    std::vector<const Record*> all;
    for (const Record& pair : pairs) all.push_back(&pair);
    return statistic_of(all, "difference");
  }
  /// Largest deviation of a share of the test digits, in points.
  double deviation_of_share() const {
    if (cells_.empty()) return 0;
    const double digits = cells_.front().number("test_digits");
    return 50 / std::sqrt(digits > 0 ? digits : 10000);
  }
  bool has(const char* setting) const {
    const Value* value = cells_.empty() ? nullptr : cells_.front().find(setting);
    return value != nullptr && *value == Value(true);
  }
  /// Whether the teacher is invariant under the moves of the task up to the last bit. Zero padding and pooling tell a
  /// shifted digit's place.
  bool is_exact(const CloningTask& task) const {
    if (task.group != "c4") return has("strict") && has("wrap");
    for (const Record& cell : cells_)
      if (cell.text("experiment") == "cloning/" + task.name && !cell.text("group").starts_with("p4")) return false;
    return true;
  }
  std::vector<double> lambdas(const std::string& task) const {
    std::vector<double> found;
    for (const Group& group : groups_)
      if (group.task == task && group.mode == "kl_weight" && group.student == "hyper_linear")
        found.push_back(group.lambda);
    std::ranges::sort(found);
    return found;
  }
  void add(const std::string& what, double measured, const std::string& expected, const std::string& holds) {
    rows_.push_back({{"what", what}, {"measured", measured}, {"expected", expected}, {"holds", holds}});
  }
  void add(const std::string& what, double measured, const std::string& expected, bool holds) {
    add(what, measured, expected, word(holds));
  }
  std::vector<Record> rows() { return std::move(rows_); }

 private:
  const std::vector<Record>& cells_;
  std::vector<Group> groups_;
  std::vector<Record> rows_;
};

void judge_symmetric(Judge& judge, const std::string& task) {
  const auto frozen = judge.moved(task, "frozen"), init = judge.moved(task, "init"), mlp = judge.moved(task, "mlp"),
             random = judge.moved(task, "random");
  if (const Statistic gap = judge.paired_difference(task, "frozen", "teacher"); gap.count > 0) {
    // Rounding alone parts two trainings by points: a mean over few seeds may not decide.
    const double half = half_interval(gap);
    judge.add(task + ": frozen clone minus teacher, moved, points, by seed", gap.mean,
              gap.count < 2 ? std::string("within 1; one pair decides nothing")
                            : fmt::format("within 1, as all of the 95 % interval of {} pairs, {:.2f} to {:.2f}",
                                          gap.count, gap.mean - half, gap.mean + half),
              within_bound(gap, 1));
  }
  if (frozen && mlp)
    judge.add(task + ": frozen clone minus MLP, moved, points", *frozen - *mlp, "far above 0", *frozen - *mlp > 5);
  if (frozen && random)
    judge.add(task + ": frozen clone minus the same layers not cloned, moved, points", *frozen - *random, "above 0",
              *frozen > *random);
  if (frozen && init && random)
    judge.add(task + ": init without divergence, moved, %", *init,
              fmt::format("between {:.2f} (random) and {:.2f} (frozen)", *random, *frozen),
              std::min(*random, *frozen) <= *init && *init <= std::max(*random, *frozen));
}

void judge_breaking(Judge& judge, const std::string& task) {
  const auto ceiling = judge.measure(task, "frozen", 0, "ceiling", 100), teacher = judge.moved(task, "teacher");
  if (!ceiling) return;
  const double deviation = judge.deviation_of_share(), sampling = 2 * deviation;  // of the moves drawn
  constexpr double trained = 0.8;  // of the ceiling: a network that learned little is below it, whatever it knows
  const bool binds = judge.is_exact(cloning_task(task));
  for (const char* mode : {"frozen", "teacher"})
    if (const auto value = judge.moved(task, mode); value && binds)
      judge.add(fmt::format("{}: {}, moved, %", task, mode), *value,
                fmt::format("at most {:.2f}, within {:.2g}; reached {:.0f} % of it, to decide {:.0f}", *ceiling,
                            sampling, 100 * *value / *ceiling, 100 * trained),
                *value >= trained * *ceiling ? word(*value <= *ceiling + sampling) : "undecided");
  const double bar = binds || !teacher ? *ceiling : std::max(*ceiling, *teacher);
  const std::string above =
      fmt::format("clearly above {:.2f}{}", bar, binds ? "" : " (ceiling or teacher; --strict has the exact ceiling)");
  const auto lambdas = judge.lambdas(task);
  if (const auto value = judge.moved(task, "init"))
    judge.add(task + ": init, moved, %", *value, above, *value > bar + 3);
  if (lambdas.empty()) return;
  if (const auto value = judge.moved(task, "kl_weight", lambdas.front()))
    judge.add(fmt::format("{}: kl_weight with lambda {:g}, moved, %", task, lambdas.front()), *value, above,
              *value > bar + 3);
  const auto falls = [&](const char* what, const std::string& name, double unit, double chance) {
    const auto first = judge.measure(task, "kl_weight", lambdas.front(), name, unit),
               last = judge.measure(task, "kl_weight", lambdas.back(), name, unit);
    if (lambdas.size() < 2 || !first || !last) return;
    judge.add(fmt::format("{}: change of {} from the smallest lambda to the largest", task, what), *last - *first,
              "below 0", *last < *first);
    double largest_rise = -1e9;
    for (std::size_t i = 0; i + 1 < lambdas.size(); ++i) {
      const auto low = judge.measure(task, "kl_weight", lambdas[i], name, unit),
                 high = judge.measure(task, "kl_weight", lambdas[i + 1], name, unit);
      if (low && high) largest_rise = std::max(largest_rise, *high - *low);
    }
    judge.add(fmt::format("{}: largest change of {} from one lambda to the next larger", task, what), largest_rise,
              fmt::format("below {:.2g}: it falls throughout{}", chance, chance > 0 ? ", up to chance" : ""),
              largest_rise < chance);
  };
  falls("accuracy on moved digits, points", "accuracy_moved", 100, deviation);
  falls("delta of layer 1", "delta_after_1", 1, 0);
}

}  // namespace

double half_interval(const Statistic& value) {
  if (value.count < 2) return std::numeric_limits<double>::infinity();
  return student_quantile(value.count) * value.deviation / std::sqrt(static_cast<double>(value.count));
}

std::string within_bound(const Statistic& value, double bound) {
  if (value.count < 2) return "undecided";
  const double half = half_interval(value), mean = std::abs(value.mean);
  return mean + half <= bound ? "yes" : mean - half > bound ? "no" : "undecided";
}

std::vector<Record> judge(const std::vector<Record>& cells) {
  Judge judge(cells);
  for (const CloningTask& task : cloning_tasks()) {
    if (task.breaks_symmetry())
      judge_breaking(judge, task.name);
    else
      judge_symmetric(judge, task.name);
  }
  return judge.rows();
}

}  // namespace orbitgrad::experiments
