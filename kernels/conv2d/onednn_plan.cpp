#ifdef ORBITGRAD_HAVE_ONEDNN
#include "kernels/conv2d/onednn_plan.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <utility>

#include "kernels/single_thread.hpp"

namespace orbitgrad::kernels::cpu::onednn {
namespace {

/// Into how many units each axis is cut; one of them is whole.
struct Cut {
  std::int64_t images = 1, channels = 1;
};

/// The largest power of two (most machines have such a number of cores) up to both.
std::int64_t power_of_two(std::int64_t most, double limit) {
  std::int64_t count = 1;
  while (2 * count <= most && static_cast<double>(2 * count) <= limit) count *= 2;
  return count;
}

/// Into how many units the batch can be cut. A unit repays its start and, for the filter gradient, its partial result;
/// else, where the filters are too large for the second-level cache, reading them again.
std::int64_t cuts_of_images(ConvolutionOp op, const Conv2dProblem& problem, double units, bool large) {
  constexpr double least_positions_of_gradient = 2048, least_positions_of_large = 384;
  constexpr std::int64_t most = 16;
  const auto positions = static_cast<double>(problem.batch * problem.out_height() * problem.out_width());
  if (op == ConvolutionOp::filter_gradient)
    units = std::min(units, positions / least_positions_of_gradient);
  else if (large)
    units = std::min(units, positions / least_positions_of_large);
  return power_of_two(std::min(most, problem.batch), units);
}

/// Into how many the channels of the result can be cut, of the filter gradient those of its slower axis. All units read
/// the whole first array, which costs most where each element has few products.
std::int64_t cuts_of_channels(ConvolutionOp op, const Conv2dProblem& problem, double units) {
  if (problem.groups > 1) return 1;
  constexpr std::int64_t least_channels = 32;
  const std::int64_t most = problem.kernel_height * problem.kernel_width == 1 ? 2 : 4;
  const std::int64_t channels = op == ConvolutionOp::input_gradient ? problem.in_channels : problem.out_channels;
  return power_of_two(std::min(most, channels / least_channels), units);
}

/// The batch; the channels where it cannot be cut or where, of large filters, that makes more units.
Cut cut_of(ConvolutionOp op, const Conv2dProblem& problem) {
  constexpr double least_flops = 4e6;
  constexpr std::int64_t large_filters = 1 << 18;  // elements
  const double units = problem.flops() / least_flops;
  const bool large = problem.w_size() > large_filters;
  const std::int64_t images = cuts_of_images(op, problem, units, large);
  const std::int64_t channels = cuts_of_channels(op, problem, units);
  if (channels > images && (images == 1 || large)) return {1, channels};
  return {images, 1};
}

/// Entries [begin, begin + size) of an axis.
struct Block {
  std::int64_t begin, size;
};
/// Of `count` blocks of `whole` entries, all a multiple of `step` but for the last.
Block block_of(std::int64_t whole, std::int64_t step, std::int64_t index, std::int64_t count) {
  const std::int64_t steps = (whole + step - 1) / step, begin = steps * index / count * step;
  return {begin, std::min(steps * (index + 1) / count * step, whole) - begin};
}

/// Collects what is converted ahead: each array that units share, once for each layout wanted.
class Conversions {
 public:
  explicit Conversions(Plan& plan) : plan_(plan) {}

  Place add(const Operand& operand, bool of_second, std::int64_t offset) {
    if (!operand.differs()) return {offset, false};
    for (const Entry& entry : entries_)
      if (entry.of_second == of_second && entry.from == offset && entry.wanted == operand.wanted)
        return {entry.to, true};
    const std::int64_t to = plan_.packed_size;
    entries_.push_back({of_second, offset, to, operand.wanted});
    plan_.packed_size += operand.room();
    constexpr std::int64_t most_pieces = 8, least_size = 1 << 15;
    std::int64_t pieces = 1;
    while (pieces < most_pieces && operand.room() / (2 * pieces) >= least_size) pieces *= 2;
    const std::vector<Reorder> reorders = in_pieces(operand, pieces);
    for (std::size_t i = 0; i < reorders.size(); ++i)
      plan_.conversions.push_back(
          {reorders[i], of_second, offset, to, static_cast<double>(i) / static_cast<double>(reorders.size())});
    return {to, true};
  }

 private:
  struct Entry {
    bool of_second;
    std::int64_t from, to;
    memory::desc wanted;
  };
  Plan& plan_;
  std::vector<Entry> entries_;
};

Plan make_plan(ConvolutionOp op, const Conv2dProblem& problem, bool with_bias) {
  const Cut cut = cut_of(op, problem);
  const bool by_images = cut.channels == 1;
  const std::int64_t units = cut.images * cut.channels;
  constexpr std::int64_t channel_step = 16;  // of oneDNN's layouts
  // Elements from one image or channel to the next.
  const std::int64_t x_field = problem.in_height * problem.in_width, x_image = problem.in_channels * x_field;
  const std::int64_t y_field = problem.out_height() * problem.out_width(), y_image = problem.out_channels * y_field;
  const std::int64_t kernel = problem.kernel_height * problem.kernel_width;

  Plan plan;
  Conversions ahead(plan);
  std::map<std::int64_t, std::shared_ptr<const Primitive>> made;  // by the size of a unit's block
  for (std::int64_t i = 0; i < units; ++i) {
    Conv2dProblem part = problem;
    std::int64_t& size = by_images                             ? part.batch
                         : op == ConvolutionOp::input_gradient ? part.in_channels
                                                               : part.out_channels;
    const Block block = block_of(size, by_images ? 1 : channel_step, i, units);
    size = block.size;
    std::shared_ptr<const Primitive>& primitive = made[size];
    if (primitive == nullptr)
      primitive = std::make_shared<const Primitive>(make_primitive(op, part, problem, with_bias));

    const std::int64_t image = by_images ? block.begin : 0, channel = by_images ? 0 : block.begin;
    Unit unit{primitive, {}, {}, 0, channel};
    if (op == ConvolutionOp::forward) {
      unit.first.offset = image * x_image;
      unit.second.offset = channel * (problem.w_size() / problem.out_channels);
      unit.result = image * y_image + channel * y_field;
    } else if (op == ConvolutionOp::input_gradient) {
      unit.first.offset = image * y_image;
      unit.second.offset = channel * kernel;
      unit.result = image * x_image + channel * x_field;
    } else {
      unit.first.offset = image * x_image;
      unit.second.offset = image * y_image + channel * y_field;
      unit.result = by_images ? i * problem.w_size() : channel * (problem.w_size() / problem.out_channels);
    }
    if (!by_images) unit.first = ahead.add(primitive->first, false, unit.first.offset);
    if (op != ConvolutionOp::filter_gradient) unit.second = ahead.add(primitive->second, true, unit.second.offset);
    plan.units.push_back(std::move(unit));
  }
  if (op == ConvolutionOp::filter_gradient) plan.partial_results = cut.images;
  // Threads take consecutive conversions: each gets its share of every array.
  std::stable_sort(plan.conversions.begin(), plan.conversions.end(),
                   [](const Conversion& a, const Conversion& b) { return a.share < b.share; });
  return plan;
}

}  // namespace

std::shared_ptr<const Plan> plan_of(ConvolutionOp op, const Conv2dProblem& p, bool with_bias) {
  using Key = std::array<std::int64_t, 15>;
  const Key key{static_cast<std::int64_t>(op) * 2 + (with_bias ? 1 : 0),
                p.batch,
                p.in_channels,
                p.in_height,
                p.in_width,
                p.out_channels,
                p.kernel_height,
                p.kernel_width,
                p.stride_height,
                p.stride_width,
                p.padding_height,
                p.padding_width,
                p.dilation_height,
                p.dilation_width,
                p.groups};
  static std::mutex lock;
  static std::map<Key, std::shared_ptr<const Plan>> cache;
  constexpr std::size_t most_entries = 1024;
  const std::lock_guard guard(lock);
  if (const auto found = cache.find(key); found != cache.end()) return found->second;
  if (cache.size() >= most_entries) cache.clear();
  std::shared_ptr<const Plan> made;
  try {
    const SingleThread one;  // oneDNN asks for the number of threads when a primitive is made and when it runs
    made = std::make_shared<const Plan>(make_plan(op, p, with_bias));
  } catch (const dnnl::error&) {  // unimplemented: remembered as null
  }
  cache.emplace(key, made);
  return made;
}

}  // namespace orbitgrad::kernels::cpu::onednn
#endif
