#include "experiments/datasets/graph6.hpp"

#include "engine/error.hpp"
#include "engine/io/file.hpp"

namespace orbitgrad::experiments {

namespace {

constexpr std::string_view op = "graph6";
constexpr std::int64_t most_vertices = std::int64_t{1} << 20;

/// The six bits of a character.
std::int64_t bits_of(char c) {
  const int value = static_cast<unsigned char>(c) - 63;
  require(value >= 0 && value < 64, op, "the character with code {} is none of graph6. Give a graph6 line.",
          static_cast<unsigned char>(c));
  return value;
}

/// Takes `count` characters from the front as one number.
std::int64_t take_number(std::string_view& text, std::size_t count) {
  require(text.size() >= count, op, "the line ends inside the number of vertices. It is cut off.");
  std::int64_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value = value << 6 | bits_of(text[i]);
  text.remove_prefix(count);
  return value;
}

std::int64_t take_vertices(std::string_view& text) {
  if (!text.starts_with('~')) return take_number(text, 1);
  text.remove_prefix(1);
  if (!text.starts_with('~')) return take_number(text, 3);
  text.remove_prefix(1);
  return take_number(text, 6);
}

void append_number(std::string& text, std::int64_t value, int characters) {
  for (int i = characters - 1; i >= 0; --i) text += static_cast<char>(63 + (value >> (6 * i) & 63));
}

std::int64_t pairs_of(std::int64_t vertices) { return vertices * (vertices - 1) / 2; }

}  // namespace

Graph parse_graph6(std::string_view line) {
  if (constexpr std::string_view header = ">>graph6<<"; line.starts_with(header)) line.remove_prefix(header.size());
  Graph graph;
  graph.vertices = take_vertices(line);
  require(graph.vertices <= most_vertices, op, "{} vertices are more than {}. Take smaller graphs.", graph.vertices,
          most_vertices);
  const std::int64_t pairs = pairs_of(graph.vertices), characters = (pairs + 5) / 6;
  require(static_cast<std::int64_t>(line.size()) == characters, op,
          "{} vertices need {} characters of edges, the line has {}. It is cut off or no graph6.", graph.vertices,
          characters, line.size());
  std::int64_t i = 0, j = 1;
  for (std::int64_t position = 0; position < 6 * characters; ++position) {
    const bool is_edge = (bits_of(line[static_cast<std::size_t>(position / 6)]) >> (5 - position % 6) & 1) != 0;
    if (position >= pairs) {
      require(!is_edge, op, "a bit behind the last pair of vertices is set. The line is damaged.");
      continue;
    }
    if (is_edge) graph.edges.emplace_back(i, j);
    if (++i == j) {
      i = 0;
      ++j;
    }
  }
  return graph;
}

std::string to_graph6(const Graph& graph) {
  require(graph.vertices >= 0 && graph.vertices <= most_vertices, op, "{} vertices cannot be written. Take 0 to {}.",
          graph.vertices, most_vertices);
  const std::int64_t pairs = pairs_of(graph.vertices);
  std::string text;
  if (graph.vertices <= 62) {
    append_number(text, graph.vertices, 1);
  } else if (graph.vertices <= 258047) {
    text += '~';
    append_number(text, graph.vertices, 3);
  } else {
    text += "~~";
    append_number(text, graph.vertices, 6);
  }
  const std::size_t begin = text.size();
  text.append(static_cast<std::size_t>((pairs + 5) / 6), '?');  // '?' has no bit set
  for (const auto& [i, j] : graph.edges) {
    require(i >= 0 && i < j && j < graph.vertices, op, "({}, {}) is no edge of {} vertices. Give pairs i < j.", i, j,
            graph.vertices);
    const std::int64_t position = pairs_of(j) + i;
    char& c = text[begin + static_cast<std::size_t>(position / 6)];
    const int bit = 1 << (5 - position % 6);
    require(((c - 63) & bit) == 0, op, "the edge ({}, {}) stands there twice. Give each once.", i, j);
    c = static_cast<char>(c + bit);
  }
  return text;
}

std::vector<Graph> read_graph6(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  std::vector<Graph> graphs;
  std::int64_t number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line(text.data() + begin, end - begin);
    begin = end + 1;
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    try {
      graphs.push_back(parse_graph6(line));
    } catch (const Error& error) {
      throw Error(fmt::format("{} It is line {} of {}.", error.what(), number, path.string()));
    }
  }
  return graphs;
}

}  // namespace orbitgrad::experiments
