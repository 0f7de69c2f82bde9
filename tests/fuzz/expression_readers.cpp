#include <array>

#include "engine/catalogue/catalogue.hpp"
#include "engine/observe/memory.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/einsum.hpp"
#include "engine/ops/index.hpp"
#include "engine/precision.hpp"
#include "experiments/name_map.hpp"
#include "groups/group_catalogue.hpp"
#include "groups/representation.hpp"
#include "nn/schedule.hpp"
#include "tests/fuzz/readers.hpp"

namespace orbitgrad::fuzz {

void read_group(std::string_view input) {
  const groups::MatrixGroup group = groups::parse_group(input);
  expect(group.dimension() >= 1, "a group acts on nothing");
}

/// The group, then the expression.
void read_representation(std::string_view input) {
  static const auto all = [] {
    std::vector<groups::MatrixGroup> list;
    for (const char* name : {"SO(3)", "O(2)", "D(4)", "O", "S(3)", "Lorentz", "SU(2)", "Z(5)"})
      list.push_back(groups::parse_group(name));
    return list;
  }();
  Input in(input);
  const groups::MatrixGroup& group = all[in.byte() % all.size()];
  const auto representation = groups::Representation::parse(in.rest(), group);
  const auto again = groups::Representation::parse(representation.to_string(), group);
  expect(again.dimension() == representation.dimension(), "another representation comes back");
  expect(representation.dual().dimension() == representation.dimension(), "the dual has another dimension");
}

/// How many operands, the rank and lengths (1 to 3) of each, the equation.
void read_einsum(std::string_view input) {
  Input in(input);
  std::vector<Tensor> operands(1 + in.byte() % 3);
  for (Tensor& x : operands) {
    const unsigned rank = in.byte() % 5;
    Shape shape;
    for (unsigned axis = 0; axis < rank; ++axis) shape.push_back(1 + in.byte() % 3);
    x = full(shape, 0.5, DType::float64, DeviceKind::cpu);
  }
  (void)einsum(in.rest(), operands);
}

namespace {

/// A small number, or an extreme one.
std::int64_t number_from(Input& in) {
  const unsigned byte = in.byte();
  if (byte < 250) return static_cast<std::int64_t>(byte % 16) - 8;
  constexpr std::array<std::int64_t, 6> extremes = {INT64_MIN,     INT64_MAX, INT64_MIN + 1,
                                                    INT64_MAX - 1, 1LL << 32, -(1LL << 62)};
  return extremes[byte - 250];
}

Tensor positions_from(Input& in) {
  const unsigned rank = in.byte() % 3;
  Shape shape;
  for (unsigned axis = 0; axis < rank; ++axis) shape.push_back(in.byte() % 4);
  std::vector<std::int64_t> values(static_cast<std::size_t>(shape.numel()));
  for (std::int64_t& value : values) value = number_from(in);
  return from_vector(values, shape, DeviceKind::cpu);
}

Tensor mask_from(Input& in) {
  const unsigned rank = in.byte() % 4;
  Shape shape;
  for (unsigned axis = 0; axis < rank; ++axis) shape.push_back(in.byte() % 5);
  return full(shape, in.byte() % 2, DType::boolean, DeviceKind::cpu);
}

}  // namespace

void read_index(std::string_view input) {
  static const Tensor x = full({3, 4, 2}, 0.5, DType::float64, DeviceKind::cpu);
  Input in(input);
  std::vector<Index> indices;
  while (!in.rest().empty()) {
    switch (in.byte() % 6) {
      case 0:
        indices.emplace_back(number_from(in));
        break;
      case 1: {
        Range range;
        const unsigned given = in.byte();
        if ((given & 1) != 0) range.start = number_from(in);
        if ((given & 2) != 0) range.stop = number_from(in);
        if ((given & 4) != 0) range.step = number_from(in);
        indices.emplace_back(range);
        break;
      }
      case 2:
        indices.emplace_back(ellipsis);
        break;
      case 3:
        indices.emplace_back(new_axis);
        break;
      case 4:
        indices.emplace_back(positions_from(in));
        break;
      default:
        indices.emplace_back(mask_from(in));
    }
  }
  const Tensor part = index(x, indices);
  expect(index_put(x, indices, part).shape() == x.shape(), "the shape was changed");
}

/// The map, then names of tensors, one after a zero each.
void read_name_map(std::string_view input) {
  static const Tensor x = full({2}, 0.5, DType::float32, DeviceKind::cpu);
  Input in(input);
  const experiments::NameMap map(in.until('\0'));
  std::map<std::string, Tensor> tensors;
  while (!in.rest().empty()) tensors.emplace(std::string(in.until('\0')), x);
  expect(map.rename(tensors).size() <= tensors.size(), "there are more names than before");
}

/// An op of the catalogue on its example, with settings as texts, one a line: a number below that of its settings and
/// the value, or another character and name=value.
void read_settings_of_op(std::string_view input) {
  observe::set_memory_limit(std::int64_t{1} << 26);
  Input in(input);
  const auto& ops = catalogue::ops();
  const unsigned number = in.byte() << 8;
  const catalogue::Op& op = ops[(number | in.byte()) % ops.size()];
  if (op.examples.empty()) return;
  const catalogue::Example& example = op.examples[in.byte() % op.examples.size()];
  catalogue::Settings settings = example.settings;
  while (!in.rest().empty()) {
    const unsigned setting = in.byte();
    const std::string_view line = in.until('\n');
    if (setting < op.settings.size()) {
      settings[op.settings[setting].name] = std::string(line);
    } else {
      Input parts(line);
      const std::string name(parts.until('='));
      settings[name] = std::string(parts.rest());
    }
  }
  (void)catalogue::run(op, catalogue::example_tensors(op, example), settings);
}

void read_names(std::string_view input) {
  Input in(input);
  const unsigned kind = in.byte() % 5;
  if (kind == 0) (void)observe::parse_bytes(in.rest());
  if (kind == 1) (void)parse_device(in.rest());
  if (kind == 2) (void)parse_precision(in.rest());
  if (kind == 3) (void)nn::schedule_by_name(in.rest(), 0.1)(1, 10);
  if (kind == 4) (void)groups::lattice_group(in.rest());
}

}  // namespace orbitgrad::fuzz
