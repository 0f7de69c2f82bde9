// Bases already solved: in memory, and in a folder if one is named. The key is the bytes of the generators' matrices in
// the representation, never a name, so that equally named groups cannot be mistaken for each other.
#pragma once

#include <filesystem>
#include <map>
#include <memory>

#include "groups/invariant_basis.hpp"

namespace orbitgrad::groups {

template <class T>
class BasisLibrary {
 public:
  explicit BasisLibrary(BasisOptions options = {}, std::filesystem::path folder = {})
      : options_(options), folder_(std::move(folder)) {}

  /// Solves at most once for each key. A file in the folder that is damaged, of another version or of another key is
  /// solved anew and replaced, and a file that cannot be written is left out; notes() says so.
  std::shared_ptr<const InvariantBasis<T>> get(const TensorType& type, const MatrixGroup& group);
  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }

 private:
  BasisOptions options_;
  std::filesystem::path folder_;
  std::map<std::string, std::shared_ptr<const InvariantBasis<T>>> solved_;
  std::vector<std::string> notes_;
};

/// Writes a basis with its key to a file of its own and renames it into place, so that a reader never sees half of one.
template <class T>
void save_basis(const std::filesystem::path& file, const std::string& key, const InvariantBasis<T>& basis);
/// Error: unreadable, truncated, damaged (checksum), of another version or for another key.
template <class T>
[[nodiscard]] InvariantBasis<T> load_basis(const std::filesystem::path& file, const std::string& key);

}  // namespace orbitgrad::groups
