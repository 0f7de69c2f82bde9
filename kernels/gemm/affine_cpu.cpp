// Bias and activation after the product: one pass over C.
#include "kernels/enough_work.hpp"
#include "kernels/gemm/affine.hpp"
#include "kernels/parallel.hpp"

namespace orbitgrad::kernels::cpu {
namespace {

template <Activation activation, class T>
void finish_rows(const GemmProblem& p, const T* bias_or_null, T* c) {
  const std::int64_t grain = 2 * enough_elements / (p.n > 0 ? p.n : 1) + 1;
  parallel_for(p.batch * p.m, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      T* const row = c + i / p.m * p.batch_stride_c + i % p.m * p.ldc;
      if (bias_or_null == nullptr)
        for (std::int64_t j = 0; j < p.n; ++j) row[j] = activated(activation, row[j]);
      else
        for (std::int64_t j = 0; j < p.n; ++j) row[j] = activated(activation, row[j] + bias_or_null[j]);
    }
  });
}

}  // namespace

template <class T>
void affine(const AffineProblem& problem, const T* a, const T* b, const T* bias_or_null, T* c) {
  gemm(problem.gemm, a, b, c);
  switch (problem.activation) {
    case Activation::none:
      if (bias_or_null != nullptr) finish_rows<Activation::none>(problem.gemm, bias_or_null, c);
      return;
    case Activation::relu:
      return finish_rows<Activation::relu>(problem.gemm, bias_or_null, c);
    case Activation::gelu:
      return finish_rows<Activation::gelu>(problem.gemm, bias_or_null, c);
  }
}

template void affine(const AffineProblem&, const float*, const float*, const float*, float*);
template void affine(const AffineProblem&, const double*, const double*, const double*, double*);

}  // namespace orbitgrad::kernels::cpu
