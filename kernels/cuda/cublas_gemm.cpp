// Matrix products on a GPU by cuBLASLt: strict float32 and float64; and with bias, ReLU and operands that the library
// rounds to tf32, bfloat16 or float16 on their way to the tensor cores. cuBLASLt counts by columns, so it is handed the
// transposed product, C^T = B^T A^T, of the same memory. Compiled only with CUDA.
#include <cublasLt.h>
#include <cuda_runtime.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <tuple>

#include "kernels/cuda/stream.hpp"
#include "kernels/device_memory.hpp"
#include "kernels/gemm/affine.hpp"
#include "kernels/launch_error.hpp"

namespace orbitgrad::kernels {
namespace {

void check(cublasStatus_t status, const char* action) {
  if (status != CUBLAS_STATUS_SUCCESS)
    throw LaunchError(fmt::format("cuBLASLt, {}: {}", action, cublasLtGetStatusString(status)));
}

/// A C handle with the function that ends it.
template <class Handle, cublasStatus_t (*destroy)(Handle)>
struct Owned {
  Owned() = default;
  ~Owned() {
    if (handle != nullptr) destroy(handle);
  }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  Handle handle = nullptr;
};
using Layout = Owned<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy>;
using Description = Owned<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy>;
using Preference = Owned<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy>;

constexpr std::size_t workspace_bytes = std::size_t{32} << 20;

template <class T>
constexpr cudaDataType element_type = std::is_same_v<T, double> ? CUDA_R_64F : CUDA_R_32F;

void make_layout(Layout& layout, cudaDataType type, std::int64_t rows, std::int64_t columns, std::int64_t leading,
                 std::int64_t batch, std::int64_t batch_stride) {
  check(cublasLtMatrixLayoutCreate(&layout.handle, type, static_cast<std::uint64_t>(rows),
                                   static_cast<std::uint64_t>(columns), leading),
        "layout");
  const auto count = static_cast<std::int32_t>(batch);
  const auto set = [&](cublasLtMatrixLayoutAttribute_t attribute, const auto& value) {
    check(cublasLtMatrixLayoutSetAttribute(layout.handle, attribute, &value, sizeof value), "layout");
  };
  set(CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, count);
  set(CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, batch_stride);
}

cublasLtHandle_t library() {
  static const cublasLtHandle_t handle = [] {
    cublasLtHandle_t made = nullptr;
    check(cublasLtCreate(&made), "start");
    return made;
  }();
  return handle;
}

/// The largest power of two up to 256 that the address is a multiple of: a tensor may be a window with an offset.
std::uint32_t alignment_of(const void* address) {
  const auto number = reinterpret_cast<std::uintptr_t>(address);
  return static_cast<std::uint32_t>(std::min<std::uintptr_t>(256, number & (~number + 1)));
}

struct Algorithm {
  cublasLtMatmulAlgo_t algorithm;
  std::size_t workspace_bytes;
};

/// Everything cuBLASLt's heuristic looks at; asking it costs more than a small product.
using Key = std::tuple<cudaDataType, cublasComputeType_t, cublasLtEpilogue_t, std::uint32_t, std::uint32_t,
                       std::uint32_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t,
                       std::int64_t, bool, bool, bool, std::int64_t, std::int64_t, std::int64_t, std::int64_t>;

std::map<Key, Algorithm>& known_algorithms() {
  static std::map<Key, Algorithm> known;
  return known;
}

/// What is computed in: FAST_... are float sums of operands rounded to that type.
template <class T>
cublasComputeType_t compute_type(Precision precision) {
  if constexpr (std::is_same_v<T, double>) return CUBLAS_COMPUTE_64F;
  switch (precision) {
    case Precision::tf32:
      return CUBLAS_COMPUTE_32F_FAST_TF32;
    case Precision::bfloat16:
      return CUBLAS_COMPUTE_32F_FAST_16BF;
    case Precision::float16:
      return CUBLAS_COMPUTE_32F_FAST_16F;
    default:
      return CUBLAS_COMPUTE_32F;
  }
}

cublasLtEpilogue_t epilogue_of(Activation activation, bool has_bias) {
  if (activation == Activation::relu) return has_bias ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_RELU;
  return has_bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
}

template <class T>
void affine(const AffineProblem& problem, const T* a, const T* b, const T* bias_or_null, T* c) {
  const GemmProblem& p = problem.gemm;
  if (p.m == 0 || p.n == 0 || p.batch == 0) return;
  if (p.k == 0) {
    for (std::int64_t i = 0; i < p.batch && !p.accumulate; ++i)
      if (cudaMemset2DAsync(c + i * p.batch_stride_c, static_cast<std::size_t>(p.ldc) * sizeof(T), 0,
                            static_cast<std::size_t>(p.n) * sizeof(T), static_cast<std::size_t>(p.m),
                            current_stream()) != cudaSuccess)
        throw LaunchError("cuBLASLt: an empty product could not be set to zero");
    return;
  }
  Description description;
  const cublasComputeType_t compute = compute_type<T>(problem.precision);
  const cublasLtEpilogue_t epilogue = epilogue_of(problem.activation, bias_or_null != nullptr);
  check(cublasLtMatmulDescCreate(&description.handle, compute, element_type<T>), "description");
  const auto describe = [&](cublasLtMatmulDescAttributes_t attribute, const auto& value) {
    check(cublasLtMatmulDescSetAttribute(description.handle, attribute, &value, sizeof value), "description");
  };
  // The library's first operand is B.
  describe(CUBLASLT_MATMUL_DESC_TRANSA, p.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N);
  describe(CUBLASLT_MATMUL_DESC_TRANSB, p.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N);
  describe(CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue);
  if (bias_or_null != nullptr) describe(CUBLASLT_MATMUL_DESC_BIAS_POINTER, static_cast<const void*>(bias_or_null));
  Layout layout_a, layout_b, layout_c;
  make_layout(layout_a, element_type<T>, p.transpose_a ? p.m : p.k, p.transpose_a ? p.k : p.m, p.lda, p.batch,
              p.batch_stride_a);
  make_layout(layout_b, element_type<T>, p.transpose_b ? p.k : p.n, p.transpose_b ? p.n : p.k, p.ldb, p.batch,
              p.batch_stride_b);
  make_layout(layout_c, element_type<T>, p.n, p.m, p.ldc, p.batch, p.batch_stride_c);

  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  const std::uint32_t align_a = alignment_of(a), align_b = alignment_of(b), align_c = alignment_of(c);
  const Key key{element_type<T>,
                compute,
                epilogue,
                align_a,
                align_b,
                align_c,
                p.m,
                p.n,
                p.k,
                p.lda,
                p.ldb,
                p.ldc,
                p.transpose_a,
                p.transpose_b,
                p.accumulate,
                p.batch,
                p.batch_stride_a,
                p.batch_stride_b,
                p.batch_stride_c};
  auto found = known_algorithms().find(key);
  if (found == known_algorithms().end()) {
    Preference preference;
    check(cublasLtMatmulPreferenceCreate(&preference.handle), "preference");
    check(cublasLtMatmulPreferenceSetAttribute(preference.handle, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                               &workspace_bytes, sizeof workspace_bytes),
          "preference");
    const auto aligned = [&](cublasLtMatmulPreferenceAttributes_t attribute, const std::uint32_t& bytes) {
      check(cublasLtMatmulPreferenceSetAttribute(preference.handle, attribute, &bytes, sizeof bytes), "preference");
    };
    aligned(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, align_b);
    aligned(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, align_a);
    aligned(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, align_c);
    aligned(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, align_c);
    cublasLtMatmulHeuristicResult_t result{};
    int results = 0;
    check(cublasLtMatmulAlgoGetHeuristic(library(), description.handle, layout_b.handle, layout_a.handle,
                                         layout_c.handle, layout_c.handle, preference.handle, 1, &result, &results),
          "choice of an algorithm");
    if (results == 0) throw LaunchError("cuBLASLt has no algorithm for this product");
    found = known_algorithms().emplace(key, Algorithm{result.algo, result.workspaceSize}).first;
  }
  const DeviceScratch workspace(DeviceKind::cuda, static_cast<std::int64_t>(found->second.workspace_bytes));
  const T one = 1, into = p.accumulate ? T{1} : T{0};
  check(cublasLtMatmul(library(), description.handle, &one, b, layout_b.handle, a, layout_a.handle, &into, c,
                       layout_c.handle, c, layout_c.handle, &found->second.algorithm, workspace.as<void>(),
                       found->second.workspace_bytes, current_stream()),
        "product");
}

template <class T>
void gemm(const GemmProblem& problem, const T* a, const T* b, T* c) {
  affine<T>({.gemm = problem}, a, b, nullptr, c);
}

bool supports(const GemmProblem&) { return true; }
/// The library's GELU is an approximation, and it has no value for an empty sum: our own kernels take these.
bool supports_epilogue(const AffineProblem& p) { return p.activation != Activation::gelu && p.gemm.k > 0; }

const Registration<Gemm<float>> for_float({"cublaslt", DeviceKind::cuda, supports, gemm<float>, library_version});
const Registration<Gemm<double>> for_double({"cublaslt", DeviceKind::cuda, supports, gemm<double>, library_version});
const Registration<Affine<float>> affine_float({"cublaslt", DeviceKind::cuda, supports_epilogue, affine<float>,
                                                library_version});

}  // namespace
}  // namespace orbitgrad::kernels
