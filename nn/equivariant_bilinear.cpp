#include <algorithm>

#include "engine/error.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/indexing.hpp"
#include "engine/ops/matmul.hpp"
#include "engine/ops/shape_ops.hpp"
#include "nn/equivariant_linear.hpp"

namespace orbitgrad::nn {

namespace {

bool is_dual(const groups::AtomPointer& atom) { return atom->name == "dual(V)"; }

}  // namespace

EquivariantBilinear::EquivariantBilinear(const groups::Representation& rho, RandomKey key, DType dtype)
    : size_(rho.dimension()), base_(rho.group().dimension()) {
  const groups::MatrixGroup& group = rho.group();
  // Copies of a type need not be
  // neighbours: each run of copies is a term of its own, and a joint type is drawn from its first run.
  std::int64_t begin = 0;
  for (const auto& term : rho.terms()) {
    const auto& factors = term.type.factors();
    for (const auto& factor : factors)
      require(factor->name == "V" || is_dual(factor), "EquivariantBilinear",
              "{} is no tensor of V and V*. Take T(p,q).", term.type.to_string());
    require(std::ranges::is_partitioned(factors, [](const auto& f) { return !is_dual(f); }), "EquivariantBilinear",
            "{}: V* before V. Write it as T(p,q).", term.type.to_string());
    const auto down = static_cast<std::int64_t>(std::ranges::count_if(factors, is_dual));
    const std::int64_t up = term.type.rank() - down;
    terms_.push_back({begin, term.multiplicity, term.type.dimension(), up, down});
    begin += term.multiplicity * term.type.dimension();
  }
  chosen_.resize(terms_.size());
  const bool self_dual = group.is_orthogonal();
  for (std::size_t out = 0; out < terms_.size(); ++out)
    for (std::size_t in = 0; in < terms_.size(); ++in) {
      const Term &a = terms_[out], &b = terms_[in];
      // out x in* = V^up(a) V*^down(a) V*^up(b) V^down(b); for orthogonal groups V* is V.
      const std::int64_t up = self_dual ? a.up + b.up : a.up + b.down;
      const std::int64_t down = self_dual ? 0 : a.down + b.up;
      if (up + down == 0) continue;
      const auto joint = std::ranges::find_if(terms_, [&](const Term& t) { return t.up == up && t.down == down; });
      if (joint == terms_.end()) continue;
      const auto number = static_cast<std::size_t>(joint - terms_.begin());
      if (!chosen_[number]) {
        const std::int64_t count = std::min(joint->copies, joint->size);
        const std::string name = fmt::format("chosen{}", number);
        chosen_[number] = register_buffer(name, random_integers({count}, key.split(name), joint->copies));
      }
      Product product{.out = out, .in = in, .joint = number};
      // Axis order that turns V^up V*^down of the joint copy into the order of out x in*.
      std::int64_t next_up = 0, next_down = up;
      const auto take = [&](std::int64_t count, std::int64_t& next) {
        for (std::int64_t i = 0; i < count; ++i) product.axes.push_back(next++);
      };
      take(a.up, next_up);
      take(a.down, next_down);
      take(b.up, self_dual ? next_up : next_down);
      take(b.down, next_up);
      const std::string name = fmt::format("weight{}_{}", out, in);
      product.weight =
          register_parameter(name, normal({a.copies, b.copies, chosen_[number].size(0)}, key.split(name), 0, 1, dtype));
      products_.push_back(std::move(product));
    }
}

Tensor EquivariantBilinear::copies_of(const Tensor& x, const Term& term) const {
  return reshape(narrow(x, 1, term.begin, term.copies * term.size), {x.size(0), term.copies, term.size});
}

/// sum over copies j and k of weight[i, j, k] X_k x_j: [N, out copies, out size]; matrices [N, k, joint size] are the
/// X_k, vectors [N, j, in size] the x_j.
Tensor EquivariantBilinear::evaluate(const Product& product, Tensor matrices, const Tensor& vectors) const {
  const Term &out = terms_[product.out], &in = terms_[product.in], &joint = terms_[product.joint];
  const std::int64_t samples = vectors.size(0), chosen = product.weight.size(2);
  if (!std::ranges::is_sorted(product.axes)) {
    Shape split{samples, chosen};
    Axes order{0, 1};
    for (const std::int64_t axis : product.axes) {
      split.push_back(base_);
      order.push_back(static_cast<int>(axis) + 2);
    }
    matrices = reshape(permute(reshape(matrices, split), order), {samples, chosen, joint.size});
  }
  if (in.size == 1) {  // scalars times tensors: first the weights of each tensor
    const Tensor by_input = reshape(permute(product.weight, {1, 0, 2}), {in.copies, out.copies * chosen});
    const Tensor factors = matmul(reshape(vectors, {samples, in.copies}), by_input);
    return matmul(reshape(factors, {samples, out.copies, chosen}), matrices);
  }
  const Tensor by_output = reshape(permute(product.weight, {2, 1, 0}), {chosen * in.copies, out.copies});
  if (out.size == 1) {                                             // inner products
    const Tensor products = matmul(matrices, transpose(vectors));  // [N, k, j]
    return reshape(matmul(reshape(products, {samples, chosen * in.copies}), by_output), {samples, out.copies, 1});
  }
  const Tensor images = matmul(reshape(matrices, {samples, chosen * out.size, in.size}), transpose(vectors));
  const Tensor sorted = permute(reshape(images, {samples, chosen, out.size, in.copies}), {0, 2, 1, 3});
  const Tensor sums = matmul(reshape(sorted, {samples * out.size, chosen * in.copies}), by_output);
  return permute(reshape(sums, {samples, out.size, out.copies}), {0, 2, 1});
}

Tensor EquivariantBilinear::forward(const Tensor& x, const Pass&) {
  require(x.rank() == 2 && x.size(1) == size_, "EquivariantBilinear", "takes [N, {}], got {}. Flatten samples.", size_,
          x.shape().to_string());
  // Once for all products, so that the gradient meets each part of x once.
  std::vector<Tensor> copies(terms_.size()), matrices(terms_.size());
  for (std::size_t term = 0; term < terms_.size(); ++term) {
    copies[term] = copies_of(x, terms_[term]);
    if (chosen_[term]) matrices[term] = index_select(copies[term], 1, chosen_[term]);
  }
  std::vector<Tensor> parts;
  for (std::size_t term = 0; term < terms_.size(); ++term) {
    Tensor sum;
    for (const Product& product : products_)
      if (product.out == term) {
        const Tensor more = evaluate(product, matrices[product.joint], copies[product.in]);
        sum = sum ? sum + more : more;
      }
    const Shape flat{x.size(0), terms_[term].copies * terms_[term].size};
    parts.push_back(sum ? reshape(sum, flat) : zeros(flat, x.dtype(), x.device()));
  }
  return concat(parts, 1) * 0.1;
}

}  // namespace orbitgrad::nn
