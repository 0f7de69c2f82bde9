#include "engine/update.hpp"

#include "engine/dispatch.hpp"
#include "kernels/elementwise/elementwise.hpp"

namespace orbitgrad {

void assign(Tensor& target, const Tensor& source) {
  require_same_kind("assign", target, source);
  require(target.shape() == source.shape(), "assign", "the target is {}, the source {}. They must agree.",
          target.shape(), source.shape());
  dispatch("assign", target.device(), [&] {
    visit_dtype(target.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      begin_update<T>(target);
      kernels::cpu::copy<T, T>(source.view<T>(), fresh_view<T>(target));
    });
  });
}

}  // namespace orbitgrad
