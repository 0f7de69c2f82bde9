#include "models/emlp.hpp"

#include <cmath>

#include "engine/error.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/philox_source.hpp"
#include "nn/layers.hpp"

namespace orbitgrad::models {

namespace {

std::int64_t integer_power(std::int64_t base, std::int64_t exponent) {
  std::int64_t result = 1;
  for (std::int64_t i = 0; i < exponent; ++i) result *= base;
  return result;
}

/// Largest r with (r + 1) d^r <= channels.
std::int64_t largest_rank(std::int64_t d, std::int64_t channels) {
  std::int64_t rank = 0;
  while (rank < 16 && (rank + 2) * integer_power(d, rank + 1) <= channels) ++rank;
  return rank;
}

/// Copies of T(p, r - p) for p = 0 .. r.
std::vector<std::int64_t> split_binomially(std::int64_t copies, std::int64_t rank, groups::RandomSource& random) {
  std::vector<std::int64_t> result(static_cast<std::size_t>(rank) + 1);
  const std::int64_t even = copies / integer_power(2, rank);
  double binomial = 1;
  for (std::int64_t p = 0; p <= rank; ++p) {
    result[static_cast<std::size_t>(p)] = even * std::llround(binomial);
    binomial *= static_cast<double>(rank - p) / static_cast<double>(p + 1);
  }
  for (std::int64_t rest = copies % integer_power(2, rank); rest > 0; --rest) {
    std::int64_t p = 0;
    for (std::int64_t i = 0; i < rank; ++i) p += random.below(2);
    ++result[static_cast<std::size_t>(p)];
  }
  return result;
}

class EmlpBlock final : public nn::Module {
 public:
  EmlpBlock(const groups::Representation& in, const groups::Representation& out, RandomKey key,
            groups::BasisLibrary<double>& library, DType dtype) {
    const groups::Representation with_gates = nn::gated(out);
    linear_ = add_child<nn::EquivariantLinear>("linear", in, with_gates, key.split("linear"), library, dtype);
    bilinear_ = add_child<nn::EquivariantBilinear>("bilinear", with_gates, key.split("bilinear"), dtype);
    gates_ = add_child<nn::GatedNonlinearity>("gates", out);
  }
  Tensor forward(const Tensor& x, const nn::Pass& pass) override {
    const Tensor z = linear_->forward(x, pass.child(0));
    return gates_->forward(z + bilinear_->forward(z, pass.child(1)), pass.child(2));
  }

 private:
  std::shared_ptr<nn::Module> linear_, bilinear_, gates_;
};

}  // namespace

groups::Representation hidden_representation(const groups::MatrixGroup& group, std::int64_t channels,
                                             Allocation allocation, RandomKey key) {
  require(channels >= 1, "hidden_representation", "{} channels. Take at least 1.", channels);
  const std::int64_t d = group.dimension(), first_rank = largest_rank(d, channels);
  std::vector<std::int64_t> copies(static_cast<std::size_t>(first_rank) + 1);
  for (std::int64_t left = channels; left > 0;) {
    const std::int64_t rank = allocation == Allocation::uniform ? largest_rank(d, left) : first_rank;
    for (std::int64_t r = 0; r <= rank; ++r) copies[static_cast<std::size_t>(r)] += integer_power(d, rank - r);
    left -= (rank + 1) * integer_power(d, rank);
  }
  groups::RandomSource random = philox_source(key);
  const groups::AtomPointer base = groups::base_atom(group), dual = groups::dual_atom(base, group);
  const bool split = allocation == Allocation::uniform && dual != base;
  std::vector<groups::Representation::Term> terms;
  for (std::int64_t rank = 0; rank <= first_rank; ++rank) {
    const std::int64_t count = copies[static_cast<std::size_t>(rank)];
    std::vector<std::int64_t> of_up(static_cast<std::size_t>(rank) + 1);
    of_up.back() = count;
    if (split) of_up = split_binomially(count, rank, random);
    for (std::int64_t up = 0; up <= rank; ++up) {
      std::vector<groups::AtomPointer> factors(static_cast<std::size_t>(up), base);
      factors.insert(factors.end(), static_cast<std::size_t>(rank - up), dual);
      terms.push_back({of_up[static_cast<std::size_t>(up)], groups::TensorType(std::move(factors))});
    }
  }
  return {group, std::move(terms)};
}

std::shared_ptr<nn::Module> emlp(const groups::Representation& in, const groups::Representation& out, RandomKey key,
                                 const EmlpOptions& options) {
  require(options.layers >= 1, "emlp", "{} hidden layers. Take at least 1.", options.layers);
  groups::BasisLibrary<double> library;
  auto model = std::make_shared<nn::Sequential>();
  const groups::Representation hidden =
      hidden_representation(in.group(), options.channels, options.allocation, key.split("channels"));
  groups::Representation current = in;
  for (std::int64_t layer = 0; layer < options.layers; ++layer) {
    model->add<EmlpBlock>(fmt::format("block{}", layer + 1), current, hidden,
                          key.split(static_cast<std::uint64_t>(layer)), library, options.dtype);
    current = hidden;
  }
  model->add<nn::EquivariantLinear>("top", current, out, key.split("top"), library, options.dtype);
  return model;
}

std::shared_ptr<nn::Module> swish_mlp(std::int64_t in, std::int64_t out, RandomKey key, const EmlpOptions& options) {
  auto model = std::make_shared<nn::Sequential>();
  const auto add_dense = [&](const std::string& name, std::int64_t from, std::int64_t to, RandomKey layer_key) {
    const double gain = 2 * static_cast<double>(from) / static_cast<double>(from + to);
    model->add<nn::Linear>(name, from, to, layer_key, nn::LayerOptions{.gain = gain, .dtype = options.dtype});
  };
  std::int64_t width = in;
  for (std::int64_t layer = 0; layer < options.layers; ++layer) {
    add_dense(fmt::format("dense{}", layer + 1), width, options.channels, key.split(static_cast<std::uint64_t>(layer)));
    model->add<nn::Activation>(fmt::format("swish{}", layer + 1), silu);
    width = options.channels;
  }
  add_dense("top", width, out, key.split("top"));
  nn::State start = model->state();
  for (auto& [name, tensor] : start)
    if (name.ends_with("bias")) tensor = zeros_like(tensor.detach());
  model->load_state(start);
  return model;
}

}  // namespace orbitgrad::models
