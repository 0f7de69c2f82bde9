// The program of a group transform as it runs on a tile: steps that read the same values become one butterfly of two or
// four, so that most sums never leave the registers, inputs are read where they lie, and a sum that is an output goes
// straight to its place. The values are those of FrameTransform::steps, to the bit.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "kernels/gemm/micro_kernel.hpp"
#include "kernels/group_conv3d/group_conv3d.hpp"

namespace orbitgrad::kernels::cpu {

/// Where a row goes: the two vectors of tap t follow each other from data + t step on.
template <class T>
struct TapRow {
  T* data;
  std::int64_t step;
  T* at(std::int64_t t) const { return data + t * step; }
};

/// The rows that a program reads, two vectors for each tap: input s of tap t lies at data + offset[t order + s], its
/// vectors from there on at place[0] and place[1].
template <class T>
struct ProgramInputs {
  const T* data;
  const std::int64_t* offset;
  std::int64_t place[2];
  std::int64_t taps;
};

/// a + b + c with bits that do not depend on their order; a sum of negated terms is the negated sum.
template <class T>
[[gnu::always_inline]] inline Vector<T> symmetric_sum(Vector<T> a, Vector<T> b, Vector<T> c) {
  const auto sort = [](Vector<T>& low, Vector<T>& high) {
    const auto in_order = low < high;
    const Vector<T> first = in_order ? low : high, second = in_order ? high : low;
    low = first, high = second;
  };
  sort(a, b);
  sort(b, c);
  sort(a, b);
  return (a + c) + b;
}

template <class T>
class FrameProgram {
 public:
  /// Which outputs [block][f][j]: sum_f' P[f, f'] factors[f', j] with the coordinates, or with the gram matrix.
  enum class Factors { coordinates, gram };

  FrameProgram(const FrameTransform& transform, Factors factors);

  /// Rows that `scratch` of run must have.
  std::int64_t scratch_rows() const { return slots_; }
  std::int64_t outputs() const { return outputs_; }

  /// Outputs are rows in the order above, from their tap `first` on; scratch has scratch_rows() rows of two vectors for
  /// each tap.
  void run(const ProgramInputs<T>& inputs, const TapRow<T>* outputs, std::int64_t first, T* scratch) const;

 private:
  enum class Kind { four, two, sum, symmetric };
  struct Target {  // a scratch row, or an output
    std::int32_t row;
    bool is_output;
    T sign;
  };
  struct Instruction {
    Kind kind;
    std::vector<std::int32_t> from;  // values, then rows: inputs if from_inputs, else of scratch
    std::vector<std::int32_t> to;    // values
    std::vector<Target> targets;
    T sign_b = 1, sign_c = 1;
    bool from_inputs = false;
  };
  struct Term {
    std::int32_t row;
    T factor;
  };
  struct LongOutput {  // several terms, or a value that others read too
    std::int32_t output;
    std::vector<Term> terms;
  };

  template <int Operands, class Body>
  [[gnu::always_inline]] void sweep(const std::int32_t* from, bool from_inputs, const ProgramInputs<T>& inputs,
                                    const T* scratch, Body&& body) const;
  void fuse(const FrameTransform& transform, std::vector<std::int32_t>& uses);
  void schedule(std::int64_t order);

  std::vector<Instruction> instructions_;
  std::vector<LongOutput> long_outputs_;
  std::vector<std::int32_t> copied_inputs_;
  std::int64_t order_, outputs_ = 0, slots_ = 0;
};

/// Pairs of steps a + b and a - b become butterflies, and four butterflies whose middle nobody else reads one of four.
template <class T>
void FrameProgram<T>::fuse(const FrameTransform& transform, std::vector<std::int32_t>& uses) {
  const auto order = static_cast<std::int32_t>(transform.order);
  struct Pair {
    std::int32_t a, b, sum, difference;
    bool taken = false;
  };
  std::vector<Pair> pairs;
  std::map<std::pair<std::int32_t, std::int32_t>, std::int32_t> sums;
  for (std::size_t i = 0; i < transform.steps.size(); ++i) {
    const FrameStep& step = transform.steps[i];
    if (step.c < 0 && step.sign_b > 0) sums[{step.a, step.b}] = order + static_cast<std::int32_t>(i);
  }
  std::vector<bool> fused(transform.steps.size());
  for (std::size_t i = 0; i < transform.steps.size(); ++i) {
    const FrameStep& step = transform.steps[i];
    const auto found = sums.find({step.a, step.b});
    if (step.c >= 0 || step.sign_b > 0 || found == sums.end()) continue;
    pairs.push_back({step.a, step.b, found->second, order + static_cast<std::int32_t>(i)});
    fused[i] = fused[static_cast<std::size_t>(found->second - order)] = true;
  }
  const auto pair_of = [&](std::int32_t a, std::int32_t b) -> Pair* {
    for (Pair& pair : pairs)
      if (pair.a == a && pair.b == b && !pair.taken) return &pair;
    return nullptr;
  };
  const auto is_inner = [&](const Pair& pair) {
    return uses[static_cast<std::size_t>(pair.sum)] == 2 && uses[static_cast<std::size_t>(pair.difference)] == 2;
  };
  for (Pair& left : pairs)
    for (Pair& right : pairs) {
      if (&left == &right || left.taken || right.taken || !is_inner(left) || !is_inner(right)) continue;
      Pair *sum = pair_of(left.sum, right.sum), *difference = pair_of(left.difference, right.difference);
      if (sum == nullptr || difference == nullptr) continue;
      left.taken = right.taken = sum->taken = difference->taken = true;
      instructions_.push_back({Kind::four,
                               {left.a, left.b, right.a, right.b},
                               {sum->sum, difference->sum, sum->difference, difference->difference},
                               {}});
    }
  for (const Pair& pair : pairs)
    if (!pair.taken) instructions_.push_back({Kind::two, {pair.a, pair.b}, {pair.sum, pair.difference}, {}});
  for (std::size_t i = 0; i < transform.steps.size(); ++i) {
    if (fused[i]) continue;
    const FrameStep& step = transform.steps[i];
    Instruction instruction{step.c < 0 ? Kind::sum : Kind::symmetric,
                            {step.a, step.b},
                            {order + static_cast<std::int32_t>(i)},
                            {},
                            static_cast<T>(step.sign_b),
                            static_cast<T>(step.sign_c)};
    if (step.c >= 0) instruction.from.push_back(step.c);
    instructions_.push_back(std::move(instruction));
  }
}

/// In an order in which everything is made before it is read.
template <class T>
void FrameProgram<T>::schedule(std::int64_t order) {
  std::vector<Instruction> sorted;
  std::vector<bool> made, done(instructions_.size());
  const auto is_made = [&](std::int32_t value) {
    return value < order || (static_cast<std::size_t>(value) < made.size() && made[static_cast<std::size_t>(value)]);
  };
  while (sorted.size() < instructions_.size())
    for (std::size_t i = 0; i < instructions_.size(); ++i) {
      if (done[i] || !std::all_of(instructions_[i].from.begin(), instructions_[i].from.end(), is_made)) continue;
      done[i] = true;
      for (const std::int32_t value : instructions_[i].to) {
        made.resize(std::max(made.size(), static_cast<std::size_t>(value) + 1));
        made[static_cast<std::size_t>(value)] = true;
      }
      sorted.push_back(instructions_[i]);
    }
  instructions_ = std::move(sorted);
}

template <class T>
FrameProgram<T>::FrameProgram(const FrameTransform& transform, Factors factors) : order_(transform.order) {
  const std::int64_t values = transform.order + static_cast<std::int64_t>(transform.steps.size());
  std::vector<std::int32_t> uses(static_cast<std::size_t>(values));
  for (const FrameStep& step : transform.steps)
    for (const std::int32_t value : {step.a, step.b, step.c})
      if (value >= 0) ++uses[static_cast<std::size_t>(value)];
  std::int32_t outputs = 0;
  for (const FrameBlock& block : transform.blocks)
    for (std::int64_t f = 0; f < block.size; ++f)
      for (std::int64_t j = 0; j < block.degree; ++j) {
        LongOutput output{outputs++, {}};
        for (std::int64_t from = 0; from < block.size; ++from) {
          const auto at = static_cast<std::size_t>(from * block.degree + j);
          const double factor = factors == Factors::gram ? block.gram[at] : block.coordinates[at];
          const auto sum = static_cast<std::size_t>(f * block.size + from);
          if (factor == 0) continue;
          output.terms.push_back({block.sum[sum], static_cast<T>(factor * block.sum_sign[sum])});
          ++uses[static_cast<std::size_t>(block.sum[sum])];
        }
        long_outputs_.push_back(std::move(output));
      }
  outputs_ = outputs;
  fuse(transform, uses);
  schedule(transform.order);

  // A value whose one reader is an output of one term is made there.
  std::vector<std::optional<Target>> direct(static_cast<std::size_t>(values));
  std::vector<bool> is_of_four(static_cast<std::size_t>(values));
  for (const Instruction& instruction : instructions_)
    for (const std::int32_t value : instruction.to)
      is_of_four[static_cast<std::size_t>(value)] = instruction.kind == Kind::four;
  std::vector<LongOutput> remaining;
  for (LongOutput& output : long_outputs_) {
    const Term& term = output.terms[0];
    const auto value = static_cast<std::size_t>(term.row);
    if (output.terms.size() == 1 && uses[value] == 1 && term.row >= transform.order && !is_of_four[value] &&
        (term.factor == 1 || term.factor == -1))
      direct[value] = Target{output.output, true, term.factor};
    else
      remaining.push_back(std::move(output));
  }
  long_outputs_ = std::move(remaining);

  // Scratch rows. Inputs that others than the first butterflies read are copied there.
  std::vector<std::int32_t> slot(static_cast<std::size_t>(values), -1);
  const auto slot_of = [&](std::int32_t value) {
    std::int32_t& row = slot[static_cast<std::size_t>(value)];
    if (row < 0) row = static_cast<std::int32_t>(slots_++);
    return row;
  };
  const auto is_input = [&](std::int32_t value) { return value < transform.order; };
  for (Instruction& instruction : instructions_) {
    instruction.from_inputs = std::all_of(instruction.from.begin(), instruction.from.end(), is_input);
    if (!instruction.from_inputs)
      for (std::int32_t& value : instruction.from) value = slot_of(value);
    for (const std::int32_t value : instruction.to) {
      const auto& target = direct[static_cast<std::size_t>(value)];
      instruction.targets.push_back(target ? *target : Target{slot_of(value), false, T{1}});
    }
  }
  for (LongOutput& output : long_outputs_)
    for (Term& term : output.terms) term.row = slot_of(term.row);
  copied_inputs_.assign(slot.begin(), slot.begin() + transform.order);
}

/// Calls body(tap, half, values) for all vectors. Numbers are copied out of memory first: a store of a vector may
/// change anything that the compiler knows of.
template <class T>
template <int Operands, class Body>
inline void FrameProgram<T>::sweep(const std::int32_t* from, bool from_inputs, const ProgramInputs<T>& inputs,
                                   const T* scratch, Body&& body) const {
  const std::int64_t taps = inputs.taps, order = order_;
  const T* row[Operands];
  Vector<T> low[Operands], high[Operands];
  if (from_inputs) {
    const std::int64_t first = inputs.place[0], second = inputs.place[1];
    const std::int64_t* offset = inputs.offset;
    const T* const data = inputs.data;
    std::int32_t input[Operands];
    for (int i = 0; i < Operands; ++i) input[i] = from[i];
    for (std::int64_t t = 0; t < taps; ++t, offset += order) {
#pragma GCC unroll 4
      for (int i = 0; i < Operands; ++i) {
        row[i] = data + offset[input[i]];
        low[i] = load(row[i] + first), high[i] = load(row[i] + second);
      }
      body(t, 0, low);
      body(t, 1, high);
    }
    return;
  }
  constexpr std::int64_t step = 2 * lanes<T>;
  for (int i = 0; i < Operands; ++i) row[i] = scratch + from[i] * taps * step;
  for (std::int64_t t = 0; t < taps; ++t) {
#pragma GCC unroll 4
    for (int i = 0; i < Operands; ++i) low[i] = load(row[i] + t * step), high[i] = load(row[i] + t * step + lanes<T>);
    body(t, 0, low);
    body(t, 1, high);
  }
}

template <class T>
void FrameProgram<T>::run(const ProgramInputs<T>& inputs, const TapRow<T>* outputs, std::int64_t first_tap,
                          T* scratch) const {
  constexpr std::int64_t step = 2 * lanes<T>;
  const std::int64_t taps = inputs.taps;
  const auto scratch_row = [&](std::int32_t row) { return TapRow<T>{scratch + row * taps * step, step}; };
  const auto output_row = [&](std::int32_t row) { return TapRow<T>{outputs[row].at(first_tap), outputs[row].step}; };
  for (std::size_t i = 0; i < copied_inputs_.size(); ++i)
    if (copied_inputs_[i] >= 0) {
      const auto from = static_cast<std::int32_t>(i);
      const TapRow<T> to = scratch_row(copied_inputs_[i]);
      sweep<1>(&from, true, inputs, scratch,
               [=](std::int64_t t, int half, const Vector<T>* in) { store(to.at(t) + half * lanes<T>, in[0]); });
    }
  for (const Instruction& instruction : instructions_) {
    const std::int32_t* const from = instruction.from.data();
    const bool from_inputs = instruction.from_inputs;
    const auto sink = [&](std::size_t i) {
      const Target& target = instruction.targets[i];
      return target.is_output ? output_row(target.row) : scratch_row(target.row);
    };
    const TapRow<T> to = sink(0);
    const Vector<T> sign = broadcast(instruction.targets[0].sign);
    switch (instruction.kind) {
      case Kind::four: {  // all of it to scratch
        T *first = to.data, *second = sink(1).data, *third = sink(2).data, *fourth = sink(3).data;
        sweep<4>(from, from_inputs, inputs, scratch, [=](std::int64_t t, int half, const Vector<T>* in) {
          const std::int64_t at = t * step + half * lanes<T>;
          const Vector<T> left = in[0] + in[1], left_difference = in[0] - in[1];
          const Vector<T> right = in[2] + in[3], right_difference = in[2] - in[3];
          store(first + at, left + right);
          store(second + at, left_difference + right_difference);
          store(third + at, left - right);
          store(fourth + at, left_difference - right_difference);
        });
        break;
      }
      case Kind::two: {
        const TapRow<T> other = sink(1);
        const Vector<T> other_sign = broadcast(instruction.targets[1].sign);
        sweep<2>(from, from_inputs, inputs, scratch, [=](std::int64_t t, int half, const Vector<T>* in) {
          store(to.at(t) + half * lanes<T>, sign * (in[0] + in[1]));
          store(other.at(t) + half * lanes<T>, other_sign * (in[0] - in[1]));
        });
        break;
      }
      case Kind::sum: {
        const Vector<T> sign_b = broadcast(instruction.sign_b);
        sweep<2>(from, from_inputs, inputs, scratch, [=](std::int64_t t, int half, const Vector<T>* in) {
          store(to.at(t) + half * lanes<T>, sign * (in[0] + sign_b * in[1]));
        });
        break;
      }
      case Kind::symmetric: {
        const Vector<T> sign_b = broadcast(instruction.sign_b), sign_c = broadcast(instruction.sign_c);
        sweep<3>(from, from_inputs, inputs, scratch, [=](std::int64_t t, int half, const Vector<T>* in) {
          store(to.at(t) + half * lanes<T>, sign * symmetric_sum<T>(in[0], sign_b * in[1], sign_c * in[2]));
        });
        break;
      }
    }
  }
  for (const LongOutput& output : long_outputs_) {
    const TapRow<T> to = output_row(output.output);
    for (std::int64_t t = 0; t < taps; ++t)
      for (int half = 0; half < 2; ++half) {
        const T* from = scratch + t * step + half * lanes<T>;
        Vector<T> sum = broadcast(output.terms[0].factor) * load(from + output.terms[0].row * taps * step);
        for (std::size_t i = 1; i < output.terms.size(); ++i)
          sum = multiply_add(broadcast(output.terms[i].factor), load(from + output.terms[i].row * taps * step), sum);
        store(to.at(t) + half * lanes<T>, sum);
      }
  }
}

}  // namespace orbitgrad::kernels::cpu
