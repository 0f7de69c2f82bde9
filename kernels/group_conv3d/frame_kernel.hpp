// The transforms of O and Oh with their programs known to the compiler: every sum stays in a register as long as there
// is one, nothing is decoded. The programs are those of groups/irrep_frame.hpp (frame_tables.hpp holds them, a test
// compares), and so are the bits; any other transform runs as FrameProgram.
#pragma once

#include <utility>

#include "kernels/group_conv3d/frame_panels.hpp"
#include "kernels/group_conv3d/frame_program.hpp"
#include "kernels/group_conv3d/frame_tables.hpp"

namespace orbitgrad::kernels::cpu {

/// As FrameProgram::run of the coordinates, into panels (frame_panels.hpp) from their tap `first` on.
template <class T>
using FrameKernel = void(const ProgramInputs<T>&, std::int64_t first, T* panels);

struct FrameAction {
  enum class Kind : std::uint8_t { read, step, write };
  Kind kind;
  std::int16_t index;  // of an input, a step or an output
};

/// The program in an order that keeps few values at a time: the next step is the one that adds the fewest to them, an
/// input is read when it is first needed, an output is written as soon as its values are there.
template <const auto& table>
constexpr auto frame_schedule() {
  constexpr std::size_t order = table.order, steps = table.steps.size(), outputs = table.outputs.size();
  std::array<FrameAction, order + steps + outputs> actions{};
  std::array<int, order + steps> readers{};
  std::array<bool, order + steps> is_there{};
  std::array<bool, steps> is_done{};
  std::array<bool, outputs> is_written{};
  std::size_t next = 0;
  const auto act = [&](FrameAction::Kind kind, std::size_t index) {
    actions[next++] = {kind, static_cast<std::int16_t>(index)};
  };
  const auto for_operands = [](std::size_t step, auto&& visit) {
    for (const std::int16_t value : {table.steps[step].a, table.steps[step].b, table.steps[step].c})
      if (value >= 0) visit(static_cast<std::size_t>(value));
  };
  const auto for_terms = [](std::size_t output, auto&& visit) {
    for (std::size_t i = 0; i < 3; ++i)
      if (table.outputs[output].factor[i] != 0) visit(static_cast<std::size_t>(table.outputs[output].value[i]));
  };
  for (std::size_t i = 0; i < steps; ++i) for_operands(i, [&](std::size_t value) { ++readers[value]; });
  for (std::size_t i = 0; i < outputs; ++i) for_terms(i, [&](std::size_t value) { ++readers[value]; });
  for (std::size_t count = 0; count < steps; ++count) {
    std::size_t best = steps;
    int fewest = 0;
    for (std::size_t i = 0; i < steps; ++i) {
      if (is_done[i]) continue;
      bool is_ready = true;
      int added = 0;
      for_operands(i, [&](std::size_t value) {
        is_ready = is_ready && (value < order || is_there[value]);
        added += (is_there[value] ? 0 : 1) - (readers[value] == 1 ? 1 : 0);
      });
      if (is_ready && (best == steps || added <= fewest)) best = i, fewest = added;
    }
    for_operands(best, [&](std::size_t value) {
      if (!is_there[value]) act(FrameAction::Kind::read, value);
      is_there[value] = true;
      --readers[value];
    });
    act(FrameAction::Kind::step, best);
    is_done[best] = is_there[order + best] = true;
    for (std::size_t i = 0; i < outputs; ++i) {
      bool is_ready = !is_written[i];
      for_terms(i, [&](std::size_t value) { is_ready = is_ready && is_there[value]; });
      if (!is_ready) continue;
      act(FrameAction::Kind::write, i);
      is_written[i] = true;
      for_terms(i, [&](std::size_t value) { --readers[value]; });
    }
  }
  return actions;
}

/// Where the outputs go, in their order.
template <const auto& table>
constexpr auto static_panel_rows() {
  std::array<PanelRow, table.outputs.size()> rows{};
  std::size_t next = 0;
  std::int64_t base = 0;
  for (const StaticBlock& block : table.blocks)
    for (int f = 0; f < block.size; ++f, base += taps_at_a_time * block.degree)
      for (int j = 0; j < block.degree; ++j) rows[next++] = {base + j, block.degree};
  return rows;
}

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

template <const auto& table>
inline constexpr auto frame_actions = frame_schedule<table>();
template <const auto& table>
inline constexpr auto frame_panel_rows = static_panel_rows<table>();

template <const auto& table, class T>
void frame_kernel(const ProgramInputs<T>& inputs, std::int64_t first, T* panels) {
  constexpr std::size_t order = table.order, steps = table.steps.size();
  const std::int64_t end = first + inputs.taps;
  const std::int64_t* offset = inputs.offset;
  const T* const data[2] = {inputs.data + inputs.place[0], inputs.data + inputs.place[1]};
  for (std::int64_t t = first; t < end; ++t, offset += order)
    for (int half = 0; half < 2; ++half) {
      const T* const from = data[half];
      T* const to[3] = {panels + (t * tile_columns<T> + half * lanes<T>),
                        panels + (2 * t * tile_columns<T> + half * lanes<T>),
                        panels + (3 * t * tile_columns<T> + half * lanes<T>)};  // by the degree of the block
      Vector<T> value[order + steps];
      const auto act = [&]<std::size_t i>(std::integral_constant<std::size_t, i>) __attribute__((always_inline)) {
        constexpr FrameAction action = frame_actions<table>[i];
        constexpr auto index = static_cast<std::size_t>(action.index);
        if constexpr (action.kind == FrameAction::Kind::read) {
          value[index] = load(from + offset[index]);
        } else if constexpr (action.kind == FrameAction::Kind::step) {
          run_step<table, index, T>(value);
        } else {
          constexpr PanelRow row = frame_panel_rows<table>[index];
          T* const target = to[row.step - 1] + row.first * tile_columns<T>;
          store(target, output_value<table, index, T>(value));
          // The same row of the next tap: rows lie in the second-level cache, and stores wait for their lines in turn.
          __builtin_prefetch(target + row.step * tile_columns<T>, 1);
        }
      };
      [&]<std::size_t... i>(std::index_sequence<i...>) __attribute__((always_inline)) {
        (act(std::integral_constant<std::size_t, i>{}), ...);
      }
      (std::make_index_sequence<frame_actions<table>.size()>());
    }
}

/// True if the table is the program of this transform, with its coordinates.
template <const auto& table>
bool is_program_of(const FrameTransform& transform) {
  if (transform.order != static_cast<std::int64_t>(table.order) || transform.steps.size() != table.steps.size() ||
      transform.blocks.size() != table.blocks.size())
    return false;
  for (std::size_t i = 0; i < table.blocks.size(); ++i)
    if (transform.blocks[i].degree != table.blocks[i].degree || transform.blocks[i].size != table.blocks[i].size)
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
