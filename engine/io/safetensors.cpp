#include "engine/io/safetensors.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "engine/autograd/node.hpp"
#include "engine/error.hpp"
#include "engine/io/descriptor.hpp"
#include "engine/io/file.hpp"
#include "engine/io/safetensors_header.hpp"
#include "engine/io/stored_integer.hpp"
#include "engine/ops/transfer.hpp"
#include "groups/printable.hpp"

namespace orbitgrad {

namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

constexpr std::string_view op = "safetensors";
constexpr std::int64_t length_bytes = 8;
constexpr std::uint64_t largest_header = 100'000'000;

struct TypeName {
  DType dtype;
  std::string_view text;
};
constexpr TypeName type_names[] = {{DType::float32, "F32"}, {DType::float64, "F64"},  {DType::int64, "I64"},
                                   {DType::int32, "I32"},   {DType::boolean, "BOOL"}, {DType::bfloat16, "BF16"},
                                   {DType::float16, "F16"}};

std::string_view text_of(DType dtype) { return std::ranges::find(type_names, dtype, &TypeName::dtype)->text; }

std::string_view bytes_of(const Tensor& dense) {
  return visit_storage(dense.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    return std::string_view(reinterpret_cast<const char*>(dense.host_data<T>()),
                            static_cast<std::size_t>(dense.numel()) * sizeof(T));
  });
}

/// A tensor of a file, checked: what to allocate and where its bytes lie.
struct Plan {
  std::string name;
  Shape shape;
  DType dtype;
  const io::StoredInteger* widened;  // null: stored as dtype
  std::int64_t begin, end;
};

Plan check_entry(const std::string& file, const std::string& name, const io::TensorEntry& entry,
                 std::int64_t data_bytes) {
  const auto complain = [&](const std::string& what) {
    fail(op, "{}: tensor '{}' {}. The file is damaged or hostile: copy it again from where it came.", file,
         printable(name), what);
  };
  const auto* type = std::ranges::find(type_names, entry.dtype, &TypeName::text);
  const auto* widened = std::ranges::find(io::stored_integers, entry.dtype, &io::StoredInteger::safetensors);
  if (widened == std::end(io::stored_integers)) widened = nullptr;
  if (type == std::end(type_names) && widened == nullptr)
    fail(op,
         "{}: tensor '{}' has dtype '{}'. Only F64, F32, F16, BF16, I64, I32, I16, I8, U32, U16, U8 and BOOL are read: "
         "convert it first.",
         file, printable(name), printable(entry.dtype));
  const DType dtype = widened != nullptr ? widened->dtype : type->dtype;
  if (entry.shape.size() > kernels::max_rank)
    complain(fmt::format("has {} axes, more than {}", entry.shape.size(), kernels::max_rank));
  Shape shape;
  std::int64_t bytes = widened != nullptr ? widened->bytes : item_size(dtype);
  for (const std::uint64_t length : entry.shape) {
    if (length > static_cast<std::uint64_t>(data_bytes) && length > 0x7fffffff)
      complain(fmt::format("has an axis of length {}, while the file has {} bytes of data", length, data_bytes));
    shape.push_back(static_cast<std::int64_t>(length));
    if (__builtin_mul_overflow(bytes, static_cast<std::int64_t>(length), &bytes))
      complain("has a shape whose size in bytes no 64-bit number can hold");
  }
  const std::uint64_t begin = entry.offsets[0], end = entry.offsets[1];
  if (begin > end || end > static_cast<std::uint64_t>(data_bytes))
    complain(fmt::format("lies at bytes {} to {} of {}", begin, end, data_bytes));
  if (end - begin != static_cast<std::uint64_t>(bytes))
    complain(fmt::format("has {} bytes, but {} of shape {} needs {}", end - begin, printable(entry.dtype),
                         shape.to_string(), bytes));
  return {name, shape, dtype, widened, static_cast<std::int64_t>(begin), static_cast<std::int64_t>(end)};
}

/// All tensors in the order of their bytes. Error unless they cover the data without overlap or hole.
std::vector<Plan> check_header(const std::string& file, const io::SafetensorsHeader& header, std::int64_t data_bytes) {
  std::vector<Plan> plans;
  for (const auto& [name, entry] : header.tensors) plans.push_back(check_entry(file, name, entry, data_bytes));
  std::ranges::sort(plans,
                    [](const Plan& a, const Plan& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
  std::int64_t covered = 0;
  for (const Plan& plan : plans) {
    require(
        plan.begin == covered, op,
        "{}: tensor '{}' begins at byte {}, but {} of the data is {} there. The file is damaged or hostile: copy it "
        "again from where it came.",
        file, printable(plan.name), plan.begin, covered,
        plan.begin < covered ? "already used" : "not used by any tensor");
    covered = plan.end;
  }
  require(covered == data_bytes, op,
          "{}: the tensors use {} bytes of data, the file has {}. It is damaged: copy it again from where it came.",
          file, covered, data_bytes);
  return plans;
}

Tensor read_tensor(const std::filesystem::path& path, const io::Descriptor& file, const Plan& plan,
                   std::int64_t data_begin) {
  Tensor result = Tensor::empty(plan.shape, plan.dtype, DeviceKind::cpu);
  if (result.numel() == 0) return result;
  visit_storage(plan.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* const target = fresh_host_data<T>(result);
    if (plan.widened != nullptr) {
      std::vector<unsigned char> stored(static_cast<std::size_t>(plan.end - plan.begin));
      io::read_exactly(op, path, file, stored.data(), plan.end - plan.begin, data_begin + plan.begin);
      if constexpr (std::is_same_v<T, std::int32_t> || std::is_same_v<T, std::int64_t>)
        io::widen_integers(*plan.widened, stored.data(), result.numel(), target);
      return;
    }
    io::read_exactly(op, path, file, target, plan.end - plan.begin, data_begin + plan.begin);
    if constexpr (std::is_same_v<T, bool>) {
      const auto* raw = reinterpret_cast<const unsigned char*>(target);
      require(std::all_of(raw, raw + result.numel(), [](unsigned char byte) { return byte <= 1; }), op,
              "{}: the BOOL tensor '{}' holds bytes other than 0 and 1. The file is damaged: copy it again.",
              path.string(), printable(plan.name));
    }
  });
  return result;
}

}  // namespace

void save_safetensors(const std::filesystem::path& path, const SafeTensors& content) {
  std::vector<std::pair<std::string_view, Tensor>> ordered;
  for (const auto& [name, tensor] : content.tensors) {
    require(name != "__metadata__", op, "{}: a tensor cannot be called '__metadata__'. Rename it.", path.string());
    ordered.emplace_back(name, on_host(tensor));
  }
  std::ranges::stable_sort(ordered, std::greater{}, [](const auto& item) { return item_size(item.second.dtype()); });

  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!content.metadata.empty()) header["__metadata__"] = content.metadata;
  std::vector<std::string_view> pieces(2);
  std::size_t offset = 0;
  for (const auto& [name, dense] : ordered) {
    const std::string_view bytes = bytes_of(dense);
    header[std::string(name)] = {{"dtype", text_of(dense.dtype())},
                                 {"shape", std::vector<std::int64_t>(dense.shape().begin(), dense.shape().end())},
                                 {"data_offsets", {offset, offset + bytes.size()}}};
    offset += bytes.size();
    pieces.push_back(bytes);
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const nlohmann::json::exception&) {
    fail(op, "{}: a name or a metadata text is not UTF-8. Rename it.", path.string());
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const std::uint64_t length = text.size();
  require(length <= largest_header, op, "{}: the header has {} bytes, more than {}. Save fewer or shorter names.",
          path.string(), length, largest_header);
  pieces[0] = std::string_view(reinterpret_cast<const char*>(&length), sizeof length);
  pieces[1] = text;
  write_file_atomically(path, pieces);
}

SafeTensors load_safetensors(const std::filesystem::path& path) {
  const std::string name = path.string();
  const auto [file, file_bytes] = io::open_to_read(op, path);
  require(file_bytes >= length_bytes, op, "{}: {} bytes are too few for a safetensors file. Copy it again.", name,
          file_bytes);
  std::uint64_t length = 0;
  io::read_exactly(op, path, file, &length, length_bytes, 0);
  require(
      length <= largest_header && static_cast<std::int64_t>(length) <= file_bytes - length_bytes, op,
      "{}: the header is said to have {} bytes, the file has {} (and at most {} are allowed). This is no safetensors "
      "file, or it is cut short: copy it again.",
      name, length, file_bytes, largest_header);
  std::string text(static_cast<std::size_t>(length), '\0');
  io::read_exactly(op, path, file, text.data(), static_cast<std::int64_t>(length), length_bytes);
  require(text.starts_with('{'), op, "{}: the header does not begin with '{{'. This is no safetensors file.", name);

  io::SafetensorsHeader header = io::parse_safetensors_header(name, text);
  const std::int64_t data_begin = length_bytes + static_cast<std::int64_t>(length);
  SafeTensors result;
  for (const Plan& plan : check_header(name, header, file_bytes - data_begin))
    result.tensors.emplace(plan.name, read_tensor(path, file, plan, data_begin));
  result.metadata = std::move(header.metadata);
  return result;
}

}  // namespace orbitgrad
