// The transforms of O and Oh with their programs known to the compiler: every sum stays in a register as long as there
// is one, nothing is decoded. The programs are those of groups/irrep_frame.hpp (frame_tables.hpp holds them, a test
// compares), and so are the bits; any other transform runs as FrameProgram.
#pragma once

#include <utility>

#include "kernels/group_conv3d/frame_program.hpp"
#include "kernels/group_conv3d/frame_tables.hpp"

namespace orbitgrad::kernels::cpu {

/// As FrameProgram::run of the coordinates.
template <class T>
using FrameKernel = void(const ProgramInputs<T>&, const TapRow<T>* outputs);

/// One vector of a * sign, whose sign the compiler knows.
template <int sign, class V>
[[gnu::always_inline]] inline V signed_value(V value) {
  return sign < 0 ? -value : value;
}

template <const auto& table, std::size_t i, class T>
[[gnu::always_inline]] inline void run_step(Vector<T>* value) {
  constexpr StaticStep step = table.steps[i];
  const Vector<T> a = value[step.a], b = value[step.b];
  Vector<T>& result = value[table.order + i];
  if constexpr (step.c >= 0)
    result = symmetric_sum<T>(a, signed_value<step.sign_b>(b), signed_value<step.sign_c>(value[step.c]));
  else
    result = step.sign_b > 0 ? a + b : a - b;
}

template <const auto& table, std::size_t i, class T>
[[gnu::always_inline]] inline Vector<T> output_value(const Vector<T>* value) {
  constexpr StaticOutput output = table.outputs[i];
  Vector<T> sum = value[output.value[0]];
  if constexpr (output.factor[0] == -1) sum = -sum;
  if constexpr (output.factor[0] != 1 && output.factor[0] != -1) sum = broadcast(T{output.factor[0]}) * sum;
  if constexpr (output.factor[1] != 0)
    sum = multiply_add(broadcast(static_cast<T>(output.factor[1])), value[output.value[1]], sum);
  if constexpr (output.factor[2] != 0)
    sum = multiply_add(broadcast(static_cast<T>(output.factor[2])), value[output.value[2]], sum);
  return sum;
}

template <const auto& table, class T>
void frame_kernel(const ProgramInputs<T>& inputs, const TapRow<T>* outputs) {
  constexpr std::size_t order = table.order, steps = table.steps.size(), count = table.outputs.size();
  for (std::int64_t t = 0; t < inputs.taps; ++t) {
    const std::int64_t* const offset = inputs.offset + t * static_cast<std::int64_t>(order);
    for (int half = 0; half < 2; ++half) {
      const T* const data = inputs.data + inputs.place[half];
      Vector<T> value[order + steps];
      [&]<std::size_t... i>(std::index_sequence<i...>) { ((value[i] = load(data + offset[i])), ...); }
      (std::make_index_sequence<order>());
      [&]<std::size_t... i>(std::index_sequence<i...>) { (run_step<table, i, T>(value), ...); }
      (std::make_index_sequence<steps>());
      [&]<std::size_t... i>(std::index_sequence<i...>) {
        (store(outputs[i].at(t) + half * lanes<T>, output_value<table, i, T>(value)), ...);
      }
      (std::make_index_sequence<count>());
    }
  }
}

/// True if the table is the program of this transform, with its coordinates.
template <const auto& table>
bool is_program_of(const FrameTransform& transform) {
  if (transform.order != static_cast<std::int64_t>(table.order) || transform.steps.size() != table.steps.size())
    return false;
  for (std::size_t i = 0; i < table.steps.size(); ++i) {
    const FrameStep& step = transform.steps[i];
    const StaticStep& known = table.steps[i];
    if (step.a != known.a || step.b != known.b || step.sign_b != known.sign_b || (step.c < 0) != (known.c < 0) ||
        (step.c >= 0 && (step.c != known.c || step.sign_c != known.sign_c)))
      return false;
  }
  std::size_t output = 0;
  for (const FrameBlock& block : transform.blocks)
    for (std::int64_t f = 0; f < block.size; ++f)
      for (std::int64_t j = 0; j < block.degree; ++j, ++output) {
        std::size_t term = 0;
        if (output == table.outputs.size()) return false;
        const StaticOutput& known = table.outputs[output];
        for (std::int64_t from = 0; from < block.size; ++from) {
          const auto sum = static_cast<std::size_t>(f * block.size + from);
          const double factor =
              block.coordinates[static_cast<std::size_t>(from * block.degree + j)] * block.sum_sign[sum];
          if (factor == 0) continue;
          if (term == 3 || known.value[term] != block.sum[sum] || known.factor[term] != factor) return false;
          ++term;
        }
        if (term < 3 && known.factor[term] != 0) return false;
      }
  return output == table.outputs.size();
}

/// The kernel of a transform; null: there is none.
template <class T>
FrameKernel<T>* frame_kernel_of(const FrameTransform& transform) {
  if (is_program_of<octahedral_table>(transform)) return frame_kernel<octahedral_table, T>;
  if (is_program_of<full_octahedral_table>(transform)) return frame_kernel<full_octahedral_table, T>;
  return nullptr;
}

extern template FrameKernel<float>* frame_kernel_of(const FrameTransform&);
extern template FrameKernel<double>* frame_kernel_of(const FrameTransform&);

}  // namespace orbitgrad::kernels::cpu
