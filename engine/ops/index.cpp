#include "engine/ops/index.hpp"

#include "engine/autograd/node.hpp"
#include "engine/dispatch.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/row_groups.hpp"
#include "engine/ops/segments.hpp"
#include "engine/ops/transfer.hpp"

namespace orbitgrad {

namespace {

/// An int64 tensor that picks along an axis of the tensor that slicing has left.
struct Positions {
  int axis;
  Tensor index;
  std::size_t entry;  // its number between the brackets
};

bool is_mask(const Index& entry) {
  const Tensor* tensor = std::get_if<Tensor>(&entry);
  return tensor != nullptr && tensor->dtype() == DType::boolean;
}

/// Axes of x that an entry uses up.
int axes_of(const Index& entry) {
  if (std::holds_alternative<Ellipsis>(entry) || std::holds_alternative<NewAxis>(entry)) return 0;
  return is_mask(entry) ? std::get<Tensor>(entry).rank() : 1;
}

/// The entries with the ellipsis, written or implied at the end, as as many full slices as there are axes left.
std::vector<Index> written_out(std::string_view op, const Tensor& x, const std::vector<Index>& indices) {
  int used = 0, ellipses = 0;
  for (const Index& entry : indices) {
    if (const Tensor* tensor = std::get_if<Tensor>(&entry)) {
      require(tensor->defined(), op, "an index is an undefined tensor. Leave it out, or use `every`.");
      require(tensor->dtype() == DType::int64 || tensor->dtype() == DType::boolean, op,
              "a tensor of positions must be int64 or bool, got {}. Convert with to(DType::int64).",
              name(tensor->dtype()));
      require(!is_mask(entry) || tensor->rank() > 0, op,
              "a mask needs at least one axis, got a bool scalar. Use where for all or nothing.");
      require_same_device(op, x, *tensor);
    }
    used += axes_of(entry);
    ellipses += std::holds_alternative<Ellipsis>(entry) ? 1 : 0;
  }
  require(ellipses <= 1, op, "{} ellipses leave open which axes each stands for. Write one.", ellipses);
  require(used <= x.rank(), op, "{} axes are indexed, x {} has {}. Leave some out.", used, x.shape(), x.rank());
  std::vector<Index> result;
  const auto fill = [&] { result.insert(result.end(), static_cast<std::size_t>(x.rank() - used), Index(Range{})); };
  for (const Index& entry : indices)
    if (std::holds_alternative<Ellipsis>(entry) && used < x.rank())
      fill();
    else
      result.push_back(entry);  // an ellipsis of no axes stays: it parts tensors on its sides
  if (ellipses == 0) fill();
  return result;
}

/// The part of an index that is a view: x sliced, and where tensors still have to pick.
struct Sliced {
  Tensor view;
  std::vector<Positions> picks;
};

Sliced sliced(std::string_view op, const Tensor& x, const std::vector<Index>& entries) {
  bool has_tensors = false;
  for (const Index& entry : entries) has_tensors = has_tensors || std::holds_alternative<Tensor>(entry);
  Sliced result{x, {}};
  int axis = 0;
  for (std::size_t number = 0; number < entries.size(); ++number) {
    const Index& entry = entries[number];
    Tensor& view = result.view;
    if (const auto* range = std::get_if<Range>(&entry)) {
      if (range->start || range->stop || range->step != 1) view = slice(view, axis, *range);
      ++axis;
    } else if (std::holds_alternative<Ellipsis>(entry)) {
      continue;
    } else if (std::holds_alternative<NewAxis>(entry)) {
      view = unsqueeze(view, axis++);
    } else if (const auto* position = std::get_if<std::int64_t>(&entry)) {
      const std::int64_t length = view.size(axis);
      require(*position >= -length && *position < length, op,
              "position {} is outside axis {} of length {} of x {}. Use -{} to {}.", *position, axis, length, x.shape(),
              length, length - 1);
      if (has_tensors)  // NumPy broadcasts it with them
        result.picks.push_back(
            {axis++, full({}, static_cast<double>((*position + length) % length), DType::int64, x.device()), number});
      else
        view = select(view, axis, *position);
    } else {
      const Tensor& tensor = std::get<Tensor>(entry);
      if (!is_mask(entry)) {
        result.picks.push_back({axis, checked_index(op, tensor, view.size(axis)), number});
        ++axis;
        continue;
      }
      for (int i = 0; i < tensor.rank(); ++i)
        require(tensor.shape()[i] == view.shape()[axis + i], op,
                "a mask {} does not fit the axes of x {} from {} on. A mask has the lengths of the axes it covers.",
                tensor.shape(), x.shape(), axis);
      for (const Tensor& place : nonzero(tensor)) result.picks.push_back({axis++, place, number});
    }
  }
  return result;
}

/// Picks by all tensors at once: the picked axes come first, become one, and are taken from.
Tensor picked(std::string_view op, const Tensor& x, const std::vector<Positions>& picks) {
  if (picks.size() == 1) return take(x, picks[0].index, picks[0].axis);
  Shape broadcast;
  bool are_neighbours = true;
  for (std::size_t i = 0; i < picks.size(); ++i) {
    broadcast = broadcast_shapes(op, broadcast, picks[i].index.shape());
    are_neighbours = are_neighbours &&
                     (i == 0 || (picks[i].axis == picks[i - 1].axis + 1 && picks[i].entry <= picks[i - 1].entry + 1));
  }
  Axes order;
  Tensor place = zeros({}, DType::int64, x.device());
  std::int64_t merged = 1;
  for (const Positions& pick : picks) {
    order.push_back(pick.axis);
    merged *= x.shape()[pick.axis];
    place = place * scalar_like(place, static_cast<double>(x.shape()[pick.axis])) + pick.index;
  }
  Shape rows = {merged};
  for (int axis = 0; axis < x.rank(); ++axis) {
    bool is_picked = false;
    for (const Positions& pick : picks) is_picked = is_picked || pick.axis == axis;
    if (is_picked) continue;
    order.push_back(axis);
    rows.push_back(x.shape()[axis]);
  }
  const Tensor y = take(reshape(permute(x, order), rows), broadcast_to(place, broadcast));
  if (!are_neighbours) return y;
  // The new axes go where the picked ones were.
  const int first = picks.front().axis, count = broadcast.rank();
  Axes back;
  for (int axis = 0; axis < y.rank(); ++axis)
    back.push_back(axis < first ? count + axis : axis < first + count ? axis - first : axis);
  return permute(y, back);
}

Tensor index_for(std::string_view op, const Tensor& x, const std::vector<Index>& indices) {
  require(x.defined(), op, "x is undefined. Give a tensor.");
  const Sliced result = sliced(op, x, written_out(op, x, indices));
  return result.picks.empty() ? result.view : picked(op, result.view, result.picks);
}

}  // namespace

Tensor index(const Tensor& x, const std::vector<Index>& indices) { return index_for("index", x, indices); }

Tensor index_put(const Tensor& x, const std::vector<Index>& indices, const Tensor& values, bool accumulate) {
  constexpr std::string_view op = "index_put";
  require(x.defined() && values.defined(), op, "x and values must be tensors, got an undefined one. Give both.");
  require_same_kind(op, x, values);
  const Tensor place = index_for(op, reshape(arange(x.numel(), DType::int64, x.device()), x.shape()), indices);
  require(values.rank() <= place.rank() && broadcast_shapes(op, values.shape(), place.shape()) == place.shape(), op,
          "values {} do not broadcast to {}, the shape of the indexed part of x {}. Give them that shape.",
          values.shape(), place.shape(), x.shape());
  const std::int64_t count = place.numel();
  const Tensor flat_place = reshape(place, {count}),
               flat_values = reshape(broadcast_to(values, place.shape()), {count});
  if (accumulate) return x + reshape(segment_sum(flat_values, flat_place, x.numel()), x.shape());
  // Each element is x's own or the last of the values that are written to it.
  std::vector<std::int64_t> source(static_cast<std::size_t>(x.numel()));
  for (std::size_t i = 0; i < source.size(); ++i) source[i] = static_cast<std::int64_t>(i);
  const Tensor here = on_host(flat_place);
  const std::int64_t* target = here.host_data<std::int64_t>();
  for (std::int64_t k = 0; k < count; ++k) source[static_cast<std::size_t>(target[k])] = x.numel() + k;
  const Tensor both = concat(std::vector<Tensor>{reshape(x, {x.numel()}), flat_values}, 0);
  return take(both, from_vector(source, x.shape(), x.device()));
}

std::vector<Tensor> nonzero(const Tensor& mask) {
  require(mask.defined() && mask.dtype() == DType::boolean, "nonzero",
          "takes a bool tensor, got {}. Compare first, for example not_equal(x, 0).",
          mask.defined() ? name(mask.dtype()) : "an undefined one");
  const Tensor here = on_host(mask);
  const bool* values = here.host_data<bool>();
  std::vector<std::vector<std::int64_t>> places(static_cast<std::size_t>(mask.rank()));
  for (std::int64_t i = 0; i < mask.numel(); ++i) {
    if (!values[i]) continue;
    std::int64_t rest = i;
    for (int axis = mask.rank() - 1; axis >= 0; --axis) {
      places[static_cast<std::size_t>(axis)].push_back(rest % mask.shape()[axis]);
      rest /= mask.shape()[axis];
    }
  }
  std::vector<Tensor> result;
  for (const auto& place : places)
    result.push_back(from_vector(place, {static_cast<std::int64_t>(place.size())}, mask.device()));
  return result;
}

}  // namespace orbitgrad
