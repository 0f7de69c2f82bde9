// Cases of kernels that move memory and compute little: elementwise, reductions, gathers, random numbers, optimizers.
#include <fmt/format.h>

#include "bench/device/case.hpp"
#include "kernels/dropout/dropout.hpp"
#include "kernels/elementwise/elementwise.hpp"
#include "kernels/elementwise/formulas.hpp"
#include "kernels/gather_axis/gather_axis.hpp"
#include "kernels/optimizer/optimizer.hpp"
#include "kernels/random/random.hpp"
#include "kernels/reduce/reduce.hpp"

namespace orbitgrad::bench {
namespace {

using kernels::View;

template <class T>
View<T> matrix(void* data, std::int64_t rows, std::int64_t columns, bool transposed = false) {
  View<T> view{.data = static_cast<T*>(data), .rank = 2};
  view.size[0] = rows, view.size[1] = columns;
  view.stride[0] = transposed ? 1 : columns, view.stride[1] = transposed ? rows : 1;
  return view;
}

std::string name_of(std::int64_t rows, std::int64_t columns, std::string_view more = "") {
  return fmt::format("{}x{}{}", rows, columns, more);
}

void add_elementwise(std::vector<Case>& cases, std::int64_t rows, std::int64_t columns) {
  const std::int64_t n = rows * columns;
  const auto count = static_cast<double>(n);
  for (const bool transposed : {false, true}) {
    using Add = kernels::Binary<kernels::Add, float, float>;
    cases.push_back(kernel_case<Add>(
        name_of(rows, columns, transposed ? ",b-transposed" : ""), {count, 12 * count},
        {{.count = n}, {.count = n}, {.count = n, .output = true}}, kernels::cpu::binary<kernels::Add, float, float>,
        [=](Pointers p) { return matrix<const float>(p[0], rows, columns); },
        [=](auto* launch, Pointers p) {
          launch(matrix<const float>(p[0], rows, columns), matrix<const float>(p[1], rows, columns, transposed),
                 matrix<float>(p[2], rows, columns));
        }));
    using Copy = kernels::Copy<float, float>;
    cases.push_back(kernel_case<Copy>(
        name_of(rows, columns, transposed ? ",transposed" : ""), {0, 8 * count},
        {{.count = n}, {.count = n, .output = true}}, kernels::cpu::copy<float, float>,
        [=](Pointers p) { return matrix<const float>(p[0], rows, columns, transposed); },
        [=](auto* launch, Pointers p) {
          launch(matrix<const float>(p[0], rows, columns, transposed), matrix<float>(p[1], rows, columns));
        }));
  }
  using Exp = kernels::Unary<kernels::Exp, float, float>;
  cases.push_back(kernel_case<Exp>(
      name_of(rows, columns), {count, 8 * count}, {{.count = n}, {.count = n, .output = true}},
      kernels::cpu::unary<kernels::Exp, float, float>,
      [=](Pointers p) { return matrix<const float>(p[0], rows, columns); },
      [=](auto* launch, Pointers p) {
        launch(matrix<const float>(p[0], rows, columns), matrix<float>(p[1], rows, columns));
      }));
}

/// Over the columns of each row, or over the rows of each column.
template <class Kernel>
Case reduction_case(kernels::Reduction reduction, std::int64_t rows, std::int64_t columns, bool keeps_rows,
                    Element result, typename Kernel::Launch* on_cpu) {
  const std::int64_t kept = keeps_rows ? rows : columns, reduced = keeps_rows ? columns : rows;
  const auto view = [=](Pointers p) { return matrix<const float>(p[0], kept, reduced, !keeps_rows); };
  const auto count = static_cast<double>(rows * columns);
  return kernel_case<Kernel>(
      name_of(rows, columns, keeps_rows ? ",over-columns" : ",over-rows"),
      {count, 4 * count + (result == Element::float32 ? 4.0 : 8.0) * static_cast<double>(kept)},
      {{.count = rows * columns}, {.count = kept, .element = result, .output = true}}, on_cpu, view,
      [=](auto* launch, Pointers p) {
        using Out = std::conditional_t<std::is_same_v<Kernel, kernels::ArgReduce<float>>, std::int64_t, float>;
        launch(reduction, view(p), 1, static_cast<Out*>(p[1]));
      });
}

void add_gathers(std::vector<Case>& cases, const kernels::GatherAxisProblem& p) {
  const auto picks = [p](void* data) {
    auto* index = static_cast<std::int64_t*>(data);
    for (std::int64_t i = 0; i < p.output_count(); ++i) index[i] = (i * 2654435761 >> 7) % p.size;
  };
  const std::string shape = fmt::format("{}x{}x{},picks{}", p.outer, p.size, p.inner, p.picks);
  cases.push_back(arrays_case<kernels::GatherAxis<float>>(
      shape, p, cost_of(p), {p.input_count(), p.output_count(), p.output_count()}, kernels::cpu::gather_axis<float>));
  cases.back().arrays[1].fill = picks;
  cases.push_back(arrays_case<kernels::ScatterAddAxis<float>>(shape, p, cost_of(p),
                                                              {p.output_count(), p.output_count(), p.input_count()},
                                                              kernels::cpu::scatter_add_axis<float>));
  cases.back().arrays[1].fill = picks;
}

template <class Kernel, class... Parameters>
Case random_case(std::int64_t count, typename Kernel::Launch* on_cpu, Parameters... parameters) {
  const kernels::RandomProblem p{count, 0x243f6a8885a308d3};
  return kernel_case<Kernel>(
      fmt::format("{}", count), cost_of(p), {{.count = count, .output = true}}, on_cpu, [p](Pointers) { return p; },
      [=](auto* launch, Pointers pointers) { launch(p, parameters..., static_cast<float*>(pointers[0])); });
}

void fill_with_positive(std::int64_t count, void* data) {
  for (std::int64_t i = 0; i < count; ++i) static_cast<float*>(data)[i] = 0.25F + static_cast<float>(i % 1000) * 1e-3F;
}

/// `parameters` of `size` elements each, one after another in each array.
void add_optimizers(std::vector<Case>& cases, std::int64_t parameters, std::int64_t size) {
  const std::int64_t count = parameters * size;
  const Array in_and_out{.count = count, .output = true};
  const std::string shape = name_of(parameters, size);
  kernels::SgdProblem sgd;
  sgd.count = count, sgd.momentum = 0.9;
  cases.push_back(kernel_case<kernels::SgdMany<float>>(
      shape, cost_of(sgd), {in_and_out, {.count = count}, in_and_out}, kernels::cpu::sgd_many<float>,
      [sgd](Pointers) { return sgd; },
      [=](auto* launch, Pointers p) {
        std::vector<kernels::SgdParameter<float>> all;
        const auto at = [&](int array, std::int64_t i) { return static_cast<float*>(p[array]) + i * size; };
        for (std::int64_t i = 0; i < parameters; ++i) all.push_back({at(0, i), at(1, i), at(2, i), size});
        launch(sgd, std::span<const kernels::SgdParameter<float>>(all));
      }));
  kernels::AdamProblem adam;
  adam.count = count, adam.step = 3;
  cases.push_back(kernel_case<kernels::AdamMany<float>>(
      shape, cost_of(adam), {in_and_out, {.count = count}, in_and_out, in_and_out}, kernels::cpu::adam_many<float>,
      [adam](Pointers) { return adam; },
      [=](auto* launch, Pointers p) {
        std::vector<kernels::AdamParameter<float>> all;
        const auto at = [&](int array, std::int64_t i) { return static_cast<float*>(p[array]) + i * size; };
        for (std::int64_t i = 0; i < parameters; ++i) all.push_back({at(0, i), at(1, i), at(2, i), at(3, i), size});
        launch(adam, std::span<const kernels::AdamParameter<float>>(all));
      }));
  cases.back().arrays[3].fill = [count](void* data) { fill_with_positive(count, data); };
}

}  // namespace

std::vector<Case> memory_cases(bool full) {
  std::vector<Case> cases;
  const std::int64_t rows = full ? 8192 : 128, columns = full ? 4096 : 128, count = full ? 1 << 25 : 1000;
  add_elementwise(cases, rows, columns);
  for (const bool keeps_rows : {true, false}) {
    const std::int64_t many = full ? rows : 256;
    cases.push_back(reduction_case<kernels::Reduce<float, float>>(
        kernels::Reduction::sum, many, columns, keeps_rows, Element::float32, kernels::cpu::reduce<float, float>));
    cases.push_back(reduction_case<kernels::ArgReduce<float>>(kernels::Reduction::maximum, many, columns, keeps_rows,
                                                              Element::int64, kernels::cpu::arg_reduce<float>));
  }
  add_gathers(cases, full ? kernels::GatherAxisProblem{1024, 4096, 4096, 4} : kernels::GatherAxisProblem{5, 7, 40, 3});
  const kernels::DropoutProblem dropout{count, 77, 0.3};
  cases.push_back(arrays_case<kernels::Dropout<float>>(fmt::format("{}", count), dropout, cost_of(dropout),
                                                       {count, count}, kernels::cpu::dropout<float>));
  cases.push_back(random_case<kernels::RandomUniform<float>>(count, kernels::cpu::random_uniform<float>, -1.0, 2.0));
  cases.push_back(random_case<kernels::RandomNormal<float>>(count, kernels::cpu::random_normal<float>, 0.0, 1.0));
  cases.push_back(random_case<kernels::RandomBernoulli<float>>(count, kernels::cpu::random_bernoulli<float>, 0.3));
  add_optimizers(cases, full ? 64 : 5, full ? 1 << 18 : 300);
  return cases;
}

}  // namespace orbitgrad::bench
