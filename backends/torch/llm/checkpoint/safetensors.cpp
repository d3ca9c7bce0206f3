#include "llm/checkpoint/safetensors.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <torch/torch.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <set>
#include <system_error>

#include "sim/data/utf8.hpp"
#include "sim/io/error.hpp"
#include "sim/io/json.hpp"

namespace rto::llm {
namespace {

using sim::user_error;

constexpr std::uint64_t longest_header = 100'000'000;  // as the reference reader

std::string why(int error) { return std::generic_category().message(error); }

/// Bits of an element; 0 of a type that the format does not know.
std::uint64_t bits_of(const std::string& dtype) {
  static const std::map<std::string, std::uint64_t> known{
      {"BOOL", 8}, {"U8", 8},   {"I8", 8},   {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8},
      {"F4", 4},   {"I16", 16}, {"U16", 16}, {"F16", 16},    {"BF16", 16},   {"I32", 32},
      {"U32", 32}, {"F32", 32}, {"C64", 64}, {"F64", 64},    {"I64", 64},    {"U64", 64}};
  const auto found = known.find(dtype);
  return found == known.end() ? 0 : found->second;
}

/// The JSON of a header in which no tensor is named twice.
sim::json parse_header(std::string_view text, const std::string& name) {
  std::set<std::string> seen;
  std::string twice;
  const auto note = [&](int depth, sim::json::parse_event_t event, sim::json& parsed) {
    if (event == sim::json::parse_event_t::key && depth == 1 && !seen.insert(parsed.get<std::string>()).second)
      twice = parsed.get<std::string>();
    return true;
  };
  sim::json header;
  try {
    header = sim::json::parse(text, note);
  } catch (const sim::json::exception& e) {
    throw user_error(
        fmt::format("{}: expected a header of JSON, found what is not: {}", name, sim::printable(e.what(), 120)));
  }
  if (!header.is_object())
    throw user_error(fmt::format("{}: expected a header that is an object, found {}", name, sim::describe(header)));
  if (!twice.empty()) throw user_error(fmt::format("{}: tensor \"{}\" is there twice", name, sim::printable(twice)));
  return header;
}

}  // namespace

struct safetensors_file::mapping {
  char* address = nullptr;
  std::uint64_t size = 0;

  explicit mapping(const std::filesystem::path& file) {
    const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) throw user_error(fmt::format("{}: cannot be read: {}", file.string(), why(errno)));
    struct stat info {};
    int error = ::fstat(descriptor, &info) != 0 ? errno : 0;
    if (error == 0 && !S_ISREG(info.st_mode)) error = S_ISDIR(info.st_mode) ? EISDIR : EINVAL;
    if (error == 0 && info.st_size > 0) {
      size = static_cast<std::uint64_t>(info.st_size);
      void* const got = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, descriptor, 0);
      if (got == MAP_FAILED)
        error = errno;
      else
        address = static_cast<char*>(got);
    }
    ::close(descriptor);
    if (error != 0) throw user_error(fmt::format("{}: cannot be read: {}", file.string(), why(error)));
  }
  mapping(const mapping&) = delete;
  mapping& operator=(const mapping&) = delete;
  ~mapping() {
    if (address != nullptr) ::munmap(address, size);
  }
};

safetensors_file::safetensors_file(const std::filesystem::path& file)
    : name_(file.string()), mapping_(std::make_shared<mapping>(file)) {
  read_header();
}

void safetensors_file::fail(const std::string& message) const { throw user_error(name_ + ": " + message); }

void safetensors_file::read_header() {
  const std::uint64_t size = mapping_->size;
  if (size < 8) fail(fmt::format("expected a safetensors file, found one of {} bytes", size));
  std::uint64_t length = 0;
  for (int i = 7; i >= 0; --i) length = length << 8 | static_cast<std::uint8_t>(mapping_->address[i]);
  if (length > longest_header)
    fail(fmt::format("expected a header of at most {} bytes, found one of {}", longest_header, length));
  if (length > size - 8)
    fail(fmt::format("expected a header of {} bytes, found a file that is cut after {}", length, size - 8));
  data_ = 8 + length;
  const sim::json header = parse_header({mapping_->address + 8, length}, name_);
  for (const auto& [name, value] : header.items()) {
    const auto wrong = [&](const std::string& what) {
      fail(fmt::format("tensor \"{}\": {}", sim::printable(name, 100), what));
    };
    if (!value.is_object()) wrong(fmt::format("expected an object, found {}", sim::describe(value)));
    if (name == "__metadata__") {
      for (const auto& [key, text] : value.items())
        if (text.is_string()) metadata_[key] = text.get<std::string>();
      continue;
    }
    const auto dtype = value.find("dtype"), shape = value.find("shape"), places = value.find("data_offsets");
    if (dtype == value.end() || !dtype->is_string()) wrong("expected a dtype");
    if (shape == value.end() || !shape->is_array()) wrong("expected a shape");
    if (places == value.end() || !places->is_array() || places->size() != 2 || !(*places)[0].is_number_unsigned() ||
        !(*places)[1].is_number_unsigned())
      wrong("expected data_offsets of two whole numbers");
    entry e{dtype->get<std::string>(), {}, (*places)[0].get<std::uint64_t>(), (*places)[1].get<std::uint64_t>()};
    const std::uint64_t bits = bits_of(e.dtype);
    if (bits == 0) wrong(fmt::format("expected a known dtype, found \"{}\"", sim::printable(e.dtype)));
    std::uint64_t count = 1;
    for (const sim::json& d : *shape) {
      if (!d.is_number_unsigned() || d.get<std::uint64_t>() > std::uint64_t{1} << 48)
        wrong("expected a shape of whole numbers below 2^48");
      const std::uint64_t n = d.get<std::uint64_t>();
      if (n != 0 && count > (std::numeric_limits<std::uint64_t>::max() >> 8) / n)
        wrong("its shape has more elements than can be");
      count *= n;
      e.shape.push_back(static_cast<std::int64_t>(n));
    }
    if (e.end < e.begin || e.end > size - data_)
      wrong(fmt::format("expected its bytes within the {} of the data, found {} to {}", size - data_, e.begin, e.end));
    if (count * bits != (e.end - e.begin) * 8)
      wrong(fmt::format("expected {} bytes for {} of shape {}, found {}", count * bits / 8, e.dtype,
                        describe_shape(e.shape), e.end - e.begin));
    entries_.emplace(name, std::move(e));
  }
  check_places(size - data_);
}

void safetensors_file::check_places(std::uint64_t bytes) const {
  std::vector<std::pair<const entry*, const std::string*>> order;
  for (const auto& [name, e] : entries_) order.emplace_back(&e, &name);
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return std::pair(a.first->begin, a.first->end) < std::pair(b.first->begin, b.first->end);
  });
  std::uint64_t from = 0;
  for (const auto& [e, name] : order) {
    if (e->begin < from) fail(fmt::format("tensor \"{}\" overlaps another", sim::printable(*name, 100)));
    if (e->begin > from)
      fail(fmt::format("{} bytes before tensor \"{}\" belong to none", e->begin - from, sim::printable(*name, 100)));
    from = e->end;
  }
  if (from != bytes) fail(fmt::format("expected {} bytes of data, found {}", from, bytes));
}

at::Tensor safetensors_file::tensor(const std::string& name, at::IntArrayRef shape) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) fail(fmt::format("expected tensor \"{}\", found none of that name", name));
  const entry& e = found->second;
  if (at::IntArrayRef(e.shape) != shape)
    fail(fmt::format("tensor \"{}\": expected shape {}, found {}", name, describe_shape(shape),
                     describe_shape(e.shape)));
  at::ScalarType type = at::kFloat;
  if (e.dtype == "F16")
    type = at::kHalf;
  else if (e.dtype == "BF16")
    type = at::kBFloat16;
  else if (e.dtype != "F32")
    fail(fmt::format("tensor \"{}\": expected F32, F16 or BF16, found {}", name, e.dtype));
  char* const place = mapping_->address + data_ + e.begin;
  if (e.begin == e.end) return at::empty(shape, type);
  const std::size_t size = c10::elementSize(type);
  if (reinterpret_cast<std::uintptr_t>(place) % size != 0) {  // the format does not promise alignment
    at::Tensor copy = at::empty(shape, type);
    std::memcpy(copy.data_ptr(), place, e.end - e.begin);
    return copy;
  }
  return at::from_blob(
      place, shape, [keep = mapping_](void*) {}, type);
}

std::string describe_shape(at::IntArrayRef shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

}  // namespace rto::llm
