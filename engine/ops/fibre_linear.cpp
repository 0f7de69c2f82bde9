#include "engine/ops/fibre_linear.hpp"

#include <map>
#include <mutex>

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/bilinear_convolution.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/indexing.hpp"
#include "engine/ops/linear_map.hpp"
#include "engine/ops/matmul.hpp"
#include "engine/ops/shape_ops.hpp"
#include "engine/ops/transfer.hpp"
#include "groups/fourier_blocks.hpp"
#include "groups/printable.hpp"
#include "kernels/fibre_transform/fibre_transform.hpp"
#include "kernels/gemm/gemm.hpp"

namespace orbitgrad {

namespace {

/// A table of groups/fourier_blocks.hpp as the kernel reads it.
struct TransformTable {
  std::vector<double> values;
  std::vector<kernels::FibreRow> rows;

  TransformTable(std::vector<double> table, const groups::FourierBlocks& group, bool whole_matrices)
      : values(std::move(table)) {
    for (const groups::FourierBlock& block : group.blocks) {
      const auto first = static_cast<std::int32_t>(rows.size()), degree = static_cast<std::int32_t>(block.degree);
      const auto copies = whole_matrices ? degree : static_cast<std::int32_t>(block.copies());
      for (std::int32_t a = 0; a < copies; ++a)
        for (std::int32_t j = 0; j < degree; ++j) rows.push_back({first, copies, degree, a, j});
    }
  }
};

struct FibreTables {
  groups::FourierBlocks fourier;
  TransformTable function{fourier.function_table(), fourier, false}, filter{fourier.filter_table(), fourier, true};
};

/// The Cayley table is the key: two groups of one name may differ.
std::shared_ptr<const FibreTables> fibre_tables(const groups::FiniteGroup& group) {
  static std::mutex mutex;
  static std::map<std::vector<int>, std::shared_ptr<const FibreTables>> cache;
  const std::lock_guard lock(mutex);
  auto& entry = cache[{group.cayley_table().begin(), group.cayley_table().end()}];
  if (entry == nullptr) entry = std::make_shared<const FibreTables>(FibreTables{groups::fourier_blocks(group)});
  return entry;
}

/// x [N, C, |G|, P] to its transform, flat.
struct Transform {
  static constexpr std::string_view name = "fibre_transform", adjoint_name = "fibre_transform_adjoint";
  std::shared_ptr<const FibreTables> tables;
  const TransformTable* table;
  Shape in_shape, out_shape;

  Transform(std::shared_ptr<const FibreTables> of, const TransformTable& chosen, const Shape& shape)
      : tables(std::move(of)), table(&chosen), in_shape(shape), out_shape({problem().spectrum_size()}) {}

  template <class T>
  void forward(DeviceKind device, const T* x, T* spectrum) const {
    launch<kernels::FibreTransform<T>>(name, device, kernels::cpu::fibre_transform<T>, problem(), x, spectrum);
  }
  template <class T>
  void adjoint(DeviceKind device, const T* spectrum, T* x) const {
    launch<kernels::FibreTransformAdjoint<T>>(adjoint_name, device, kernels::cpu::fibre_transform_adjoint<T>, problem(),
                                              spectrum, x);
  }

 private:
  kernels::FibreTransformProblem problem() const {
    return {.batch = in_shape[0],
            .fields = in_shape[1],
            .order = in_shape[2],
            .positions = in_shape[3],
            .values = static_cast<std::int64_t>(table->rows.size()),
            .table = table->values.data(),
            .rows = table->rows.data()};
  }
};

/// For each irrep, rows [places copies, C d] times the transposed filter [O d, C d].
struct BlockProducts {
  static constexpr std::string_view name = "irrep_products", input_gradient_name = "irrep_products_input_gradient",
                                    filter_gradient_name = "irrep_products_filter_gradient";
  std::shared_ptr<const FibreTables> tables;
  std::int64_t places, in, out;
  Shape x_shape, w_shape, y_shape;
  Rounding rounding;

  template <class T>
  void forward(DeviceKind device, const T* x, const T* w, const T*, T* y) const {
    for_each_block([&](std::int64_t rows, std::int64_t d, std::int64_t row, std::int64_t matrix) {
      multiply(name, device, kernels::dense_gemm(rows, out * d, in * d, false, true), x + places * in * row,
               w + out * in * matrix, y + places * out * row);
    });
  }
  template <class T>
  void input_gradient(DeviceKind device, const T* dy, const T* w, T* dx) const {
    for_each_block([&](std::int64_t rows, std::int64_t d, std::int64_t row, std::int64_t matrix) {
      multiply(input_gradient_name, device, kernels::dense_gemm(rows, in * d, out * d), dy + places * out * row,
               w + out * in * matrix, dx + places * in * row);
    });
  }
  template <class T>
  void filter_gradient(DeviceKind device, const T* x, const T* dy, T* dw) const {
    for_each_block([&](std::int64_t rows, std::int64_t d, std::int64_t row, std::int64_t matrix) {
      multiply(filter_gradient_name, device, kernels::dense_gemm(out * d, in * d, rows, true), dy + places * out * row,
               x + places * in * row, dw + out * in * matrix);
    });
  }

 private:
  /// body(rows of the product, degree, values of the function and of the filter ahead of the block).
  template <class Body>
  void for_each_block(Body&& body) const {
    std::int64_t row = 0, matrix = 0;
    for (const groups::FourierBlock& block : tables->fourier.blocks) {
      body(places * block.copies(), block.degree, row, matrix);
      row += block.copies() * block.degree;
      matrix += block.degree * block.degree;
    }
  }
  template <class T>
  static void multiply(std::string_view op, DeviceKind device, const kernels::GemmProblem& problem, const T* a,
                       const T* b, T* c) {
    launch<kernels::Gemm<T>>(op, device, kernels::cpu::gemm<T>, problem, a, b, c);
  }
};

/// x [N, C, |G|, P], w [O, C, |G|] -> [N, O, |G|, P].
Tensor by_irrep_blocks(const Tensor& x, const Tensor& w, const groups::FiniteGroup& group) {
  const auto tables = fibre_tables(group);
  const std::int64_t batch = x.size(0), in = x.size(1), order = x.size(2), positions = x.size(3), out = w.size(0);
  const Tensor spectrum = linear::apply(Transform(tables, tables->function, x.shape()), x);
  const Tensor filter =
      linear::apply(Transform(tables, tables->filter, {out, in, order, 1}), reshape(w, {out, in, order, 1}));
  auto products = std::make_shared<BlockProducts>();
  products->tables = tables;
  products->places = batch * positions, products->in = in, products->out = out;
  products->x_shape = spectrum.shape(), products->w_shape = filter.shape();
  products->y_shape = {batch * positions * out * order};
  products->rounding = {precision_of(x.dtype()), false};
  const Tensor y = bilinear::forward<BlockProducts>(std::move(products), spectrum, filter, Tensor());
  return linear::apply_adjoint(Transform(tables, tables->function, {batch, out, order, positions}), y);
}

Tensor by_expansion(const Tensor& x, const Tensor& w, const groups::FiniteGroup& group) {
  const std::int64_t batch = x.size(0), in = x.size(1), order = x.size(2), positions = x.size(3), out = w.size(0);
  const Tensor bank = fibre_filter_bank(w, group);
  if (positions == 1)
    return reshape(matmul(reshape(x, {batch, in * order}), transpose(bank)), {batch, out, order, positions});
  return reshape(matmul(bank, reshape(x, {batch, in * order, positions})), {batch, out, order, positions});
}

/// By the arithmetic of each, from the shape alone. In units of a product of a matrix product: moving a value through a
/// transform costs 50 and its sum over the group 2 an element, as bench/fibre_linear.cpp measured it.
bool blocks_are_faster(const Tensor& x, const Tensor& w, const groups::FiniteGroup& group) {
  if (group.order() < 3 || group.order() > groups::max_irrep_order) return false;
  const auto order = static_cast<double>(group.order());
  const double places = static_cast<double>(x.size(0) * x.size(3)), in = static_cast<double>(x.size(1)),
               out = static_cast<double>(w.size(0));
  const double cost_of_value = 50 + 2 * order, dense = places * in * out * order * order;
  const double moved = places * (in + out) * order * cost_of_value;
  if (dense < 1e6 || dense < moved) return false;  // the irreps need not be known
  const auto tables = fibre_tables(group);
  const double filter = in * out * static_cast<double>(tables->filter.rows.size()) * cost_of_value;
  return places * in * out * static_cast<double>(tables->fourier.products()) + moved + filter < dense;
}

void require_shapes(const Tensor& x, const Tensor& w, const Tensor& bias, const groups::FiniteGroup& group) {
  constexpr std::string_view op = "fibre_linear";
  require(x.rank() >= 3 && x.size(2) == group.order(), op,
          "x must be regular features [N, C, |G|, ...] with |G| = {}, got {}. Use the group that made x.",
          group.order(), x.shape());
  require(w.rank() == 3 && w.size(1) == x.size(1) && w.size(2) == group.order(), op,
          "w must be [O, C, |G|] with C = {} and |G| = {}, got {}. Reshape it.", x.size(1), group.order(), w.shape());
  require(!bias.defined() || bias.shape() == Shape{w.size(0)}, op,
          "the bias must be [{}], one number an output field, got {}. Reshape it.", w.size(0),
          bias.defined() ? bias.shape().to_string() : "");
}

}  // namespace

std::vector<std::string> fibre_linear_implementations() { return {"expanded", "irrep_blocks"}; }

Tensor fibre_linear(const Tensor& x, const Tensor& w, const Tensor& bias, const groups::FiniteGroup& group,
                    const FibreLinearOptions& options) {
  constexpr std::string_view op = "fibre_linear";
  if (is_half_product(x, w, bias))
    return product_of_halves(x, w, bias, [&](const Tensor& wide_x, const Tensor& wide_w, const Tensor& wide_bias) {
      return fibre_linear(wide_x, wide_w, wide_bias, group, options);
    });
  require_same_kind(op, x, w);
  if (bias.defined()) require_same_kind(op, x, bias);
  require(is_floating(x.dtype()), op, "takes float32 or float64, got {}. Convert with to().", name(x.dtype()));
  require_shapes(x, w, bias, group);
  const bool is_known = options.implementation.empty() || options.implementation == "expanded" ||
                        options.implementation == "irrep_blocks";
  require(is_known, op,
          "there is no implementation '{}'. Choose one of {}, or leave it empty for the automatic choice.",
          printable(options.implementation), fmt::join(fibre_linear_implementations(), ", "));

  std::int64_t positions = 1;
  for (int axis = 3; axis < x.rank(); ++axis) positions *= x.size(axis);
  const Tensor places = reshape(x, {x.size(0), x.size(1), x.size(2), positions});
  const bool by_blocks =
      options.implementation.empty() ? blocks_are_faster(places, w, group) : options.implementation == "irrep_blocks";
  Tensor y = by_blocks ? by_irrep_blocks(places, w, group) : by_expansion(places, w, group);
  if (bias.defined()) y = y + reshape(bias, {w.size(0), 1, 1});
  Shape shape = x.shape();
  shape[1] = w.size(0);
  return reshape(y, shape);
}

Tensor fibre_filter_bank(const Tensor& w, const groups::FiniteGroup& group) {
  require(w.rank() == 3 && w.size(2) == group.order(), "fibre_filter_bank",
          "w must be [O, C, |G|] with |G| = {}, got {}. Give it one number per group element.", group.order(),
          w.shape());
  const std::int64_t out = w.size(0), in = w.size(1), order = group.order();
  std::vector<std::int64_t> entries;
  for (int g = 0; g < group.order(); ++g)
    for (int h = 0; h < group.order(); ++h) entries.push_back(group.product(group.inverse(g), h));
  const Tensor index = constant_on(from_vector(entries, {order * order}, DeviceKind::cpu), w.device());
  const Tensor bank = reshape(index_select(w, 2, index), {out, in, order, order});
  return reshape(permute(bank, {0, 2, 1, 3}), {out * order, in * order});
}

}  // namespace orbitgrad
