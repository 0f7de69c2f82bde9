#include "engine/autograd/gradcheck.hpp"

#include <cmath>

#include "engine/autograd/grad.hpp"
#include "engine/error.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/cast.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/transfer.hpp"
#include "kernels/philox.hpp"

namespace orbitgrad {

namespace {

// Values in [-1, 1), away from 0 so that no direction vanishes.
Tensor random_weights(const Tensor& like, std::uint64_t key) {
  std::vector<double> values(static_cast<std::size_t>(like.numel()));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const kernels::PhiloxBlock block = kernels::philox(key, i);
    const double u = 2 * kernels::uniform_double(block.word[0], block.word[1]) - 1;
    values[i] = u + (u < 0 ? -0.1 : 0.1);
  }
  return from_vector(values, like.shape(), like.device());
}

class Checker {
 public:
  Checker(const TensorFunction& f, const std::vector<Tensor>& inputs, const GradcheckOptions& options)
      : f_(f), inputs_(inputs), options_(options) {}

  void run() {
    const Tensor output = f_(inputs_);
    require(output.dtype() == DType::float64, "gradcheck", "the output is {}. Use float64 inputs throughout.",
            name(output.dtype()));
    weight_ = random_weights(output, options_.seed);
    std::vector<Tensor> tracked;
    for (const Tensor& input : inputs_)
      if (input.requires_grad()) tracked.push_back(input);
    const auto gradients = grad({output}, tracked, {.allow_unused = true, .output_gradients = {weight_}});
    std::size_t next = 0;
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      if (!inputs_[i].requires_grad()) continue;
      const Tensor gradient = gradients[next].defined() ? gradients[next] : zeros_like(inputs_[i]);
      ++next;
      if (inputs_[i].numel() <= options_.entry_limit)
        check_entries(i, on_host(gradient.detach()));
      else
        check_directions(i, gradient.detach());
    }
  }

 private:
  double loss_along(std::size_t index, const Tensor& direction, double step) const {
    std::vector<Tensor> moved = inputs_;
    Tensor displaced = inputs_[index].detach() + direction * step;
    moved[index] = displaced.set_requires_grad();
    return sum(f_(moved).detach() * weight_).item();
  }

  void compare(std::size_t index, std::string_view what, const Tensor& direction, double analytic) const {
    const double step = options_.step;
    const double numeric = (loss_along(index, direction, step) - loss_along(index, direction, -step)) / (2 * step);
    const double tolerance = options_.absolute_tolerance + options_.relative_tolerance * std::abs(numeric);
    require(std::abs(analytic - numeric) <= tolerance, "gradcheck",
            "input {} of shape {}, {}: the derivative says {:.12g}, differences say {:.12g}. Correct the backward, or "
            "check at a smooth point.",
            index, inputs_[index].shape(), what, analytic, numeric);
  }

  void check_entries(std::size_t index, const Tensor& gradient) const {
    const std::int64_t count = inputs_[index].numel();
    for (std::int64_t entry = 0; entry < count; ++entry) {
      std::vector<double> unit(static_cast<std::size_t>(count), 0.0);
      unit[static_cast<std::size_t>(entry)] = 1;
      compare(index, fmt::format("entry {}", entry), from_vector(unit, inputs_[index].shape(), inputs_[index].device()),
              gradient.host_data<double>()[entry]);
    }
  }

  void check_directions(std::size_t index, const Tensor& gradient) const {
    for (int i = 0; i < options_.directions; ++i) {
      const std::uint64_t key = kernels::philox_split(options_.seed, 1 + static_cast<std::uint64_t>(i));
      const Tensor direction = random_weights(inputs_[index], key);
      compare(index, fmt::format("direction {}", i), direction, sum(gradient * direction).item());
    }
  }

  const TensorFunction& f_;
  const std::vector<Tensor>& inputs_;
  const GradcheckOptions& options_;
  Tensor weight_;
};

void require_float64(std::string_view op, const std::vector<Tensor>& inputs) {
  bool tracked = false;
  for (const Tensor& input : inputs) {
    if (!input.requires_grad()) continue;
    tracked = true;
    require(input.dtype() == DType::float64, op, "an input is {} {}. Differences need float64.", name(input.dtype()),
            input.shape());
  }
  require(tracked, op, "no input requires gradients. Call set_requires_grad() on what is to be checked.");
}

}  // namespace

bool gradcheck(const TensorFunction& f, const std::vector<Tensor>& inputs, const GradcheckOptions& options) {
  require_float64("gradcheck", inputs);
  const EnableGrad recording;
  Checker(f, inputs, options).run();
  return true;
}

bool gradgradcheck(const TensorFunction& f, const std::vector<Tensor>& inputs, const GradcheckOptions& options) {
  require_float64("gradgradcheck", inputs);
  const EnableGrad recording;
  const Tensor output = f(inputs);
  if (!output.requires_grad())
    fail("gradgradcheck",
         "the output does not depend on any input that requires gradients. Call set_requires_grad() on one.");
  Tensor weight = random_weights(output, kernels::philox_split(options.seed, 0));
  std::vector<Tensor> all = inputs;
  all.push_back(weight.set_requires_grad());

  // One scalar-weighted sum of all first derivatives, as a function of the inputs and of the output's weight.
  const TensorFunction gradient_of_f = [&](const std::vector<Tensor>& arguments) {
    const std::vector<Tensor> x(arguments.begin(), arguments.end() - 1);
    std::vector<Tensor> tracked;
    for (const Tensor& input : x)
      if (input.requires_grad()) tracked.push_back(input);
    const auto gradients =
        grad({f(x)}, tracked, {.create_graph = true, .allow_unused = true, .output_gradients = {arguments.back()}});
    Tensor total = zeros({}, DType::float64, output.device());
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      if (!gradients[i].defined()) continue;
      const Tensor v = random_weights(gradients[i], kernels::philox_split(options.seed, 100 + i));
      total = total + sum(gradients[i] * v);
    }
    return total + sum(arguments.back() * 0.0);
  };
  gradcheck(gradient_of_f, all, options);
  return true;
}

}  // namespace orbitgrad
