#include "engine/catalogue/kernels_of.hpp"

#include <map>
#include <set>

#include "engine/catalogue/evaluate.hpp"
#include "engine/kernel_versions.hpp"
#include "engine/ops/cast.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/transfer.hpp"

namespace orbitgrad::catalogue {

std::vector<KernelOfOp> kernels_of(const Op& op, DeviceKind device) {
  const ScopedDefaultDevice on_device(device);
  std::map<std::string, std::set<std::string>> versions;
  for (const Example& example : op.examples)
    for (const DType dtype : {DType::float32, DType::float64}) {
      Tensors tensors = example_tensors(op, example);
      for (auto& [name, tensor] : tensors)
        if (is_floating(tensor.dtype())) tensor = cast(tensor.detach(), dtype);
      const std::vector<Tensor> results = run(op, tensors, example.settings);
      const bool has_gradient = op.derivatives != Derivatives::none && is_floating(results[0].dtype());
      const Tensor cotangent = has_gradient ? ones_like(results[0]) : Tensor();
      const KernelVersions seen;
      evaluate(op, tensors, example.settings, cotangent);
      for (const KernelVersions::Use& use : seen.uses())
        if (!use.offered.empty()) versions[use.kernel].insert(use.offered.begin(), use.offered.end());
    }
  std::vector<KernelOfOp> result;
  for (const auto& [kernel, names] : versions) result.push_back({kernel, {names.begin(), names.end()}});
  return result;
}

}  // namespace orbitgrad::catalogue
