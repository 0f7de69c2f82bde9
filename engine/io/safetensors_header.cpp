#include "engine/io/safetensors_header.hpp"

#include <nlohmann/json.hpp>

#include "engine/error.hpp"
#include "groups/printable.hpp"
#include "kernels/view.hpp"

namespace orbitgrad::io {

namespace {

using nlohmann::json;

constexpr std::string_view op = "safetensors";
constexpr std::size_t longest_list = 64;  // of a shape; far more axes than any tensor has

/// Takes the events of the JSON parser. Where we stand: before the header, in it, in a tensor or the metadata, in a
/// list.
class HeaderReader : public nlohmann::json_sax<json> {
 public:
  HeaderReader(const std::string& file, SafetensorsHeader& header) : file_(file), header_(header) {}

  bool start_object(std::size_t) override {
    if (place_ == Place::before) return enter(Place::header);
    if (place_ != Place::header) reject("has an object where none belongs");
    if (name_ == "__metadata__") return enter(Place::metadata);
    entry_ = &header_.tensors[name_];
    return enter(Place::tensor);
  }

  bool key(std::string& text) override {
    switch (place_) {
      case Place::header: {
        name_ = text;
        const bool again =
            text == "__metadata__" ? std::exchange(seen_metadata_, true) : header_.tensors.contains(text);
        if (again) reject("stands twice in the header");
        break;
      }
      case Place::metadata:
        if (header_.metadata.contains(text)) reject(fmt::format("has the key '{}' twice", printable(text)));
        header_.metadata[text];
        break;
      default:
        if (text != "dtype" && text != "shape" && text != "data_offsets")
          reject(fmt::format("has the unknown key '{}'", printable(text)));
        for (const std::string& seen : seen_keys_)
          if (seen == text) reject(fmt::format("has the key '{}' twice", text));
        seen_keys_.push_back(text);
    }
    key_ = text;
    return true;
  }

  bool end_object() override {
    if (place_ == Place::header) return enter(Place::after);
    if (place_ == Place::tensor && seen_keys_.size() != 3) reject("lacks dtype, shape or data_offsets");
    seen_keys_.clear();
    return enter(Place::header);
  }

  bool start_array(std::size_t) override {
    if (place_ != Place::tensor || key_ == "dtype") reject("has a list where none belongs");
    return enter(Place::list);
  }
  bool end_array() override {
    if (key_ == "data_offsets" && entry_->offsets.size() != 2) reject("needs two data_offsets, begin and end");
    return enter(Place::tensor);
  }

  bool string(std::string& text) override {
    if (place_ == Place::metadata)
      header_.metadata[key_] = text;
    else if (place_ == Place::tensor && key_ == "dtype")
      entry_->dtype = text;
    else
      reject("has a text where none belongs");
    return true;
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (place_ != Place::list) reject("has a number where none belongs");
    std::vector<std::uint64_t>& list = key_ == "shape" ? entry_->shape : entry_->offsets;
    if (list.size() == longest_list) reject("has a list that is too long");
    list.push_back(value);
    return true;
  }
  bool number_integer(number_integer_t value) override { reject(fmt::format("has the negative number {}", value)); }
  bool number_float(number_float_t, const std::string& text) override {
    reject(fmt::format("has the number {}, which is not whole or too large", printable(text)));
  }
  bool null() override { reject("has a null where none belongs"); }
  bool boolean(bool) override { reject("has a truth value where none belongs"); }
  bool binary(binary_t&) override { reject("has binary data where none belongs"); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    fail(op,
         "{}: the header is not valid JSON (byte {} of it). The file is damaged or of another format: copy it again.",
         file_, position);
  }

 private:
  enum class Place { before, header, metadata, tensor, list, after };

  bool enter(Place place) {
    place_ = place;
    return true;
  }
  [[noreturn]] void reject(const std::string& what) const {
    fail(op, "{}: '{}' {}. The file is damaged or hostile: copy it again from where it came.", file_, printable(name_),
         what);
  }

  const std::string& file_;
  SafetensorsHeader& header_;
  Place place_ = Place::before;
  std::string name_ = "header", key_;
  std::vector<std::string> seen_keys_;
  TensorEntry* entry_ = nullptr;
  bool seen_metadata_ = false;
};

}  // namespace

SafetensorsHeader parse_safetensors_header(const std::string& file, std::string_view text) {
  SafetensorsHeader header;
  HeaderReader reader(file, header);
  json::sax_parse(text, &reader);
  return header;
}

}  // namespace orbitgrad::io
