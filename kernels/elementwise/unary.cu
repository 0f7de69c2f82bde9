#include "kernels/elementwise/device_loop.hpp"
#include "kernels/elementwise/elementwise.hpp"
#include "kernels/elementwise/instances.hpp"

namespace orbitgrad::kernels {
namespace {

template <class Formula, class In, class Out>
void launch_unary(View<const In> in, View<Out> out) {
  launch_elementwise<Formula, Out, In>("elementwise.unary/strided", out, in);
}

struct RegisterUnary {
  RegisterUnary() {
#define REGISTER(Formula, In, Out) register_version<Unary<Formula, In, Out>>("strided", launch_unary<Formula, In, Out>);
    ORBITGRAD_UNARY_INSTANCES(REGISTER)
#undef REGISTER
  }
};
const RegisterUnary register_unary;

}  // namespace
}  // namespace orbitgrad::kernels
