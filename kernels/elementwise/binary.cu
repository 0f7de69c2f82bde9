#include "kernels/elementwise/device_loop.hpp"
#include "kernels/elementwise/elementwise.hpp"
#include "kernels/elementwise/instances.hpp"

namespace orbitgrad::kernels {
namespace {

template <class Formula, class In, class Out>
void launch_binary(View<const In> a, View<const In> b, View<Out> out) {
  launch_elementwise<Formula, Out, In, In>("elementwise.binary/strided", out, a, b);
}

struct RegisterBinary {
  RegisterBinary() {
#define REGISTER(Formula, In, Out) \
  register_version<Binary<Formula, In, Out>>("strided", launch_binary<Formula, In, Out>);
    ORBITGRAD_BINARY_INSTANCES(REGISTER)
#undef REGISTER
  }
};
const RegisterBinary register_binary;

}  // namespace
}  // namespace orbitgrad::kernels
