// graph6, the text format of nauty for undirected simple graphs: one graph a line, six bits a character, the number of
// vertices and then the upper triangle of the adjacency matrix by columns.
// Source: https://users.cecs.anu.edu.au/~bdm/data/formats.txt
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace orbitgrad::experiments {

struct Graph {
  std::int64_t vertices = 0;
  std::vector<std::pair<std::int64_t, std::int64_t>> edges;  // (i, j), i < j, each once, by j and then i
  friend bool operator==(const Graph&, const Graph&) = default;
};

/// One line without its end; ">>graph6<<" may stand before it. Error: another character, too few or too many of them,
/// padding that is not zero, more than 2^20 vertices.
Graph parse_graph6(std::string_view line);
/// What parse_graph6 reads. Error: an edge is not a pair i < j of vertices, or stands there twice.
std::string to_graph6(const Graph& graph);

/// All graphs of a file; empty lines are left out. Error, with the number of the line.
std::vector<Graph> read_graph6(const std::filesystem::path& path);

}  // namespace orbitgrad::experiments
