#include "engine/kernel_versions.hpp"

#include <algorithm>
#include <utility>

#include "engine/dispatch.hpp"

namespace orbitgrad {

KernelVersions::KernelVersions(std::string forced) : forced_(std::move(forced)) { current_ = this; }
KernelVersions::~KernelVersions() { current_ = nullptr; }

int KernelVersions::choose(std::string_view op, std::string_view kernel, DeviceKind device,
                           const std::vector<Offer>& offers, std::string_view automatic) {
  int forced = -1;
  bool exists = false;
  std::string supporting;
  for (std::size_t i = 0; i < offers.size(); ++i) {
    const bool is_meant = !forced_.empty() && is_meant_by(offers[i].name, forced_);
    exists = exists || is_meant;
    if (!offers[i].supports) continue;
    if (is_meant) forced = static_cast<int>(i);
    if (!supporting.empty()) supporting += ", ";
    supporting += offers[i].name;
  }
  if (exists && forced < 0)
    fail(op,
         "the version '{}' of the kernel {} on {} does not support this dtype, these sizes or these settings. Of these "
         "arguments it can do: {}.",
         forced_, kernel, name(device), supporting.empty() ? "none" : supporting);
  was_forced_ = was_forced_ || forced >= 0;
  const std::string version(forced >= 0 ? offers[static_cast<std::size_t>(forced)].name : automatic);
  const auto known =
      std::ranges::find_if(uses_, [&](const Use& use) { return use.kernel == kernel && use.version == version; });
  if (known == uses_.end()) {
    Use use{std::string(kernel), version, {}};
    for (const Offer& offer : offers) use.offered.emplace_back(offer.name);
    uses_.push_back(std::move(use));
  }
  return forced;
}

}  // namespace orbitgrad
