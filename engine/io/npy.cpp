#include "engine/io/npy.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/error.hpp"
#include "engine/io/descriptor.hpp"
#include "engine/io/file.hpp"
#include "engine/io/stored_integer.hpp"
#include "engine/ops/cast.hpp"
#include "engine/ops/shape_ops.hpp"
#include "engine/ops/transfer.hpp"
#include "groups/printable.hpp"

namespace orbitgrad {

namespace {

static_assert(std::endian::native == std::endian::little, "elements are written as they lie in memory");

constexpr std::string_view op = "npy";
constexpr std::string_view magic = "\x93NUMPY";
constexpr std::int64_t longest_header = 1 << 16;
constexpr std::size_t alignment = 64;  // of the elements in the file

struct TypeName {
  DType dtype;
  std::string_view text;  // without the byte order
};
constexpr TypeName type_names[] = {{DType::float32, "f4"}, {DType::float64, "f8"}, {DType::int64, "i8"},
                                   {DType::int32, "i4"},   {DType::boolean, "b1"}, {DType::float16, "f2"}};

struct Header {
  DType dtype = DType::float32;
  const io::StoredInteger* widened = nullptr;  // null: stored as dtype
  bool is_swapped = false, is_fortran = false;
  std::vector<std::int64_t> shape;

  std::int64_t stored_size() const { return widened != nullptr ? widened->bytes : item_size(dtype); }
};

/// Reads the dictionary from left to right; every answer that is not of the format is an error.
class HeaderReader {
 public:
  HeaderReader(const std::string& file, std::string_view text) : file_(file), rest_(text) {}

  Header read() {
    Header header;
    bool has_type = false, has_order = false, has_shape = false;
    expect("{");
    while (!take("}")) {
      const std::string_view key = quoted();
      expect(":");
      bool* const seen = key == "descr"           ? &has_type
                         : key == "fortran_order" ? &has_order
                         : key == "shape"         ? &has_shape
                                                  : nullptr;
      if (seen == nullptr || *seen) damaged();
      *seen = true;
      if (key == "descr")
        read_type(header);
      else if (key == "shape")
        header.shape = tuple();
      else if (!(header.is_fortran = take("True")))
        expect("False");
      if (!take(",") && !peeks("}")) damaged();
    }
    if (!has_type || !has_order || !has_shape || !rest_.empty()) damaged();
    return header;
  }

 private:
  [[noreturn]] void damaged() const {
    fail(op, "{}: the header is not that of an npy file. It is damaged: write it again with numpy.save.", file_);
  }
  void skip_space() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \n\t"), rest_.size())); }
  bool peeks(std::string_view token) const { return rest_.starts_with(token); }
  bool take(std::string_view token) {
    if (!peeks(token)) return false;
    rest_.remove_prefix(token.size());
    skip_space();
    return true;
  }
  void expect(std::string_view token) {
    if (!take(token)) damaged();
  }
  std::string_view quoted() {
    const char quote = peeks("'") ? '\'' : '"';
    if (rest_.empty() || rest_.front() != quote) damaged();
    const auto end = rest_.find(quote, 1);
    if (end == rest_.npos) damaged();
    const std::string_view text = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    skip_space();
    return text;
  }
  std::vector<std::int64_t> tuple() {
    std::vector<std::int64_t> values;
    expect("(");
    while (!take(")")) {
      std::int64_t value = -1;
      const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
      if (error != std::errc() || value < 0) damaged();
      rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
      skip_space();
      values.push_back(value);
      if (!take(",") && !peeks(")")) damaged();
    }
    return values;
  }
  void read_type(Header& header) {
    if (!peeks("'") && !peeks("\"")) unreadable("a structured type");
    const std::string_view descr = quoted();
    const std::string_view text = descr.substr(std::min<std::size_t>(descr.size(), 1));
    const auto* type = std::ranges::find(type_names, text, &TypeName::text);
    const auto* widened = std::ranges::find(io::stored_integers, text, &io::StoredInteger::npy);
    const bool is_widened = widened != std::end(io::stored_integers);
    if ((type == std::end(type_names) && !is_widened) ||
        std::string_view("<>|=").find(descr.front()) == std::string_view::npos)
      unreadable(fmt::format("elements of type '{}'", printable(descr)));
    header.dtype = is_widened ? widened->dtype : type->dtype;
    header.widened = is_widened ? widened : nullptr;
    header.is_swapped = descr.front() == '>' && header.stored_size() > 1;
  }
  [[noreturn]] void unreadable(const std::string& what) const {
    fail(op,
         "{}: it holds {}; float64, float32, float16, integers but uint64, and bool can be read. Convert it: "
         "numpy.save(path, x.astype('float32')).",
         file_, what);
  }

  const std::string& file_;
  std::string_view rest_;
};

/// Where the bytes of a npy file are: a file itself, or a part of another in memory.
struct Source {
  std::string name;
  std::int64_t bytes;
  std::function<void(void* to, std::int64_t bytes, std::int64_t begin)> read;  // of a range inside
};

/// The axes of a file in Fortran's order are stored the other way round.
Tensor read_elements(const Source& file, const Header& header, std::int64_t begin) {
  const std::vector<std::int64_t> stored(header.shape.rbegin(), header.shape.rend());
  Tensor result = Tensor::empty(Shape(header.is_fortran ? stored : header.shape), header.dtype, DeviceKind::cpu);
  visit_storage(header.dtype, [&]<class T>(TypeTag<T>) {
    T* const target = fresh_host_data<T>(result);
    const std::int64_t size = header.stored_size(), bytes = result.numel() * size;
    std::vector<unsigned char> stored(header.widened != nullptr ? static_cast<std::size_t>(bytes) : 0);
    auto* const raw = header.widened != nullptr ? stored.data() : reinterpret_cast<unsigned char*>(target);
    file.read(raw, bytes, begin);
    if (header.is_swapped)
      for (std::int64_t i = 0; i < bytes; i += size) std::reverse(raw + i, raw + i + size);
    if constexpr (std::is_same_v<T, std::int32_t> || std::is_same_v<T, std::int64_t>)
      if (header.widened != nullptr) io::widen_integers(*header.widened, raw, result.numel(), target);
    if constexpr (std::is_same_v<T, bool>)
      require(std::all_of(raw, raw + bytes, [](unsigned char byte) { return byte <= 1; }), op,
              "{}: a bool is neither 0 nor 1. The file is damaged: write it again.", file.name);
  });
  if (!header.is_fortran || result.rank() < 2) return result;
  Axes order;
  for (int axis = result.rank() - 1; axis >= 0; --axis) order.push_back(axis);
  return contiguous(permute(result, order));
}

Tensor read_npy(const Source& file) {
  const std::string& file_name = file.name;
  const std::int64_t file_bytes = file.bytes;
  unsigned char start[12] = {};
  const auto start_bytes = static_cast<std::int64_t>(std::min<std::int64_t>(file_bytes, sizeof start));
  file.read(start, start_bytes, 0);
  require(start_bytes >= 10 && std::equal(magic.begin(), magic.end(), start,
                                          [](char a, unsigned char b) { return static_cast<unsigned char>(a) == b; }),
          op, "{}: this is no npy file. Write it with numpy.save.", file_name);
  const int version = start[6];
  require(version >= 1 && version <= 3, op, "{}: version {} of the format is unknown. Write it with numpy.save.",
          file_name, version);
  const std::int64_t begin = version == 1 ? 10 : 12;
  std::int64_t length = start[8] + (std::int64_t{start[9]} << 8);
  if (version > 1) length += (std::int64_t{start[10]} << 16) + (std::int64_t{start[11]} << 24);
  require(length <= longest_header && begin + length <= file_bytes, op,
          "{}: the header is said to have {} bytes, the file has {} (and at most {} are allowed). It is cut short or "
          "damaged: write it again.",
          file_name, length, file_bytes, longest_header);
  std::string text(static_cast<std::size_t>(length), '\0');
  file.read(text.data(), length, begin);
  const Header header = HeaderReader(file_name, text).read();
  require(header.shape.size() <= kernels::max_rank, op, "{}: {} axes, a tensor has at most {}. Reshape it first.",
          file_name, header.shape.size(), kernels::max_rank);
  const std::int64_t count = checked_numel(op, Shape(header.shape));
  const std::int64_t data_bytes = file_bytes - begin - length;
  require(count <= data_bytes / header.stored_size() && count * header.stored_size() == data_bytes, op,
          "{}: {} elements of {} need other than the {} bytes it has. It is cut short or damaged: write it again.",
          file_name, Shape(header.shape), name(header.dtype), data_bytes);
  return read_elements(file, header, begin + length);
}

/// What stands before the elements of a tensor in host memory.
std::string header_of(std::string_view name_of_file, const Tensor& dense) {
  const auto* type = std::ranges::find(type_names, dense.dtype(), &TypeName::dtype);
  require(type != std::end(type_names), op, "{}: npy has no type for {}. Convert it first: x.to(DType::float32).",
          name_of_file, name(dense.dtype()));
  std::string shape;
  for (const std::int64_t length : dense.shape()) shape += fmt::format("{}, ", length);
  if (dense.rank() > 1) shape.resize(shape.size() - 2);
  if (dense.rank() == 1) shape.pop_back();
  std::string dictionary = fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': ({}), }}",
                                       item_size(dense.dtype()) > 1 ? '<' : '|', type->text, shape);
  const std::size_t before = magic.size() + 4;
  dictionary.resize((before + dictionary.size() + alignment) / alignment * alignment - before - 1, ' ');
  dictionary += '\n';
  std::string header(magic);
  header += {'\x01', '\0', static_cast<char>(dictionary.size() & 0xff), static_cast<char>(dictionary.size() >> 8)};
  header += dictionary;
  return header;
}

std::string_view elements_of(const Tensor& dense) {
  return visit_storage(dense.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    return std::string_view(reinterpret_cast<const char*>(dense.host_data<T>()),
                            static_cast<std::size_t>(dense.numel()) * sizeof(T));
  });
}

}  // namespace

void save_npy(const std::filesystem::path& path, const Tensor& x) {
  const Tensor dense = on_host(x);
  const std::string header = header_of(path.string(), dense);
  const std::string_view pieces[] = {header, elements_of(dense)};
  write_file_atomically(path, pieces);
}

std::string npy_bytes(std::string_view file_name, const Tensor& x) {
  const Tensor dense = on_host(x);
  std::string bytes = header_of(file_name, dense);
  bytes += elements_of(dense);
  return bytes;
}

Tensor load_npy(const std::filesystem::path& path) {
  const auto opened = io::open_to_read(op, path);
  return read_npy({path.string(), opened.second, [&](void* to, std::int64_t count, std::int64_t begin) {
                     io::read_exactly(op, path, opened.first, to, count, begin);
                   }});
}

Tensor parse_npy(std::string_view file_name, std::string_view bytes) {
  return read_npy({std::string(file_name), static_cast<std::int64_t>(bytes.size()),
                   [&](void* to, std::int64_t count, std::int64_t begin) {
                     bytes.copy(static_cast<char*>(to), static_cast<std::size_t>(count),
                                static_cast<std::size_t>(begin));
                   }});
}

}  // namespace orbitgrad
