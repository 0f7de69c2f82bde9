#include "groups/basis_library.hpp"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <random>

#include "groups/constraints.hpp"
#include "groups/fnv_hash.hpp"

namespace orbitgrad::groups {

namespace {

constexpr char magic[8] = {'O', 'G', 'B', 'A', 'S', 'I', 'S', '2'};  // the last is the version

template <class V>
void put(std::string& bytes, const V& value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(V));
}
template <class V>
void put_list(std::string& bytes, std::span<const V> list) {
  put(bytes, static_cast<std::int64_t>(list.size()));
  bytes.append(reinterpret_cast<const char*>(list.data()), list.size_bytes());
}

/// Reads what put() wrote; fails at the end of the bytes.
class Reader {
 public:
  Reader(const std::string& bytes, const std::string& file) : bytes_(bytes), file_(file) {}
  template <class V>
  V value() {
    V result;
    std::memcpy(&result, take(sizeof(V)), sizeof(V));
    return result;
  }
  template <class V>
  std::vector<V> list() {
    const auto count = value<std::int64_t>();
    require(count >= 0 && static_cast<std::size_t>(count) <= bytes_.size() / sizeof(V), "load_basis",
            "{} is damaged: a list of {}. Delete it.", file_, count);
    std::vector<V> result(static_cast<std::size_t>(count));
    if (count > 0) std::memcpy(result.data(), take(result.size() * sizeof(V)), result.size() * sizeof(V));
    return result;
  }

 private:
  const char* take(std::size_t count) {
    require(count <= bytes_.size() - at_, "load_basis", "{} is truncated. Delete it.", file_);
    at_ += count;
    return bytes_.data() + at_ - count;
  }
  const std::string& bytes_;
  const std::string& file_;
  std::size_t at_ = 0;
};

}  // namespace

template <class T>
void save_basis(const std::filesystem::path& file, const std::string& key, const InvariantBasis<T>& basis) {
  std::string bytes(magic, sizeof(magic));
  put_list<char>(bytes, key);
  put(bytes, basis.space_dimension());
  put(bytes, basis.rank());
  put_list<char>(bytes, basis.report().solver);
  put(bytes, basis.report().residual);
  put(bytes, basis.report().gap);
  put(bytes, basis.report().seconds);
  put_list<std::int32_t>(bytes, basis.orbit_of());
  const SparseColumns<T> columns =
      basis.orbit_of().empty() && !basis.is_everything() ? basis.to_columns() : SparseColumns<T>{};
  put_list<std::int64_t>(bytes, columns.begin);
  put_list<std::int64_t>(bytes, columns.rows);
  put_list<T>(bytes, columns.values);
  put(bytes, fnv_hash(bytes));

  std::filesystem::path part = file;
  part += fmt::format(".{:08x}.part", std::random_device{}());
  {
    std::ofstream out(part, std::ios::binary);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    out.flush();
    if (!out) {
      std::error_code ignored;
      std::filesystem::remove(part, ignored);
      fail("save_basis", "{} cannot be written. Check the folder and the space left.", part.string());
    }
  }
  std::error_code failed;
  std::filesystem::rename(part, file, failed);
  if (!failed) return;
  std::error_code ignored;
  std::filesystem::remove(part, ignored);
  fail("save_basis", "{} cannot be replaced: {}. Check the folder.", file.string(), failed.message());
}

template <class T>
InvariantBasis<T> load_basis(const std::filesystem::path& file, const std::string& key) {
  const std::string name = file.string();
  std::ifstream in(file, std::ios::binary);
  require(static_cast<bool>(in), "load_basis", "{} cannot be opened. Check the path.", name);
  std::string bytes;
  if (!std::filesystem::is_directory(file)) bytes.assign(std::istreambuf_iterator<char>(in), {});
  require(bytes.size() >= sizeof(magic) && std::memcmp(bytes.data(), magic, sizeof(magic) - 1) == 0, "load_basis",
          "{} is no basis file. Delete it.", name);
  require(bytes[7] == magic[7], "load_basis", "{} is of version {}, this is {}. Delete it.", name, bytes[7], magic[7]);
  require(bytes.size() > sizeof(magic) + 8, "load_basis", "{} is truncated. Delete it.", name);
  std::uint64_t expected = 0;
  std::memcpy(&expected, bytes.data() + bytes.size() - 8, 8);
  bytes.resize(bytes.size() - 8);
  require(fnv_hash(bytes) == expected, "load_basis", "{} is truncated or damaged: wrong checksum. Delete it.", name);

  Reader reader(bytes, name);
  (void)reader.value<std::int64_t>();  // the magic
  const auto stored = reader.list<char>();
  require(std::string(stored.begin(), stored.end()) == key, "load_basis", "{} is for other generators. Delete it.",
          name);
  const auto size = reader.value<std::int64_t>(), rank = reader.value<std::int64_t>();
  BasisReport report;
  const auto solver = reader.list<char>();
  report.solver.assign(solver.begin(), solver.end());
  report.residual = reader.value<double>();
  report.gap = reader.value<double>();
  report.seconds = reader.value<double>();
  auto orbit_of = reader.list<std::int32_t>();
  SparseColumns<T> columns;
  columns.begin = reader.list<std::int64_t>();
  columns.rows = reader.list<std::int64_t>();
  columns.values = reader.list<T>();
  const auto count = static_cast<std::int64_t>(columns.values.size());
  const bool sound = std::ranges::all_of(orbit_of, [&](std::int32_t orbit) { return 0 <= orbit && orbit < rank; }) &&
                     std::ranges::all_of(columns.rows, [&](std::int64_t row) { return 0 <= row && row < size; }) &&
                     columns.rows.size() == columns.values.size() && std::ranges::is_sorted(columns.begin) &&
                     !columns.begin.empty() && columns.begin.front() == 0 && columns.begin.back() == count;
  require(sound, "load_basis", "{} contradicts itself. Delete it.", name);
  InvariantBasis<T> basis = !orbit_of.empty()        ? InvariantBasis<T>::of_orbits(std::move(orbit_of))
                            : columns.count() < rank ? InvariantBasis<T>::everything(size)
                                                     : InvariantBasis<T>::of_columns(size, std::move(columns));
  require(basis.rank() == rank && basis.space_dimension() == size, "load_basis", "{} contradicts itself. Delete it.",
          name);
  basis.set_report(std::move(report));
  return basis;
}

template <class T>
std::shared_ptr<const InvariantBasis<T>> BasisLibrary<T>::get(const TensorType& type, const MatrixGroup& group) {
  const std::string key =
      Constraints<T>(type, group).key() + (options_.closed_forms ? "c" : "s") + group.name() + "/" + type.to_string();
  if (const auto known = solved_.find(key); known != solved_.end()) return known->second;
  const std::filesystem::path file = folder_ / fmt::format("{:016x}.basis", fnv_hash(key));
  std::error_code ignored;
  if (!folder_.empty() && std::filesystem::exists(file, ignored)) {
    try {
      return solved_[key] = std::make_shared<const InvariantBasis<T>>(load_basis<T>(file, key));
    } catch (const std::exception& error) {
      notes_.push_back(std::string(error.what()) + " Solved anew.");
    }
  }
  auto basis = std::make_shared<const InvariantBasis<T>>(invariant_basis<T>(type, group, options_));
  solved_[key] = basis;
  if (folder_.empty()) return basis;
  try {
    std::filesystem::create_directories(folder_);
    save_basis(file, key, *basis);
  } catch (const std::exception& error) {  // a basis that was solved is not lost with its file
    notes_.push_back(fmt::format("not kept on disk: {}", error.what()));
  }
  return basis;
}

template class BasisLibrary<double>;
template class BasisLibrary<Complex>;
template void save_basis(const std::filesystem::path&, const std::string&, const InvariantBasis<double>&);
template void save_basis(const std::filesystem::path&, const std::string&, const InvariantBasis<Complex>&);
template InvariantBasis<double> load_basis(const std::filesystem::path&, const std::string&);
template InvariantBasis<Complex> load_basis(const std::filesystem::path&, const std::string&);

}  // namespace orbitgrad::groups
