#include "engine/ops/einsum.hpp"

#include <algorithm>
#include <cctype>
#include <string>

#include "engine/dispatch.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/matmul.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"
#include "engine/ops/triangular.hpp"
#include "groups/printable.hpp"

namespace orbitgrad {

namespace {

constexpr std::string_view op = "einsum";

/// A tensor whose axes have names. The axes of "..." are named by digits, counted from the right: '0' is the last.
struct Labelled {
  Tensor tensor;
  std::string labels;

  std::int64_t length(char label) const { return tensor.size(static_cast<int>(labels.find(label))); }
  bool has(char label) const { return labels.find(label) != std::string::npos; }
};

bool contains(std::string_view text, char label) { return text.find(label) != std::string_view::npos; }

struct Equation {
  std::vector<std::string> inputs;  // with digits for "..."
  std::string output;
};

/// Letters of one term, with "..." as digits for that many axes.
std::string expanded(std::string_view equation, std::string_view term, int ellipsis_axes) {
  std::string labels;
  bool has_ellipsis = false;
  for (std::size_t i = 0; i < term.size(); ++i) {
    if (std::isalpha(static_cast<unsigned char>(term[i])) != 0) {
      labels += term[i];
      continue;
    }
    require(term.substr(i, 3) == "..." && !has_ellipsis, op,
            "'{}' in '{}' is not a term. Use letters, and \"...\" once.", term, equation);
    has_ellipsis = true;
    for (int axis = ellipsis_axes; axis-- > 0;) labels += static_cast<char>('0' + axis);
    i += 2;
  }
  return labels;
}

Equation parse(std::string_view written, const std::vector<Tensor>& operands) {
  require(printable(written, written.size()) == written, op,
          "'{}' has control characters. Use letters, \"...\" and \"->\".", printable(written));
  std::string text;
  std::copy_if(written.begin(), written.end(), std::back_inserter(text), [](char c) { return c != ' '; });
  const std::size_t arrow = text.find("->");
  std::string_view left = std::string_view(text).substr(0, arrow);
  std::vector<std::string_view> terms;
  for (std::size_t comma = 0; comma != std::string_view::npos;) {
    comma = left.find(',');
    terms.push_back(left.substr(0, comma));
    if (comma != std::string_view::npos) left.remove_prefix(comma + 1);
  }
  require(terms.size() == operands.size(), op, "'{}' has {} terms for {} operands. Give one each.", written,
          terms.size(), operands.size());
  Equation result;
  int most = 0;  // axes of the longest "..."
  for (std::size_t i = 0; i < terms.size(); ++i) {
    const Tensor& x = operands[i];
    require(x.defined(), op, "operand {} is undefined. Give a tensor.", i);
    const std::string letters = expanded(written, terms[i], 0);
    const bool has_ellipsis = contains(terms[i], '.');
    const int axes = x.rank() - static_cast<int>(letters.size());
    require(has_ellipsis ? axes >= 0 : axes == 0, op,
            "term '{}' names {} axes, operand {} has shape {}. Name each axis.", terms[i], letters.size(), i,
            x.shape());
    result.inputs.push_back(expanded(written, terms[i], axes));
    most = std::max(most, axes);
  }
  if (arrow != std::string::npos) {
    const std::string_view term = std::string_view(text).substr(arrow + 2);
    result.output = expanded(written, term, most);
    require(most == 0 || contains(term, '.'), op,
            "the result of '{}' leaves out \"...\", which stands for {} axes. Write it, and sum over them afterwards.",
            written, most);
  } else {
    std::string letters;
    for (const std::string& input : result.inputs)
      for (const char label : input) letters += std::isalpha(static_cast<unsigned char>(label)) != 0 ? label : ' ';
    std::erase(letters, ' ');
    std::sort(letters.begin(), letters.end());
    for (int axis = most; axis-- > 0;) result.output += static_cast<char>('0' + axis);
    for (const char label : letters)
      if (std::count(letters.begin(), letters.end(), label) == 1) result.output += label;
  }
  for (const char label : result.output) {
    require(std::count(result.output.begin(), result.output.end(), label) == 1, op,
            "the result of '{}' names an axis twice. Name each once.", written);
    require(std::isdigit(static_cast<unsigned char>(label)) != 0 ||
                std::any_of(result.inputs.begin(), result.inputs.end(),
                            [&](const std::string& input) { return contains(input, label); }),
            op, "axis '{}' of the result of '{}' is in no term. Drop it, or name it in a term.", label, written);
  }
  return result;
}

/// Puts axes of that name in that order; axes that x lacks become 1.
Tensor arranged(const Labelled& x, std::string_view labels) {
  Axes order;
  Shape shape;
  for (const char label : labels) {
    if (x.has(label)) order.push_back(static_cast<int>(x.labels.find(label)));
    shape.push_back(x.has(label) ? x.length(label) : 1);
  }
  return reshape(permute(x.tensor, order), shape);
}

/// Sums over axes that nobody else asks for.
Labelled without_unneeded(const Labelled& x, std::string_view needed) {
  Axes axes;
  std::string left;
  for (std::size_t i = 0; i < x.labels.size(); ++i)
    if (contains(needed, x.labels[i]))
      left += x.labels[i];
    else
      axes.push_back(static_cast<int>(i));
  return axes.empty() ? x : Labelled{sum(x.tensor, axes), left};
}

/// A label repeated in one operand stands for its diagonal.
Labelled with_distinct_labels(Labelled x) {
  for (std::size_t i = 0; i < x.labels.size(); ++i) {
    const std::size_t j = x.labels.find(x.labels[i], i + 1);
    if (j == std::string::npos) continue;
    const int first = static_cast<int>(i), second = static_cast<int>(j);
    require(x.tensor.size(first) == x.tensor.size(second), op,
            "'{}' is repeated for axes of lengths {} and {} of {}. A diagonal needs equal ones.", x.labels[i],
            x.tensor.size(first), x.tensor.size(second), x.tensor.shape());
    Axes order;
    std::string labels;
    for (int axis = 0; axis < x.tensor.rank(); ++axis)
      if (axis != first && axis != second) {
        order.push_back(axis);
        labels += x.labels[static_cast<std::size_t>(axis)];
      }
    order.push_back(first);
    order.push_back(second);
    labels += x.labels[i];
    return with_distinct_labels({diagonal(permute(x.tensor, order)), labels});
  }
  return x;
}

std::int64_t common_length(const Labelled& a, const Labelled& b, char label) {
  const std::int64_t left = a.has(label) ? a.length(label) : 1, right = b.has(label) ? b.length(label) : 1;
  require(left == right || left == 1 || right == 1, op,
          "the axis '{}' has length {} in one operand and {} in another. They must agree, or one be 1.", label, left,
          right);
  return left == 1 ? right : left;
}

/// The labels of a product of a and b that are still needed, and its size.
std::string product_labels(const Labelled& a, const Labelled& b, std::string_view needed) {
  std::string labels;
  for (const char label : a.labels + b.labels)
    if (contains(needed, label) && !contains(labels, label)) labels += label;
  return labels;
}

Labelled contracted(const Labelled& first, const Labelled& second, std::string_view needed) {
  std::string kept_by_a = second.labels, kept_by_b = first.labels;
  const Labelled a = without_unneeded(first, kept_by_a.append(needed)),
                 b = without_unneeded(second, kept_by_b.append(needed));
  std::string batch, rows, columns, inner;
  for (const char label : a.labels) {
    common_length(a, b, label);
    (!b.has(label) ? rows : contains(needed, label) ? batch : inner) += label;
  }
  for (const char label : b.labels)
    if (!a.has(label)) columns += label;
  const std::string all = batch + rows + columns;
  if (inner.empty()) return {arranged(a, all) * arranged(b, all), all};
  if ((rows.empty() && columns.empty()) || !is_floating(a.tensor.dtype())) {
    Axes axes;
    for (std::size_t i = 0; i < inner.size(); ++i) axes.push_back(static_cast<int>(all.size() + i));
    return {sum(arranged(a, all + inner) * arranged(b, all + inner), axes), all};
  }
  // [batch.., rows, inner] x [batch.., inner, columns]; matmul broadcasts the batch, not the inner axes.
  const auto matrix = [&](const Labelled& x, const std::string& before, const std::string& after) {
    const Tensor axes = arranged(x, batch + before + after);
    Shape full, folded;
    std::int64_t sizes[2] = {1, 1};
    for (std::size_t i = 0; i < batch.size() + before.size() + after.size(); ++i) {
      const int axis = static_cast<int>(i);
      const char label = (batch + before + after)[i];
      full.push_back(contains(inner, label) ? common_length(a, b, label) : axes.size(axis));
      if (i < batch.size())
        folded.push_back(full[axis]);
      else
        sizes[i < batch.size() + before.size() ? 0 : 1] *= full[axis];
    }
    folded.push_back(sizes[0]);
    folded.push_back(sizes[1]);
    return reshape(broadcast_to(axes, full), folded);
  };
  Shape shape;
  for (const char label : batch) shape.push_back(common_length(a, b, label));
  for (const char label : rows) shape.push_back(a.length(label));
  for (const char label : columns) shape.push_back(b.length(label));
  return {reshape(matmul(matrix(a, rows, inner), matrix(b, inner, columns)), shape), all};
}

/// What contracting the pair leaves, less what it takes away.
double growth(const Labelled& a, const Labelled& b, std::string_view needed) {
  double size = 1;
  for (const char label : product_labels(a, b, needed)) size *= static_cast<double>(common_length(a, b, label));
  return size - static_cast<double>(a.tensor.numel()) - static_cast<double>(b.tensor.numel());
}

}  // namespace

Tensor einsum(std::string_view equation, const std::vector<Tensor>& operands) {
  require(!operands.empty(), op, "there are no operands. Give at least one tensor.");
  const Equation parsed = parse(equation, operands);
  std::vector<Labelled> parts;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    require_same_kind(op, operands[0], operands[i]);
    parts.push_back(with_distinct_labels({operands[i], parsed.inputs[i]}));
  }
  const auto needed_beside = [&](std::size_t i, std::size_t j) {
    std::string needed = parsed.output;
    for (std::size_t other = 0; other < parts.size(); ++other)
      if (other != i && other != j) needed += parts[other].labels;
    return needed;
  };
  while (parts.size() > 1) {
    std::size_t left = 0, right = 1;
    double least = growth(parts[0], parts[1], needed_beside(0, 1));
    for (std::size_t i = 0; i < parts.size() && parts.size() > 2; ++i)
      for (std::size_t j = i + 1; j < parts.size(); ++j)
        if (const double here = growth(parts[i], parts[j], needed_beside(i, j)); here < least)
          left = i, right = j, least = here;
    const Labelled product = contracted(parts[left], parts[right], needed_beside(left, right));
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(right));
    parts[left] = product;
  }
  return arranged(without_unneeded(parts[0], parsed.output), parsed.output);
}

Tensor outer(const Tensor& a, const Tensor& b) {
  require(a.defined() && b.defined(), "outer", "both factors must be tensors, got an undefined one. Give both.");
  return multiply(reshape(a, {a.numel(), 1}), reshape(b, {1, b.numel()}));
}

Tensor cross(const Tensor& a, const Tensor& b, int axis) {
  require(a.defined() && b.defined(), "cross", "both factors must be tensors, got an undefined one. Give both.");
  require_same_kind("cross", a, b);
  const Shape shape = broadcast_shapes("cross", a.shape(), b.shape());
  const int along = normalize_axis("cross", axis, shape.rank());
  require(shape[along] == 3, "cross",
          "axis {} of {} and {} must have length 3. Three-dimensional vectors have a cross product.", axis, a.shape(),
          b.shape());
  // Component i is a[i+1] b[i+2] - a[i+2] b[i+1].
  const auto turned = [&](const Tensor& x, std::int64_t steps) {
    const Tensor full = broadcast_to(x, shape);
    return concat(std::vector<Tensor>{narrow(full, along, steps, 3 - steps), narrow(full, along, 0, steps)}, along);
  };
  return turned(a, 1) * turned(b, 2) - turned(a, 2) * turned(b, 1);
}

}  // namespace orbitgrad
