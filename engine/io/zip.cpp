#include "engine/io/zip.hpp"

#include <algorithm>

#include "engine/error.hpp"
#include "engine/io/crc32.hpp"
#include "engine/io/deflate.hpp"
#include "groups/printable.hpp"

namespace orbitgrad::io {

namespace {

constexpr std::uint32_t local_mark = 0x04034b50, directory_mark = 0x02014b50, end_mark = 0x06054b50,
                        end64_mark = 0x06064b50, locator_mark = 0x07064b50;
constexpr std::uint64_t in_zip64 = 0xffffffff;  // a field that stands in the extension instead
constexpr std::uint16_t stored = 0, deflated = 8, zip64_extra = 1;

/// Little-endian numbers of a range of bytes; an Error instead of a read outside.
class Reader {
 public:
  Reader(std::string_view op, std::string_view file, std::string_view bytes) : op_(op), file_(file), bytes_(bytes) {}

  [[noreturn]] void damaged(std::string_view what) const {
    fail(op_, "{}: {}. It is no zip file or damaged: write it again.", file_, printable(what));
  }
  std::uint64_t number(std::uint64_t at, int bytes) const {
    const std::string_view part = range(at, static_cast<std::uint64_t>(bytes));
    std::uint64_t value = 0;
    for (int i = bytes - 1; i >= 0; --i)
      value = value << 8 | static_cast<unsigned char>(part[static_cast<std::size_t>(i)]);
    return value;
  }
  std::string_view range(std::uint64_t at, std::uint64_t count) const {
    if (at > bytes_.size() || count > bytes_.size() - at) damaged("something lies outside the file");
    return bytes_.substr(at, count);
  }
  std::uint64_t size() const { return bytes_.size(); }

 private:
  std::string_view op_, file_, bytes_;
};

struct Directory {
  std::uint64_t entries, begin, bytes;
};

Directory find_directory(const Reader& file) {
  constexpr std::uint64_t end_bytes = 22, locator_bytes = 20, longest_remark = 65535;
  if (file.size() < end_bytes) file.damaged("it is too short for a directory");
  const std::uint64_t last = file.size() - end_bytes, first = last - std::min(last, longest_remark);
  for (std::uint64_t at = last + 1; at-- > first;) {
    if (file.number(at, 4) != end_mark || file.number(at + 20, 2) != file.size() - at - end_bytes) continue;
    Directory found{file.number(at + 10, 2), file.number(at + 16, 4), file.number(at + 12, 4)};
    if (at >= locator_bytes && file.number(at - locator_bytes, 4) == locator_mark) {
      const std::uint64_t end64 = file.number(at - locator_bytes + 8, 8);
      if (file.number(end64, 4) != end64_mark) file.damaged("the large directory is not where it should be");
      found = {file.number(end64 + 32, 8), file.number(end64 + 48, 8), file.number(end64 + 40, 8)};
    }
    file.range(found.begin, found.bytes);
    return found;
  }
  file.damaged("there is no directory at its end");
}

/// One line of the directory.
struct Line {
  std::string name;
  std::uint64_t flags, method, crc, packed, size, begin;
};

/// Fields of 32 bits that are full stand in the zip64 extension, in this order.
void read_zip64(const Reader& file, std::uint64_t extra, std::uint64_t extra_bytes, Line& line) {
  for (std::uint64_t at = extra; at + 4 <= extra + extra_bytes;) {
    const std::uint64_t kind = file.number(at, 2), bytes = file.number(at + 2, 2);
    std::uint64_t field = at + 4;
    const std::uint64_t end = field + bytes;
    if (end > extra + extra_bytes) file.damaged("an extension is longer than its place");
    if (kind == zip64_extra)
      for (std::uint64_t* value : {&line.size, &line.packed, &line.begin}) {
        if (*value != in_zip64) continue;
        if (field + 8 > end) file.damaged("a large size is missing");
        *value = file.number(field, 8);
        field += 8;
      }
    at = end;
  }
}

std::string unpacked(std::string_view op, const Reader& file, std::string_view packed, const Line& line) {
  if (line.method == stored) return std::string(packed);
  auto bytes = inflate_bytes(op, packed, line.size);
  if (!bytes) file.damaged("'" + line.name + "' cannot be inflated to the size that the directory says");
  return std::move(*bytes);
}

ZipEntry read_entry(std::string_view op, const Reader& file, const Line& line) {
  if ((line.flags & 1) != 0) file.damaged("'" + line.name + "' is encrypted");
  if (file.number(line.begin, 4) != local_mark) file.damaged("'" + line.name + "' is not where the directory says");
  const std::uint64_t begin = line.begin + 30 + file.number(line.begin + 26, 2) + file.number(line.begin + 28, 2);
  const std::string_view packed = file.range(begin, line.packed);
  if (line.method != stored && line.method != deflated)
    file.damaged(fmt::format("'{}' is compressed by method {}, which is not read", line.name, line.method));
  ZipEntry entry{line.name, unpacked(op, file, packed, line)};
  if (entry.bytes.size() != line.size) file.damaged("'" + line.name + "' has another size than the directory says");
  if (crc32(entry.bytes) != line.crc) file.damaged("'" + line.name + "' does not have its checksum");
  return entry;
}

void append_number(std::string& text, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i, value >>= 8) text += static_cast<char>(value & 0xff);
}

/// What the local header and the directory have in common, from the version to the lengths.
void append_common(std::string& text, const Line& line, std::size_t extra_bytes) {
  append_number(text, extra_bytes > 0 ? 45 : 20, 2);
  append_number(text, line.flags, 2);
  append_number(text, line.method, 2);
  append_number(text, 0, 2);       // midnight
  append_number(text, 0x0021, 2);  // 1 January 1980
  append_number(text, line.crc, 4);
  append_number(text, extra_bytes > 0 ? in_zip64 : line.packed, 4);
  append_number(text, extra_bytes > 0 ? in_zip64 : line.size, 4);
  append_number(text, line.name.size(), 2);
  append_number(text, extra_bytes, 2);
}

}  // namespace

std::vector<ZipEntry> read_zip(std::string_view op, std::string_view file_name, std::string_view archive) {
  const Reader file(op, file_name, archive);
  const Directory directory = find_directory(file);
  std::vector<ZipEntry> entries;
  std::uint64_t at = directory.begin;
  for (std::uint64_t i = 0; i < directory.entries; ++i) {
    if (file.number(at, 4) != directory_mark) file.damaged("the directory is not what it should be");
    const std::uint64_t name_bytes = file.number(at + 28, 2), extra_bytes = file.number(at + 30, 2);
    Line line{std::string(file.range(at + 46, name_bytes)),
              file.number(at + 8, 2),
              file.number(at + 10, 2),
              file.number(at + 16, 4),
              file.number(at + 20, 4),
              file.number(at + 24, 4),
              file.number(at + 42, 4)};
    read_zip64(file, at + 46 + name_bytes, extra_bytes, line);
    at += 46 + name_bytes + extra_bytes + file.number(at + 32, 2);
    entries.push_back(read_entry(op, file, line));
  }
  return entries;
}

std::string write_zip(std::string_view op, const std::vector<ZipEntry>& entries, bool compress, bool force_zip64) {
  constexpr std::uint64_t utf8_names = 1 << 11;
  std::string archive, directory;
  for (const ZipEntry& entry : entries) {
    require(!entry.name.empty() && entry.name.size() < 65536, op, "the name of an entry has {} bytes. Take 1 to 65535.",
            entry.name.size());
    const std::string packed = compress ? deflate_bytes(op, entry.bytes) : std::string();
    const std::string& data = compress ? packed : entry.bytes;
    const Line line{entry.name,         utf8_names,    compress ? deflated : stored, crc32(entry.bytes), data.size(),
                    entry.bytes.size(), archive.size()};
    const bool is_large =
        force_zip64 || std::max({line.packed, line.size, line.begin}) >= in_zip64;  // then all three stand there
    append_number(archive, local_mark, 4);
    append_common(archive, line, is_large ? 20 : 0);
    archive += line.name;
    if (is_large) {
      append_number(archive, zip64_extra, 2);
      append_number(archive, 16, 2);
      append_number(archive, line.size, 8);
      append_number(archive, line.packed, 8);
    }
    archive += data;
    append_number(directory, directory_mark, 4);
    append_number(directory, 45, 2);  // written by version 4.5
    append_common(directory, line, is_large ? 28 : 0);
    append_number(directory, 0, 10);  // remark, disk, attributes
    append_number(directory, is_large ? in_zip64 : line.begin, 4);
    directory += line.name;
    if (is_large) {
      append_number(directory, zip64_extra, 2);
      append_number(directory, 24, 2);
      for (const std::uint64_t value : {line.size, line.packed, line.begin}) append_number(directory, value, 8);
    }
  }
  const std::uint64_t begin = archive.size(), count = entries.size();
  archive += directory;
  const bool is_large = force_zip64 || begin >= in_zip64 || directory.size() >= in_zip64 || count >= 65535;
  if (is_large) {
    const std::uint64_t end64 = archive.size();
    append_number(archive, end64_mark, 4);
    append_number(archive, 44, 8);
    append_number(archive, 45, 2);
    append_number(archive, 45, 2);
    append_number(archive, 0, 8);  // disks
    for (const std::uint64_t value : {count, count, std::uint64_t{directory.size()}, begin})
      append_number(archive, value, 8);
    append_number(archive, locator_mark, 4);
    append_number(archive, 0, 4);
    append_number(archive, end64, 8);
    append_number(archive, 1, 4);
  }
  append_number(archive, end_mark, 4);
  append_number(archive, 0, 4);  // disks
  for (int repeat = 0; repeat < 2; ++repeat) append_number(archive, is_large ? 0xffff : count, 2);
  append_number(archive, is_large ? in_zip64 : directory.size(), 4);
  append_number(archive, is_large ? in_zip64 : begin, 4);
  append_number(archive, 0, 2);
  return archive;
}

}  // namespace orbitgrad::io
