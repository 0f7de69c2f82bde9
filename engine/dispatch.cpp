#include "engine/dispatch.hpp"

#include "kernels/device_graph.hpp"
#include "kernels/device_memory.hpp"
#include "kernels/sim/trace.hpp"

namespace orbitgrad {

DeviceKind device_of_versions(DeviceKind device) {
  const bool is_traced = device == DeviceKind::sim && kernels::sim::Trace::current() != nullptr;
  return is_traced ? DeviceKind::sim_traced : device;
}

bool is_meant_by(std::string_view version, std::string_view forced) {
  return version.starts_with(forced) && (version.size() == forced.size() || version[forced.size()] == '/');
}

void fail_launch(std::string_view op, DeviceKind device, const kernels::LaunchError& error) {
  fail(op, "{} reports: {}. If this stays, compute on the cpu.", name(device), error.what());
}

void fail_no_version(std::string_view op, DeviceKind device, std::string_view kernel) {
  fail(op, "there is no version for the device {} of the kernel {} and these sizes. Move the tensors to the cpu.",
       name(device), kernel);
}

void wait_for(DeviceKind device) {
  if (kernels::DeviceGraph::recording() == nullptr) kernels::device_memory(device)->synchronize();
}

}  // namespace orbitgrad
