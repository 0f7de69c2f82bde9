// QR, Cholesky and symmetric eigenvectors. See linear_algebra.hpp.
#include "engine/autograd/node.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/cast.hpp"
#include "engine/ops/comparison.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/linear_algebra.hpp"
#include "engine/ops/matmul.hpp"
#include "engine/ops/matrix_checks.hpp"
#include "engine/ops/triangular.hpp"

namespace orbitgrad {

namespace matrices {

Tensor symmetric_part(const Tensor& a) { return (a + transposed(a)) * 0.5; }

}  // namespace matrices

namespace {

using namespace matrices;

/// Runs a kernel (problem, a, result, flag per matrix) and fails where a flag is set.
template <template <class> class Kernel, class OnCpu>
Tensor factor(std::string_view op, const Tensor& a, OnCpu&& on_cpu, std::string_view what, std::string_view remedy) {
  const kernels::MatrixProblem problem = problem_of(a);
  Tensor result = Tensor::empty(a.shape(), a.dtype(), a.device());
  Tensor flags = Tensor::empty({problem.batch}, DType::int64, a.device());
  visit_floating(op, a.dtype(), [&]<class T>(TypeTag<T>) {
    const NoGrad no_grad;
    launch<Kernel<T>>(op, a.device(), on_cpu(TypeTag<T>{}), problem, contiguous(a).data<T>(), fresh_data<T>(result),
                      fresh_data<std::int64_t>(flags));
  });
  require_no_flag(op, flags, a, what, remedy);
  return result;
}

/// The lower triangle with half of the diagonal.
Tensor lower_half(const Tensor& x) { return (tril(x) + tril(x, -1)) * 0.5; }

/// With a = q r: dq = (da - q dr) r^-1, and q^T dq is antisymmetric (S. F. Walter, L. Lehmann, 2010).
struct OrthonormalNode final : Node {
  std::string_view name() const override { return "qr"; }
  Saves saves() const override { return Saves::all_inputs() | Saves::the_output(); }
  std::vector<Tensor> backward(const Tensor& dq) override {
    const Tensor q = output(), r = triu(matmul(transposed(q), input(0)));
    const Tensor m = tril(matmul(transposed(dq), q));
    const Tensor inner = dq - matmul(q, m + transposed(tril(m, -1)));
    return {transposed(solve(r, transposed(inner)))};
  }
};

/// With a = l l^T: l^-1 dl is the lower half of l^-1 da l^-T (I. Murray, 2016).
struct CholeskyNode final : Node {
  std::string_view name() const override { return "cholesky"; }
  Saves saves() const override { return Saves::the_output(); }
  std::vector<Tensor> backward(const Tensor& dl) override {
    const Tensor l = output(), up = transposed(l);
    const Tensor half = lower_half(matmul(up, tril(dl)));
    // up^-1 half up^-T
    return {symmetric_part(transposed(solve(up, transposed(solve(up, half)))))};
  }
};

/// dv = v (f * (v^T da v)) with f_ij = 1 / (w_j - w_i).
struct EigenvectorsNode final : Node {
  std::string_view name() const override { return "symmetric_eigenvectors"; }
  Saves saves() const override { return Saves::all_inputs() | Saves::the_output(); }
  std::vector<Tensor> backward(const Tensor& dv) override {
    const Tensor v = output(), w = diagonal(matmul(transposed(v), matmul(input(0), v)));
    const Tensor gap = unsqueeze(w, w.rank() - 1) - unsqueeze(w, w.rank());
    const Tensor is_zero = equal(gap.detach(), scalar_like(gap, 0));
    const Tensor f = where(is_zero, scalar_like(gap, 0), 1.0 / where(is_zero, scalar_like(gap, 1), gap));
    return {matmul(v, matmul(f * matmul(transposed(v), dv), transposed(v)))};
  }
};

/// dw_i = v_i^T da v_i; the vectors, input 1, are a constant of this derivative.
struct EigenvaluesNode final : Node {
  std::string_view name() const override { return "symmetric_eigenvalues"; }
  Saves saves() const override { return Saves::input(1); }
  std::vector<Tensor> backward(const Tensor& dw) override {
    const Tensor v = input(1);
    return {matmul(v * unsqueeze(dw, dw.rank() - 1), transposed(v)), Tensor()};
  }
};

}  // namespace

QR qr(const Tensor& a) {
  constexpr std::string_view op = "qr";
  require_matrices(op, a);
  require(a.size(-2) >= a.size(-1), op, "takes matrices of at least as many rows as columns, got {}. Transpose it.",
          a.shape());
  Tensor q = factor<kernels::GramSchmidt>(
      op, a, []<class T>(TypeTag<T>) { return kernels::cpu::gram_schmidt<T>; }, "has dependent columns",
      "Drop columns, or add noise.");
  q = record<OrthonormalNode>(std::move(q), {&a});
  return {q, triu(matmul(transposed(q), a))};
}

Tensor cholesky(const Tensor& a) {
  constexpr std::string_view op = "cholesky";
  require_square(op, a);
  const Tensor symmetric = symmetric_part(a);
  Tensor l = factor<kernels::Cholesky>(
      op, symmetric, []<class T>(TypeTag<T>) { return kernels::cpu::cholesky<T>; }, "is not positive definite",
      "Add a small multiple of the identity.");
  return record<CholeskyNode>(std::move(l), {&symmetric});
}

SymmetricEigen symmetric_eigen(const Tensor& a) {
  constexpr std::string_view op = "symmetric_eigen";
  require_square(op, a);
  const Tensor symmetric = symmetric_part(a);
  Tensor v = Tensor::empty(a.shape(), a.dtype(), a.device());
  visit_floating(op, a.dtype(), [&]<class T>(TypeTag<T>) {
    const NoGrad no_grad;
    launch<kernels::SymmetricEigenvectors<T>>(op, a.device(), kernels::cpu::symmetric_eigenvectors<T>,
                                              problem_of(symmetric), contiguous(symmetric).data<T>(), fresh_data<T>(v));
  });
  Tensor w;
  {
    const NoGrad no_grad;
    w = contiguous(diagonal(matmul(transposed(v), matmul(symmetric, v))));
  }
  v = record<EigenvectorsNode>(std::move(v), {&symmetric});
  w = record<EigenvaluesNode>(std::move(w), {&symmetric, &v});
  return {w, v};
}

}  // namespace orbitgrad
