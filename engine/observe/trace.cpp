#include "engine/observe/trace.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/error.hpp"

namespace orbitgrad {

namespace {

using observe::Clock;

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    if (static_cast<unsigned char>(c) < 0x20)
      result += fmt::format("\\u{:04x}", static_cast<int>(c));
    else
      result += c;
  }
  return result;
}

/// The file: whole pages, each of events, blanks and, on the last, the end. SIGKILL may cut a write where a page ends,
/// not within one: events are written within a page, over blanks, and the end moves to the next page by one store.
class TraceFile {
 public:
  static constexpr std::size_t page = 4096;
  static constexpr std::string_view end_of_file = "\n]}\n";  // the last bytes of a page

  explicit TraceFile(const std::filesystem::path& path)
      : descriptor_(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {
    if (descriptor_ < 0)
      fail("trace", "{} cannot be written: {}. Give another file.", path.string(), std::strerror(errno));
    const std::string begin = fmt::format(R"({{"displayTimeUnit":"ms","traceEvents":[
{{"name":"process_name","ph":"M","pid":{},"args":{{"name":"orbitgrad"}}}})",
                                          ::getpid());
    if (!write_pages(begin)) {
      const int error = errno;
      ::close(descriptor_);
      fail("trace", "{} cannot be written: {}. Give another file.", path.string(), std::strerror(error));
    }
  }
  ~TraceFile() {
    flush();
    ::close(descriptor_);
  }
  TraceFile(const TraceFile&) = delete;
  TraceFile& operator=(const TraceFile&) = delete;

  double microseconds(Clock::time_point time) const {
    return std::chrono::duration<double, std::micro>(time - begin_).count();
  }
  void add(std::string_view event) {
    const std::string text = fmt::format(",\n{}", event);
    if (pending_.size() + text.size() > room()) {
      flush();
      if (text.size() > room()) add_page();
    }
    pending_ += text;
    if (pending_.size() > room() || Clock::now() - flushed_ > std::chrono::milliseconds(100)) flush();
  }

 private:
  std::size_t room() const { return size_ - end_of_file.size() - position_; }
  bool write(std::size_t place, std::string_view text) {
    return ::pwrite(descriptor_, text.data(), text.size(), static_cast<off_t>(place)) ==
           static_cast<ssize_t>(text.size());
  }
  /// The text, blanks and the end, up to the end of a page; false if that fails.
  bool write_pages(std::string text) {
    const std::size_t place = position_ + text.size();
    const std::size_t size = (place + end_of_file.size() + page - 1) / page * page;
    text.append(size - end_of_file.size() - place, ' ').append(end_of_file);
    if (!write(position_, text)) return false;
    position_ = place;
    size_ = size;
    return true;
  }
  void flush() {
    flushed_ = Clock::now();
    if (pending_.empty()) return;
    if (pending_.size() <= room()) {
      if (write(position_, pending_)) position_ += pending_.size();
    } else if (!write_pages(pending_)) {  // an event longer than a page may be cut; on a full disk it is left out
      static_cast<void>(::ftruncate(descriptor_, static_cast<off_t>(size_)) == 0 && write_pages(""));
    }
    pending_.clear();
  }
  /// Blanks behind the end are still a whole trace. On a full disk nothing happens.
  void add_page() {
    const std::size_t end = size_ - end_of_file.size();
    if (!write(size_, std::string(page, ' '))) {
      static_cast<void>(::ftruncate(descriptor_, static_cast<off_t>(size_)));
      return;
    }
    constexpr std::string_view moved = "    \n]}\n";
    void* const pages =
        ::mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor_, static_cast<off_t>(size_ - page));
    if (pages == MAP_FAILED) {  // /dev/null, or a machine with larger pages
      if (!write(end, moved)) return;
    } else {
      void* const place = static_cast<char*>(pages) + page - end_of_file.size();
      std::uint64_t bytes = 0;
      std::memcpy(&bytes, moved.data(), sizeof bytes);
      static_cast<Unaligned*>(place)->value = bytes;
      ::munmap(pages, 2 * page);
    }
    position_ = size_;
    size_ += page;
    static_cast<void>(write_pages(""));
  }

  struct [[gnu::packed]] Unaligned {
    volatile std::uint64_t value;  // written by one instruction, which no signal divides
  };

  int descriptor_;
  std::size_t position_ = 0, size_ = 0;  // where the next event goes; whole pages
  std::string pending_;
  Clock::time_point begin_ = Clock::now(), flushed_ = begin_;
};

struct Writer {
  std::mutex mutex;
  std::unique_ptr<TraceFile> file;
  std::unique_ptr<observe::Watch> watch;
};

/// Never destroyed: threads may end after main.
Writer& writer() {
  static auto* const instance = new Writer;
  return *instance;
}

const struct StopAtExit {
  ~StopAtExit() { stop_trace(); }
} stop_at_exit;

int thread_number() {
  static std::atomic<int> count{0};
  thread_local const int number = ++count;
  return number;
}

void write_span(std::string_view category, std::string_view name, Clock::time_point begin, Clock::time_point end,
                std::string_view arguments) {
  const std::string names = escaped(name);
  Writer& all = writer();
  const std::lock_guard lock(all.mutex);
  if (all.file == nullptr) return;
  const double from = std::max(all.file->microseconds(begin), 0.0);
  all.file->add(fmt::format(
      R"({{"name":"{}","cat":"{}","ph":"X","pid":{},"tid":{},"ts":{:.3f},"dur":{:.3f},"args":{{{}}}}})", names,
      category, ::getpid(), thread_number(), from, std::max(all.file->microseconds(end) - from, 0.0), arguments));
}

/// The op whose launch was the last of this thread: it is written when its result is known, or the next thing begins.
struct LatestOp {
  bool is_waiting = false;
  std::vector<const void*> written;
  std::string name, arguments;
  Clock::time_point begin, end;

  void write() {
    if (is_waiting) write_span("op", name, begin, end, arguments);
    is_waiting = false;
  }
  ~LatestOp() { write(); }
};
thread_local LatestOp latest;

}  // namespace

void start_trace(const std::filesystem::path& file) {
  auto opened = std::make_unique<TraceFile>(file);
  Writer& all = writer();
  const std::lock_guard lock(all.mutex);
  all.file = std::move(opened);
  if (all.watch == nullptr) all.watch = std::make_unique<observe::Watch>(observe::tracing);
}

void stop_trace() {
  latest.write();
  Writer& all = writer();
  std::unique_ptr<observe::Watch> watch;  // ends outside the lock, since it takes others
  const std::lock_guard lock(all.mutex);
  if (all.file == nullptr) return;
  all.file.reset();
  all.watch.swap(watch);
}

void TraceScope::begin(std::string_view name) {
  latest.write();
  open_.emplace(std::string(name), Clock::now());
}

void TraceScope::end() noexcept {
  try {
    latest.write();
    write_span("scope", open_->name, open_->begin, Clock::now(), "");
  } catch (...) {  // no memory for the text: the span is missing
  }
}

namespace observe {

void trace_launch(const Launch& launch) {
  std::string costs = fmt::format(R"("flops":{:.0f},"bytes":{:.0f})", launch.flops, launch.bytes);
  write_span("kernel", launch.kernel, launch.begin, launch.end,
             fmt::format(R"("version":"{}","device":"{}",{})", escaped(launch.version), orbitgrad::name(launch.device),
                         costs));
  latest.write();
  latest.name = launch.op;
  latest.arguments = fmt::format(R"("shapes":"{}",{})", launch.shapes, costs);
  latest.written.assign(launch.written, launch.written + launch.written_count);
  latest.begin = launch.begin;
  latest.end = launch.end;
  latest.is_waiting = true;
}

void trace_result(const Tensor& output, std::span<const Tensor* const> inputs) {
  const bool is_its_result = std::ranges::find(latest.written, output.body().storage->data) != latest.written.end();
  if (!latest.is_waiting || !is_its_result) return;  // a view, or an op without a kernel of its own
  std::string shapes;
  for (const Tensor* input : inputs)
    if (input->defined()) shapes += fmt::format("{}{}", shapes.empty() ? "" : " ", input->shape());
  latest.arguments +=
      fmt::format(R"(,"in":"{}","out":"{} {}")", shapes, orbitgrad::name(output.dtype()), output.shape());
  latest.end = Clock::now();
  latest.write();
}

void trace_memory(DeviceKind device, std::int64_t live_bytes) {
  const Clock::time_point now = Clock::now();
  Writer& all = writer();
  const std::lock_guard lock(all.mutex);
  if (all.file == nullptr) return;
  all.file->add(
      fmt::format(R"json({{"name":"live memory ({})","ph":"C","pid":{},"ts":{:.3f},"args":{{"bytes":{}}}}})json",
                  orbitgrad::name(device), ::getpid(), all.file->microseconds(now), live_bytes));
}

}  // namespace observe
}  // namespace orbitgrad
