// The functions of cuBLASLt that we call, under their own names; the library behind them is loaded by the first call.
// It is half a gigabyte, and a program that is linked with it takes ten times as long to start, with a GPU or without.
// Compiled only with CUDA.
#include <cublasLt.h>
#include <dlfcn.h>
#include <fmt/format.h>

#include "kernels/launch_error.hpp"

namespace {

void* library() {
  static void* const loaded = [] {
    void* handle = dlopen(ORBITGRAD_CUBLASLT_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr)
      throw orbitgrad::kernels::LaunchError(fmt::format("cuBLASLt cannot be loaded: {}", dlerror()));
    return handle;
  }();
  return loaded;
}

/// The library's function of that name, of the type of ours.
template <class Function>
Function* loaded(Function&, const char* name) {
  void* address = dlsym(library(), name);
  if (address == nullptr) throw orbitgrad::kernels::LaunchError(fmt::format("cuBLASLt has no function {}", name));
  return reinterpret_cast<Function*>(address);
}

}  // namespace

extern "C" {

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  static const auto function = loaded(cublasLtCreate, "cublasLtCreate");
  return function(handle);
}

const char* cublasLtGetStatusString(cublasStatus_t status) {
  static const auto function = loaded(cublasLtGetStatusString, "cublasLtGetStatusString");
  return function(status);
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* description, cublasComputeType_t compute,
                                        cudaDataType_t scale) {
  static const auto function = loaded(cublasLtMatmulDescCreate, "cublasLtMatmulDescCreate");
  return function(description, compute, scale);
}

cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t description) {
  static const auto function = loaded(cublasLtMatmulDescDestroy, "cublasLtMatmulDescDestroy");
  return function(description);
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t description,
                                              cublasLtMatmulDescAttributes_t attribute, const void* value,
                                              std::size_t bytes) {
  static const auto function = loaded(cublasLtMatmulDescSetAttribute, "cublasLtMatmulDescSetAttribute");
  return function(description, attribute, value, bytes);
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType type, std::uint64_t rows,
                                          std::uint64_t columns, std::int64_t leading) {
  static const auto function = loaded(cublasLtMatrixLayoutCreate, "cublasLtMatrixLayoutCreate");
  return function(layout, type, rows, columns, leading);
}

cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  static const auto function = loaded(cublasLtMatrixLayoutDestroy, "cublasLtMatrixLayoutDestroy");
  return function(layout);
}

cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t layout,
                                                cublasLtMatrixLayoutAttribute_t attribute, const void* value,
                                                std::size_t bytes) {
  static const auto function = loaded(cublasLtMatrixLayoutSetAttribute, "cublasLtMatrixLayoutSetAttribute");
  return function(layout, attribute, value, bytes);
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
  static const auto function = loaded(cublasLtMatmulPreferenceCreate, "cublasLtMatmulPreferenceCreate");
  return function(preference);
}

cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  static const auto function = loaded(cublasLtMatmulPreferenceDestroy, "cublasLtMatmulPreferenceDestroy");
  return function(preference);
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute, const void* value,
                                                    std::size_t bytes) {
  static const auto function = loaded(cublasLtMatmulPreferenceSetAttribute, "cublasLtMatmulPreferenceSetAttribute");
  return function(preference, attribute, value, bytes);
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t description,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int requested,
                                              cublasLtMatmulHeuristicResult_t results[], int* found) {
  static const auto function = loaded(cublasLtMatmulAlgoGetHeuristic, "cublasLtMatmulAlgoGetHeuristic");
  return function(handle, description, a, b, c, d, preference, requested, results, found);
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t description, const void* alpha,
                              const void* a, cublasLtMatrixLayout_t layout_a, const void* b,
                              cublasLtMatrixLayout_t layout_b, const void* beta, const void* c,
                              cublasLtMatrixLayout_t layout_c, void* d, cublasLtMatrixLayout_t layout_d,
                              const cublasLtMatmulAlgo_t* algorithm, void* workspace, std::size_t workspace_bytes,
                              cudaStream_t stream) {
  static const auto function = loaded(cublasLtMatmul, "cublasLtMatmul");
  return function(handle, description, alpha, a, layout_a, b, layout_b, beta, c, layout_c, d, layout_d, algorithm,
                  workspace, workspace_bytes, stream);
}

}  // extern "C"
