#include "llm/training/tensorboard.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <chrono>
#include <cstring>

#include "sim/io/error.hpp"
#include "sim/io/file.hpp"

namespace rto::llm {
namespace {

constexpr std::array<std::uint32_t, 256> table = [] {
  std::array<std::uint32_t, 256> t{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0x82f63b78U : 0U);
    t[i] = crc;
  }
  return t;
}();

template <class Number> void put_little_endian(std::string& out, Number value) {
  static_assert(std::endian::native == std::endian::little);
  std::array<char, sizeof(Number)> bytes{};
  std::memcpy(bytes.data(), &value, sizeof(Number));
  out.append(bytes.data(), bytes.size());
}

// The wire format of protocol buffers: a field's number and kind, then its value.
enum class wire : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}
void put_key(std::string& out, std::uint32_t field, wire kind) {
  put_varint(out, (field << 3) | static_cast<std::uint32_t>(kind));
}
void put_bytes(std::string& out, std::uint32_t field, std::string_view bytes) {
  put_key(out, field, wire::bytes);
  put_varint(out, bytes.size());
  out.append(bytes);
}

// Event: wall_time = 1, step = 2, file_version = 3, summary = 5, session_log = 7.
std::string event_at(std::int64_t step) {
  std::string event;
  put_key(event, 1, wire::fixed64);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  put_little_endian(event, std::chrono::duration<double>(now).count());
  put_key(event, 2, wire::varint);
  put_varint(event, static_cast<std::uint64_t>(step));
  return event;
}

std::string host() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t crc = 0xffffffffU;
  for (const char c : bytes) crc = (crc >> 8) ^ table[(crc ^ static_cast<unsigned char>(c)) & 0xffU];
  return ~crc;
}

std::uint32_t masked_crc32c(std::string_view bytes) { return std::rotr(crc32c(bytes), 15) + 0xa282ead8U; }

tensorboard_writer::tensorboard_writer(const std::filesystem::path& folder, std::int64_t from_step) {
  sim::make_folder(folder);
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch());
  file_ = folder / fmt::format("events.out.tfevents.{:010d}.{}.{}", seconds.count(), host(), ::getpid());
  stream_.open(file_, std::ios::binary | std::ios::app);
  if (!stream_) throw sim::user_error(fmt::format("{}: cannot be written", file_.string()));
  std::string first = event_at(0);
  put_bytes(first, 3, "brain.Event:2");
  record(first);
  if (from_step == 0) return;
  std::string start = event_at(from_step), status;
  put_key(status, 1, wire::varint);
  put_varint(status, 1);  // SessionLog::START
  put_bytes(start, 7, status);
  record(start);
}

void tensorboard_writer::add(std::int64_t step, const std::vector<std::pair<std::string, double>>& values) {
  std::string summary;
  for (const auto& [tag, value] : values) {
    std::string one;
    put_bytes(one, 1, tag);
    put_key(one, 2, wire::fixed32);
    put_little_endian(one, static_cast<float>(value));
    put_bytes(summary, 1, one);
  }
  std::string event = event_at(step);
  put_bytes(event, 5, summary);
  record(event);
}

void tensorboard_writer::record(const std::string& event) {
  std::string length, framed;
  put_little_endian(length, static_cast<std::uint64_t>(event.size()));
  framed = length;
  put_little_endian(framed, masked_crc32c(length));
  framed += event;
  put_little_endian(framed, masked_crc32c(event));
  stream_.write(framed.data(), static_cast<std::streamsize>(framed.size()));
  stream_.flush();
  if (!stream_) throw sim::user_error(fmt::format("{}: cannot be written to its end", file_.string()));
}

}  // namespace rto::llm
