// Matrix groups from matrix groups: embedding, generation, direct and semidirect product.
#include <algorithm>

#include "groups/classical_groups.hpp"
#include "groups/lie_algebra.hpp"
#include "groups/linear_algebra.hpp"

namespace orbitgrad::groups {

namespace {

std::vector<ComplexMatrix> map_each(std::span<const ComplexMatrix> matrices, const auto& function) {
  std::vector<ComplexMatrix> result;
  for (const ComplexMatrix& matrix : matrices) result.push_back(function(matrix));
  return result;
}

void append(std::vector<ComplexMatrix>& list, std::span<const ComplexMatrix> more) {
  list.insert(list.end(), more.begin(), more.end());
}

std::string joined_names(const std::vector<MatrixGroup>& parts) {
  std::string result;
  for (const MatrixGroup& part : parts) {
    if (!result.empty()) result += ",";
    result += part.name();
  }
  return result;
}

/// A short expression may name a large group: this many numbers in all its generators, and no more.
void require_possible(std::string_view op, std::int64_t dimension, std::size_t generators) {
  constexpr std::int64_t largest_dimension = 1024, most_numbers = std::int64_t{1} << 25;
  require(dimension >= 1 && dimension <= largest_dimension, op, "{} coordinates. Take 1 .. {}.", dimension,
          largest_dimension);
  require(static_cast<std::int64_t>(generators) <= most_numbers / (dimension * dimension), op,
          "{} generators on {} coordinates are more than {} numbers. Take a smaller group.", generators, dimension,
          most_numbers);
}

std::size_t generators_of(const MatrixGroup& group) {
  return group.lie_generators().size() + group.discrete_generators().size();
}

}  // namespace

MatrixGroup embedded(const MatrixGroup& group, std::int64_t dimension, const std::vector<std::int64_t>& coordinates) {
  const auto count = static_cast<std::int64_t>(coordinates.size());
  require(count == group.dimension(), "embedded", "{} acts on {} coordinates, got {}. Name as many.", group.name(),
          group.dimension(), count);
  require_possible("embedded", dimension, generators_of(group));
  std::vector<bool> taken(static_cast<std::size_t>(dimension));
  std::string name = fmt::format("Embed({},{}", group.name(), dimension);
  for (const std::int64_t coordinate : coordinates) {
    require(coordinate >= 0 && coordinate < dimension, "embedded", "coordinate {} of {}. Take one in 0 .. {}.",
            coordinate, dimension, dimension - 1);
    require(!taken[static_cast<std::size_t>(coordinate)], "embedded", "coordinate {} is taken twice. Name it once.",
            coordinate);
    taken[static_cast<std::size_t>(coordinate)] = true;
    name += fmt::format(",{}", coordinate);
  }
  name += ")";
  const auto place = [&](ComplexMatrix base, const ComplexMatrix& block) {
    for (std::int64_t i = 0; i < block.rows; ++i)
      for (std::int64_t j = 0; j < block.cols; ++j)
        base(coordinates[static_cast<std::size_t>(i)], coordinates[static_cast<std::size_t>(j)]) = block(i, j);
    return base;
  };
  return {name, dimension,
          map_each(group.lie_generators(),
                   [&](const ComplexMatrix& a) { return place(ComplexMatrix(dimension, dimension), a); }),
          map_each(group.discrete_generators(),
                   [&](const ComplexMatrix& h) { return place(ComplexMatrix::identity(dimension), h); }),
          GroupStructure{Family::embedding, {}, {group}, coordinates}};
}

MatrixGroup generated_by(const std::vector<MatrixGroup>& parts) {
  require(!parts.empty(), "generated_by", "no group given. Name at least one.");
  std::vector<ComplexMatrix> lie, discrete;
  std::size_t generators = 0;
  for (const MatrixGroup& part : parts) generators += generators_of(part);
  require_possible("generated_by", parts[0].dimension(), generators);
  for (const MatrixGroup& part : parts) {
    require(part.dimension() == parts[0].dimension(), "generated_by",
            "{} acts on {} coordinates, {} on {}. All parts need one size.", parts[0].name(), parts[0].dimension(),
            part.name(), part.dimension());
    append(lie, part.lie_generators());
    append(discrete, part.discrete_generators());
  }
  return {"Union(" + joined_names(parts) + ")", parts[0].dimension(), std::move(lie), std::move(discrete)};
}

MatrixGroup direct_product(const MatrixGroup& first, const MatrixGroup& second) {
  require_possible("direct_product", first.dimension() * second.dimension(),
                   generators_of(first) + generators_of(second));
  const ComplexMatrix left = ComplexMatrix::identity(first.dimension());
  const ComplexMatrix right = ComplexMatrix::identity(second.dimension());
  const auto times_right = [&](const ComplexMatrix& a) { return kronecker(a, right); };
  const auto times_left = [&](const ComplexMatrix& b) { return kronecker(left, b); };
  std::vector<ComplexMatrix> lie = map_each(first.lie_generators(), times_right);
  append(lie, map_each(second.lie_generators(), times_left));
  std::vector<ComplexMatrix> discrete = map_each(first.discrete_generators(), times_right);
  append(discrete, map_each(second.discrete_generators(), times_left));
  return {"DirectProduct(" + first.name() + "," + second.name() + ")", first.dimension() * second.dimension(),
          std::move(lie), std::move(discrete), GroupStructure{Family::direct_product, {}, {first, second}, {}}};
}

MatrixGroup semidirect_product(const MatrixGroup& normal, const MatrixGroup& acting) {
  require(normal.dimension() == acting.dimension(), "semidirect_product",
          "{} acts on {} coordinates, {} on {}. Write both in one size.", normal.name(), normal.dimension(),
          acting.name(), acting.dimension());
  const auto size = static_cast<double>(normal.dimension());
  const double pairs = static_cast<double>(normal.lie_generators().size()) * static_cast<double>(generators_of(acting));
  require(pairs * size * size * std::max(size, static_cast<double>(normal.lie_generators().size())) <= 0x1p33,
          "semidirect_product",
          "whether {} normalizes {} takes too long to check. Take smaller groups, or their Union.", acting.name(),
          normal.name());
  const LinearSpan algebra(normal.lie_generators());
  const auto require_inside = [&](const ComplexMatrix& image, const char* kind, std::size_t i) {
    const double residual = algebra.residual(image);
    require(residual < 1e-9, "semidirect_product",
            "{} generator {} of {} does not normalize {}: residual {:.2e}. The first factor must be normal.", kind, i,
            acting.name(), normal.name(), residual);
  };
  for (const ComplexMatrix& a : normal.lie_generators()) {
    for (std::size_t i = 0; i < acting.lie_generators().size(); ++i)
      require_inside(bracket(acting.lie_generators()[i], a), "Lie algebra", i);
    for (std::size_t i = 0; i < acting.discrete_generators().size(); ++i) {
      const ComplexMatrix& h = acting.discrete_generators()[i];
      require_inside(h * a * inverse(h), "discrete", i);
    }
  }
  const MatrixGroup both = generated_by({normal, acting});
  const auto lie = both.lie_generators(), discrete = both.discrete_generators();
  return {"SemidirectProduct(" + normal.name() + "," + acting.name() + ")", both.dimension(),
          std::vector<ComplexMatrix>(lie.begin(), lie.end()),
          std::vector<ComplexMatrix>(discrete.begin(), discrete.end())};
}

}  // namespace orbitgrad::groups
