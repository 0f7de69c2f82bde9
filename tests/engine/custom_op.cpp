// The example of docs/custom_op.md, as a user writes it, and the graph dump.
#include <gtest/gtest.h>

#include <cmath>

#include "engine/io/file.hpp"
#include "tests/places.hpp"

// [custom op]
#include "orbitgrad.hpp"

namespace {

using namespace orbitgrad;

Tensor huber(const Tensor& x, double width);

// The derivative is written in differentiable ops, so derivatives of every order exist.
struct HuberNode final : Node {
  explicit HuberNode(double width) : width_(width) {}
  std::string_view name() const override { return "huber"; }
  Saves saves() const override { return Saves::input(0); }
  std::vector<Tensor> backward(const Tensor& dy) override {
    const Tensor limit = full({}, width_, dy.dtype(), dy.device());
    return {dy * minimum(maximum(input(0), -limit), limit)};  // clamp(x, -width, width)
  }
  double width_;
};

// x^2 / 2 within the width, width (|x| - width / 2) outside it. Any device; the loop is for host memory.
Tensor huber(const Tensor& x, double width) {
  require(width > 0, "huber", "the width is {}. Take a positive one.", width);
  const Tensor here = contiguous(x.to(DeviceKind::cpu).detach());
  Tensor y = Tensor::empty(x.shape(), x.dtype(), DeviceKind::cpu);
  visit_floating("huber", x.dtype(), [&]<class T>(TypeTag<T>) {
    const T* from = here.host_data<T>();
    T* to = fresh_host_data<T>(y);
    const T w = static_cast<T>(width);
    for (std::int64_t i = 0; i < x.numel(); ++i) {
      const T size = std::abs(from[i]);
      to[i] = size <= w ? from[i] * from[i] / 2 : w * (size - w / 2);
    }
  });
  return record<HuberNode>(y.to(x.device()), {&x}, width);
}
// [custom op]

TEST(CustomOp, HasDerivativesOfEveryOrder) {
  Tensor x = from_vector<double>({-3, -0.5, 0.25, 2}, {4});
  x.set_requires_grad();
  const Tensor y = huber(x, 1);
  const std::vector<double> expected = {2.5, 0.125, 0.03125, 1.5};
  EXPECT_EQ(y.to_vector<double>(), expected);
  const TensorFunction f = [](const std::vector<Tensor>& in) { return huber(in[0], 1); };
  EXPECT_TRUE(gradcheck(f, {x}));
  EXPECT_TRUE(gradgradcheck(f, {x}));
  EXPECT_NE(to_dot({y}).find("huber"), std::string::npos);
}

TEST(CustomOp, TheDocumentShowsThisCode) {
  const std::string root = source_folder();
  const std::string source = read_file(root + "/tests/engine/custom_op.cpp");
  const std::string mark = "// [custom op]\n";
  const auto begin = source.find(mark) + mark.size();
  const std::string example = source.substr(begin, source.find(mark, begin) - begin);
  EXPECT_NE(read_file(root + "/docs/custom_op.md").find(example), std::string::npos)
      << "docs/custom_op.md does not have the lines between the marks of this file";
}

TEST(Dot, NamesOpsLeavesAndShapes) {
  Tensor w = ones({2, 3}), x = ones({3, 1});
  w.set_requires_grad();
  const auto make = [&] { return sum(matmul(w, x) * matmul(w, x)); };
  const Tensor y = make();
  const std::string text = to_dot({y}, {{"the \"weight\"", w}, {"loss", y}});
  EXPECT_TRUE(text.starts_with("digraph orbitgrad {\n")) << text;
  EXPECT_TRUE(text.ends_with("}\n"));
  for (const std::string part :
       {"[label=\"matmul\"]", R"(label="the \"weight\"", shape=ellipse)", R"(label="sum\nloss")", "float32 [2, 3]"})
    EXPECT_NE(text.find(part), std::string::npos) << part << " is not in\n" << text;
  EXPECT_EQ(to_dot({make()}), to_dot({make()}));
  EXPECT_THROW(to_dot({x}), Error);
}

}  // namespace
