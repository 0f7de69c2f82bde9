#include "engine/update.hpp"

#include "engine/dispatch.hpp"
#include "kernels/elementwise/elementwise.hpp"

namespace orbitgrad {

void assign(Tensor& target, const Tensor& source) {
  require_same_kind("assign", target, source);
  require(target.shape() == source.shape(), "assign", "the target is {}, the source {}. They must agree.",
          target.shape(), source.shape());
  // A source that views the target's own memory has to be read before the first write.
  const bool overlaps = source.body().storage == target.body().storage;
  Tensor apart = overlaps ? Tensor::empty(source.shape(), source.dtype(), source.device()) : Tensor();
  dispatch("assign", target.device(), [&] {
    visit_dtype(target.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      begin_update<T>(target);
      if (overlaps) kernels::cpu::copy<T, T>(source.view<T>(), fresh_view<T>(apart));
      kernels::cpu::copy<T, T>((overlaps ? apart : source).view<T>(), fresh_view<T>(target));
    });
  });
}

}  // namespace orbitgrad
