// A program outside the project: it sees the installed headers and the exported target, nothing else. It builds a small
// p4 network, checks that it is equivariant bit for bit, and takes ten steps of training.
#include <cstdio>
#include <orbitgrad/orbitgrad.hpp>

#include "engine/tensor.hpp"  // the consumer's own file of that name, not ours

using namespace orbitgrad;

int main() {
  if (users_own_answer != 42) return 1;
  const auto group = groups::lattice_group("p4");
  const RandomKey key{1};
  nn::Sequential net;
  net.add<nn::LiftConv2d>("lift", group, 1, 4, 3, key.split("lift"),
                          GroupConv2dOptions{.implementation = "orbit_gather"});
  net.add<nn::GroupPool>("pool");

  const Tensor x = normal({8, 1, 9, 9}, key.split("images"));
  if (!nn::check_equivariance(net, x, group).is_exact()) return 2;

  const Tensor target = zeros({8, 4, 7, 7});
  nn::Sgd optimizer(net.named_parameters(), {.momentum = 0.9});
  double first = 0, last = 0;
  for (int step = 0; step < 10; ++step) {
    const Tensor loss = nn::mse(net(x), target);
    optimizer.clear_gradients();
    loss.backward();
    optimizer.step(0.1);
    (step == 0 ? first : last) = loss.item();
  }
  std::printf("loss %.4f -> %.4f\n", first, last);
  return last < 0.5 * first ? 0 : 3;
}
