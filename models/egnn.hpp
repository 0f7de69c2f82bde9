// E(n) equivariant graph networks: Satorras, Hoogeboom, Welling (2021), equations 3 to 7. For an edge from j to i with
// attributes a_ij, the features h are invariant and the coordinates x turn with the input:
//   m_ij = phi_e(h_i, h_j, |x_i - x_j|^2, a_ij)                                    (3)
//   x_i' = x_i + mean_j (x_i - x_j) phi_x(m_ij)  [ + phi_v(h_i) v_i ]              (4) [ (7), v_i the first velocity ]
//   m_i = sum_j m_ij,   h_i' = h_i + phi_h(h_i, m_i)                               (5), (6)
#pragma once

#include "nn/graph.hpp"
#include "nn/linear.hpp"

namespace orbitgrad::models {

/// The defaults are those of the paper's n-body experiment: the speed as feature of a node; the product of the charges
/// and the first squared distance as attributes of an edge.
struct EgnnOptions {
  std::int64_t in = 1;
  std::int64_t hidden = 64;
  std::int64_t edge_attributes = 2;  ///< 0: none
  std::int64_t layers = 4;
  bool velocity = true;
  bool residual = true;  ///< h + phi_h(...), else phi_h(...)
  DType dtype = DType::float32;
};

struct EgnnState {
  Tensor features;     // [nodes, hidden]
  Tensor coordinates;  // [nodes, n]
};

/// One layer. Children, with the authors' names: edge_mlp, node_mlp, coord_mlp and coord_mlp_vel, each with dense
/// layers "0" and "2" and SiLU between them, in edge_mlp after the second one too. The last layer of coord_mlp has no
/// bias and starts within 0.001 of Glorot's bound.
class EgnnLayer final : public nn::Module {
 public:
  EgnnLayer(RandomKey key, const EgnnOptions& options);
  /// velocity and edge_attributes as in Egnn::move.
  EgnnState update(const EgnnState& state, const Tensor& velocity, const Tensor& edge_attributes,
                   const nn::Graph& graph) const;

 private:
  struct Perceptron {
    std::shared_ptr<nn::Linear> first, second;
  };
  Perceptron add_perceptron(const std::string& name, std::int64_t in, std::int64_t out, RandomKey key, bool last_bias);
  Tensor messages(const Tensor& features, const Tensor& squared_distance, const Tensor& edge_attributes,
                  const nn::Graph& graph) const;

  EgnnOptions options_;
  Perceptron edge_, node_, coordinate_, velocity_;
  Tensor edge_weight_, edge_bias_;  // of edge_.first
};

/// Children embedding and gcl_0, gcl_1, ... Where only the coordinates are asked for, nothing depends on the node_mlp
/// of the last layer: leave it out of the parameters that an optimizer gets.
class Egnn final : public nn::Module {
 public:
  Egnn(RandomKey key, const EgnnOptions& options = {});
  /// features [nodes, in], coordinates [nodes, n] of any n, velocity [nodes, n] (undefined if the network has none) and
  /// edge_attributes [edges, edge_attributes] (undefined if there are none) -> the state after the last layer.
  EgnnState move(const Tensor& features, const Tensor& coordinates, const Tensor& velocity,
                 const Tensor& edge_attributes, const nn::Graph& graph) const;

 private:
  EgnnOptions options_;
  std::shared_ptr<nn::Linear> embedding_;
  std::vector<std::shared_ptr<EgnnLayer>> layers_;
};

}  // namespace orbitgrad::models
