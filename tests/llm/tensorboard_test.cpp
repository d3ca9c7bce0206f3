#include "llm/training/tensorboard.hpp"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "sim/temporary_folder.hpp"
#include "support/catch.hpp"

using namespace rto::llm;

namespace {

template <class Number> Number number_at(const std::string& bytes, std::size_t from) {
  Number value{};
  if (from + sizeof value > bytes.size()) throw std::runtime_error("cut");
  std::memcpy(&value, bytes.data() + from, sizeof value);
  return value;
}

// The records of a file, their checksums checked.
std::vector<std::string> records_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  const std::string all{std::istreambuf_iterator<char>(stream), {}};
  std::vector<std::string> records;
  for (std::size_t at = 0; at < all.size();) {
    const auto length = number_at<std::uint64_t>(all, at);
    REQUIRE(number_at<std::uint32_t>(all, at + 8) == masked_crc32c(all.substr(at, 8)));
    records.push_back(all.substr(at + 12, length));
    REQUIRE(number_at<std::uint32_t>(all, at + 12 + length) == masked_crc32c(records.back()));
    at += 16 + length;
  }
  return records;
}

// A reader of protocol buffers: (field, kind) and what follows, one after the other.
struct fields {
  std::string bytes;
  std::size_t at = 0;

  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = static_cast<unsigned char>(bytes.at(at++));
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }
  std::string text() {
    const std::size_t length = varint();
    at += length;
    return bytes.substr(at - length, length);
  }
  template <class Number> Number fixed() {
    at += sizeof(Number);
    return number_at<Number>(bytes, at - sizeof(Number));
  }
  bool done() const { return at >= bytes.size(); }
};

struct event {
  double wall_time = 0;
  std::uint64_t step = 0, session_status = 0;
  std::string file_version;
  std::vector<std::pair<std::string, float>> values;
};

event parse(const std::string& record) {
  event e;
  for (fields f{record}; !f.done();) {
    switch (f.varint()) {
      case 1 << 3 | 1:
        e.wall_time = f.fixed<double>();
        break;
      case 2 << 3 | 0:
        e.step = f.varint();
        break;
      case 3 << 3 | 2:
        e.file_version = f.text();
        break;
      case 5 << 3 | 2:
        for (fields summary{f.text()}; !summary.done();) {
          REQUIRE(summary.varint() == (1 << 3 | 2));
          fields value{summary.text()};
          REQUIRE(value.varint() == (1 << 3 | 2));
          const std::string tag = value.text();
          REQUIRE(value.varint() == (2 << 3 | 5));
          e.values.emplace_back(tag, value.fixed<float>());
        }
        break;
      case 7 << 3 | 2: {
        fields log{f.text()};
        REQUIRE(log.varint() == (1 << 3 | 0));
        e.session_status = log.varint();
        break;
      }
      default:
        FAIL("an unknown field");
    }
  }
  return e;
}

}  // namespace

TEST_CASE("crc32c has the published values") {
  CHECK(crc32c("123456789") == 0xe3069283U);
  CHECK(crc32c(std::string(32, '\0')) == 0x8a9136aaU);
  CHECK(crc32c(std::string(32, '\xff')) == 0x62a8ab43U);
  CHECK(crc32c("") == 0);
}

TEST_CASE("event files hold what was added, record by record, with their checksums") {
  const rto::test::temporary_folder folder;
  std::filesystem::path file;
  {
    tensorboard_writer writer(folder.path(), 0);
    writer.add(1, {{"train/loss", 0.5}, {"train/accuracy", 1}});
    writer.add(300, {{"train/loss", 1e-3}});
    file = writer.file();
  }
  const std::vector<std::string> records = records_of(file);
  REQUIRE(records.size() == 3);
  const event first = parse(records[0]), second = parse(records[1]), third = parse(records[2]);
  CHECK(first.file_version == "brain.Event:2");
  CHECK(first.wall_time > 1.6e9);
  CHECK(second.step == 1);
  CHECK(second.values == std::vector<std::pair<std::string, float>>{{"train/loss", 0.5F}, {"train/accuracy", 1.0F}});
  CHECK(third.step == 300);
  CHECK(third.values == std::vector<std::pair<std::string, float>>{{"train/loss", 1e-3F}});
}

TEST_CASE("a run that goes on tells the dashboard from which step its events supersede older ones") {
  const rto::test::temporary_folder folder;
  std::filesystem::path file;
  {
    tensorboard_writer writer(folder.path(), 7);
    file = writer.file();
  }
  const std::vector<std::string> records = records_of(file);
  REQUIRE(records.size() == 2);
  CHECK(parse(records[1]).step == 7);
  CHECK(parse(records[1]).session_status == 1);
}
