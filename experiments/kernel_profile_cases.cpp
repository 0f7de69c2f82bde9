// The problems the kernels are profiled on. One line each: the kernel, the problem, its cost, the sizes of what it
// reads and writes in the order of its arguments.
#include <fmt/format.h>

#include <memory>
#include <tuple>

#include "experiments/kernel_profile.hpp"
#include "groups/lattice_group.hpp"
#include "kernels/batch_norm/batch_norm.hpp"
#include "kernels/conv2d/conv2d.hpp"
#include "kernels/elementwise/elementwise.hpp"
#include "kernels/gemm/affine.hpp"
#include "kernels/gemm/gemm.hpp"
#include "kernels/group_conv2d/group_conv2d.hpp"
#include "kernels/group_pool/group_pool.hpp"
#include "kernels/optimizer/optimizer.hpp"
#include "kernels/pooling/pooling.hpp"
#include "kernels/reduce/reduce.hpp"
#include "kernels/rounded.hpp"
#include "kernels/softmax/softmax.hpp"

namespace orbitgrad::experiments {
namespace {

using kernels::DeviceKind;

/// Device memory filled with numbers between -1 and 1.
class Operand {
 public:
  explicit Operand(std::int64_t bytes) : memory_(DeviceKind::sim, bytes) {
    std::vector<float> values(static_cast<std::size_t>(bytes / 4));
    std::uint32_t state = 12345;
    for (float& value : values) {
      state = state * 1664525U + 1013904223U;
      value = static_cast<float>(state >> 8) * 0x1p-23F - 1.0F;
    }
    kernels::device_memory(DeviceKind::sim)->copy_to_device(memory_.as<void>(), values.data(), bytes);
  }
  void* data() const { return memory_.as<void>(); }

 private:
  kernels::DeviceScratch memory_;
};

void add(kernels::sim::LaunchCounts& sum, const kernels::sim::LaunchCounts& launch) {
  using Counts = kernels::sim::LaunchCounts;
  for (const auto member :
       {&Counts::blocks, &Counts::threads, &Counts::global_requests, &Counts::global_sectors, &Counts::bytes_read,
        &Counts::bytes_written, &Counts::unique_bytes_read, &Counts::unique_bytes_written, &Counts::shared_requests,
        &Counts::shared_wavefronts, &Counts::ideal_wavefronts, &Counts::active_lanes, &Counts::barriers,
        &Counts::warp_barriers, &Counts::warp_operations, &Counts::atomics, &Counts::mma})
    sum.*member += launch.*member;
}

/// What a call costs by its formula.
struct Cost {
  double flops, bytes;
};

/// Runs every traced version of the kernel; call(version) makes its operands and launches it.
template <class Kernel, class Call>
std::vector<KernelProfile> profile_versions(const typename Kernel::Problem& problem, const std::string& shape,
                                            Cost cost, Call call) {
  { const kernels::sim::Trace loads_the_traced_kernels; }
  std::vector<KernelProfile> profiles;
  for (const auto& version : kernels::Registry<Kernel>::all()) {
    if (version.device != DeviceKind::sim_traced || !version.supports(problem)) continue;
    KernelProfile profile{std::string(Kernel::name), std::string(version.name), shape, cost.flops, cost.bytes, {}};
    const kernels::sim::Trace trace;
    call(version);
    for (const auto& launch : trace.launches()) add(profile.counts, launch);
    profiles.push_back(std::move(profile));
  }
  return profiles;
}

/// A kernel whose arguments are its problem and arrays: element counts in order, 0 for null.
template <class Kernel, class... Pointers>
ProfileCase arrays_case(const typename Kernel::Problem& problem, std::string shape, Cost cost,
                        std::vector<std::int64_t> bytes, void (*)(const typename Kernel::Problem&, Pointers...)) {
  const auto run = [=] {
    return profile_versions<Kernel>(problem, shape, cost, [&](const kernels::Implementation<Kernel>& version) {
      std::vector<std::unique_ptr<Operand>> operands;
      for (const std::int64_t count : bytes)
        operands.push_back(count == 0 ? nullptr : std::make_unique<Operand>(count));
      std::size_t next = 0;
      const auto argument = [&] {
        const auto& operand = operands.at(next++);
        return operand == nullptr ? nullptr : operand->data();
      };
      // Braces: in the order of the arguments.
      const std::tuple<Pointers...> arguments{static_cast<Pointers>(argument())...};
      std::apply([&](auto... pointers) { version.launch(problem, pointers...); }, arguments);
    });
  };
  return {std::string(Kernel::name), shape, run};
}

template <class Kernel>
ProfileCase arrays_case(const typename Kernel::Problem& problem, std::string shape, Cost cost,
                        std::vector<std::int64_t> bytes) {
  return arrays_case<Kernel>(problem, std::move(shape), cost, std::move(bytes),
                             static_cast<typename Kernel::Launch*>(nullptr));
}

template <class T>
kernels::View<T> matrix_view(void* data, std::int64_t rows, std::int64_t columns, std::int64_t row_step,
                             std::int64_t column_step) {
  kernels::View<T> view{.data = static_cast<T*>(data), .rank = 2};
  view.size[0] = rows, view.size[1] = columns;
  view.stride[0] = row_step, view.stride[1] = column_step;
  return view;
}

/// a + b for matrices, b as it lies or transposed.
ProfileCase addition_case(std::int64_t n, bool transposed) {
  using Kernel = kernels::Binary<kernels::Add, float, float>;
  const std::string shape = fmt::format("{}x{}{}", n, n, transposed ? ",b-transposed" : "");
  const auto run = [=] {
    const auto count = static_cast<double>(n * n);
    return profile_versions<Kernel>(
        {}, shape, {count, 12 * count}, [&](const kernels::Implementation<Kernel>& version) {
          const Operand a(4 * n * n), b(4 * n * n), y(4 * n * n);
          version.launch(matrix_view<const float>(a.data(), n, n, n, 1),
                         matrix_view<const float>(b.data(), n, n, transposed ? 1 : n, transposed ? n : 1),
                         matrix_view<float>(y.data(), n, n, n, 1));
        });
  };
  return {std::string(Kernel::name), shape, run};
}

/// Sum over the columns of each row (rows kept), or over the rows of each column.
ProfileCase sum_case(std::int64_t rows, std::int64_t columns, bool keeps_rows) {
  using Kernel = kernels::Reduce<float, float>;
  const std::string shape = fmt::format("{}x{},over-{}", rows, columns, keeps_rows ? "columns" : "rows");
  const auto run = [=] {
    const auto count = static_cast<double>(rows * columns);
    const std::int64_t kept = keeps_rows ? rows : columns, reduced = keeps_rows ? columns : rows;
    const auto view = [=](void* data) {
      return matrix_view<const float>(data, kept, reduced, keeps_rows ? columns : 1, keeps_rows ? 1 : columns);
    };
    const Operand sample(4 * rows * columns);  // the view decides which versions support the problem
    return profile_versions<Kernel>(view(sample.data()), shape, {count, 4 * count + 4 * static_cast<double>(kept)},
                                    [&](const kernels::Implementation<Kernel>& version) {
                                      const Operand x(4 * rows * columns), y(4 * kept);
                                      version.launch(kernels::Reduction::sum, view(x.data()), 1,
                                                     static_cast<float*>(y.data()));
                                    });
  };
  return {std::string(Kernel::name), shape, run};
}

/// A lattice group's tables as the kernels read them; they live as long as the program.
struct GroupTables {
  std::vector<std::int32_t> matrices, filter_element;
};

void add_group_convolutions(std::vector<ProfileCase>& cases) {
  static std::vector<std::unique_ptr<GroupTables>> kept;
  for (const char* name : {"p4", "p4m"}) {
    const groups::LatticeGroup group = groups::lattice_group(name);
    GroupTables& tables = *kept.emplace_back(std::make_unique<GroupTables>());
    for (const auto& matrix : group.matrices)
      tables.matrices.insert(tables.matrices.end(), matrix.begin(), matrix.end());
    tables.filter_element = group.filter_element_table();
    kernels::GroupConv2dProblem p;
    p.batch = 2, p.in_fields = 4, p.out_fields = 4, p.in_height = p.in_width = 8, p.kernel = 3, p.padding = 1;
    p.order = p.in_order = group.order();
    p.matrices = tables.matrices.data();
    p.filter_element = tables.filter_element.data();
    const auto add = [&](const std::string& shape) {
      const Cost cost{p.flops(), p.bytes(4)};
      const std::int64_t x = 4 * p.x_size(), w = 4 * p.w_size(), y = 4 * p.y_size();
      cases.push_back(arrays_case<kernels::GroupConv2dForward<float>>(p, shape, cost, {x, w, 4 * p.out_fields, y}));
      cases.push_back(arrays_case<kernels::GroupConv2dInputGradient<float>>(p, shape, cost, {y, w, x}));
      cases.push_back(arrays_case<kernels::GroupConv2dFilterGradient<float>>(p, shape, cost, {x, y, w}));
    };
    add(fmt::format("{},batch2,fields4,8x8,3x3", name));
    // As many fields as the tiles ask for.
    p.batch = 1, p.in_fields = 2, p.out_fields = 16;
    const std::string wide = fmt::format("{},batch1,fields2to16,8x8,3x3", name);
    add(wide);
    const kernels::RoundedProblem<kernels::GroupConv2dProblem> rounded{p, kernels::Precision::bfloat16};
    cases.push_back(arrays_case<kernels::Rounded<kernels::GroupConv2dForward<float>>>(
        rounded, wide + ",bf16", {p.flops(), p.bytes(4)},
        {4 * p.x_size(), 4 * p.w_size(), 4 * p.out_fields, 4 * p.y_size()}));
  }
}

std::vector<ProfileCase> make_cases() {
  std::vector<ProfileCase> cases{addition_case(128, false), addition_case(128, true), sum_case(256, 128, true),
                                 sum_case(256, 128, false)};
  const auto cost = [](const auto& problem) {
    return Cost{static_cast<double>(problem.flops()), static_cast<double>(problem.bytes(4))};
  };
  const kernels::GemmProblem product = kernels::dense_gemm(128, 128, 128);
  cases.push_back(arrays_case<kernels::Gemm<float>>(product, "128x128x128", cost(product), {65536, 65536, 65536}));
  const kernels::AffineProblem dense{kernels::dense_gemm(64, 64, 64), kernels::Precision::bfloat16,
                                     kernels::Activation::relu};
  cases.push_back(
      arrays_case<kernels::Affine<float>>(dense, "64x64x64,bf16,relu", cost(dense.gemm), {16384, 16384, 256, 16384}));
  add_group_convolutions(cases);
  kernels::Conv2dProblem convolution;
  convolution.batch = 2, convolution.in_channels = convolution.out_channels = 8;
  convolution.in_height = convolution.in_width = 8;
  convolution.kernel_height = convolution.kernel_width = 3;
  convolution.padding_height = convolution.padding_width = 1;
  cases.push_back(arrays_case<kernels::Conv2dForward<float>>(
      convolution, "batch2,channels8,8x8,3x3", cost(convolution),
      {4 * convolution.x_size(), 4 * convolution.w_size(), 32, 4 * convolution.y_size()}));
  const kernels::SoftmaxProblem softmax{64, 250};
  cases.push_back(arrays_case<kernels::SoftmaxForward<float>>(softmax, "64x250", cost(softmax), {64000, 64000}));
  cases.push_back(
      arrays_case<kernels::SoftmaxBackward<float>>(softmax, "64x250", cost(softmax), {64000, 64000, 64000}));
  kernels::BatchNormProblem norm;
  norm.batch = 8, norm.fields = 4, norm.positions = 256;
  const std::int64_t map = 4 * norm.count();
  cases.push_back(arrays_case<kernels::BatchNormStatistics<float>>(
      norm, "8x4x256", {3.0 * static_cast<double>(norm.count()), static_cast<double>(map)}, {map, 16, 16}));
  cases.push_back(
      arrays_case<kernels::BatchNormForward<float>>(norm, "8x4x256", cost(norm), {map, 16, 16, 16, 16, map}));
  kernels::Pool2dProblem pool;
  pool.planes = 16, pool.height = pool.width = 16, pool.kernel_h = pool.kernel_w = 2;
  pool.stride_h = pool.stride_w = 2;
  cases.push_back(arrays_case<kernels::MaxPool2dForward<float>>(pool, "16x16x16,2x2", cost(pool), {16384, 4096, 8192}));
  const auto group_pool = kernels::GroupPoolProblem::whole_group(16, 8, 64);
  cases.push_back(
      arrays_case<kernels::GroupMaxForward<float>>(group_pool, "16x8x64", cost(group_pool), {32768, 4096, 8192}));
  return cases;
}

}  // namespace

const std::vector<ProfileCase>& profile_cases() {
  static const std::vector<ProfileCase> cases = make_cases();
  return cases;
}

}  // namespace orbitgrad::experiments
