#include "engine/io/deflate.hpp"

#include <algorithm>

#include "engine/error.hpp"

#ifdef ORBITGRAD_HAVE_ZLIB
#include <zlib.h>
#endif

namespace orbitgrad::io {

#ifdef ORBITGRAD_HAVE_ZLIB

namespace {

/// Gives the stream the next part of the text, if it has used what it had.
void feed(z_stream& stream, std::string_view& text) {
  if (stream.avail_in != 0) return;
  const std::size_t part = std::min<std::size_t>(text.size(), 1u << 30);
  stream.next_in = reinterpret_cast<unsigned char*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<unsigned>(part);
  text.remove_prefix(part);
}

struct Stream {
  z_stream z{};
  int (*end)(z_stream*) = nullptr;
  ~Stream() {
    if (end != nullptr) end(&z);
  }
};

/// Runs step(stream) until it says that it is not Z_OK; appends what comes out. The last answer.
template <class Step>
int run(z_stream& stream, std::string_view& text, std::string& result, std::uint64_t most_bytes, Step&& step) {
  int status = Z_OK;
  while (status == Z_OK && result.size() <= most_bytes) {
    feed(stream, text);
    char buffer[1 << 15];
    stream.next_out = reinterpret_cast<unsigned char*>(buffer);
    stream.avail_out = sizeof buffer;
    status = step(text);
    result.append(buffer, sizeof buffer - stream.avail_out);
  }
  return status;
}

}  // namespace

bool deflate_available() { return true; }

std::string deflate_bytes(std::string_view op, std::string_view bytes) {
  Stream stream;
  require(deflateInit2(&stream.z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK, op,
          "zlib cannot begin. Write without compression.");
  stream.end = deflateEnd;
  std::string result;
  run(stream.z, bytes, result, UINT64_MAX,
      [&](std::string_view rest) { return deflate(&stream.z, rest.empty() ? Z_FINISH : Z_NO_FLUSH); });
  return result;
}

std::optional<std::string> inflate_bytes(std::string_view op, std::string_view packed, std::uint64_t most_bytes) {
  Stream stream;
  require(inflateInit2(&stream.z, -MAX_WBITS) == Z_OK, op, "zlib cannot begin. Close other programs.");
  stream.end = inflateEnd;
  std::string result;
  const int status =
      run(stream.z, packed, result, most_bytes, [&](std::string_view) { return inflate(&stream.z, Z_NO_FLUSH); });
  if (status != Z_STREAM_END || stream.z.avail_in != 0 || !packed.empty() || result.size() > most_bytes) return {};
  return result;
}

#else

bool deflate_available() { return false; }

std::string deflate_bytes(std::string_view op, std::string_view) {
  fail(op, "this build has no zlib and cannot compress. Write without compression.");
}

std::optional<std::string> inflate_bytes(std::string_view op, std::string_view, std::uint64_t) {
  fail(op, "the file is compressed, and this build has no zlib. Write it without compression.");
}

#endif

}  // namespace orbitgrad::io
