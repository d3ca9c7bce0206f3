#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zlib.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <limits>

#include "sim/io/file.hpp"
#include "sim/io/reader.hpp"
#include "support/catch.hpp"
#include "temporary_folder.hpp"

namespace {

using namespace rto::sim;
using rto::test::ContainsSubstring;
using rto::test::temporary_folder;

template <class F> std::string message(F&& f) {
  try {
    f();
  } catch (const std::exception& e) {
    return e.what();
  }
  return "accepted";
}

reader input_of(const json& object) { return reader(object, "case \"tree_plan/3\": input"); }

}  // namespace

TEST_CASE("malformed JSON is refused with file, line and column") {
  CHECK_THAT(message([] { parse_json("{\n  \"a\": 1,\n  \"b\": x\n}", "cases.json"); }),
             ContainsSubstring("cases.json: line 3, column 8: malformed JSON"));
  CHECK_THAT(message([] { parse_json("[1, 2", "cut.json"); }), ContainsSubstring("cut.json: line 1, column 6"));
  CHECK_THAT(message([] { parse_json(" \n", "empty.json"); }), ContainsSubstring("expected JSON, found an empty file"));
  CHECK_THAT(message([] { parse_json("[1e999]", "big.json"); }), ContainsSubstring("big.json: malformed JSON"));
  CHECK(message([] { parse_json("[\"\xff\"]", "bytes.json"); }).find('\n') == std::string::npos);
}

TEST_CASE("non-finite numbers go through JSON as texts") {
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK(number(infinity) == "inf");
  CHECK(number(-infinity) == "-inf");
  CHECK(number(std::nan("")) == "nan");
  CHECK(to_number(json("inf"), "") == infinity);
  CHECK(std::isnan(to_number(json("nan"), "")));
  json nested = {{"a", {1.5, infinity}}, {"b", {{"c", std::nan("")}}}};
  encode_non_finite(nested);
  CHECK(nested.dump() == R"({"a":[1.5,"inf"],"b":{"c":"nan"}})");
}

TEST_CASE("a field's error names case, field, what was expected and what was found") {
  const json object = json::parse(
      R"({"reward": {"shape": [14, 2], "data": [1]}, "short": {"shape": [2], "data": [1]}, "text": "x", "half": 2.5, "list": [1, "y"],
          "negative": -1, "huge": {"shape": [9007199254740992, 9007199254740992], "data": []}})");
  const reader input = input_of(object);
  CHECK(message([&] {
          input.array("reward", {14, 3});
        }) == "case \"tree_plan/3\": input.reward: expected shape [14,3], found [14,2]");
  CHECK_THAT(message([&] { input.array("short", {any_length}); }),
             ContainsSubstring("shape [2] needs 2 numbers, found 1"));
  CHECK_THAT(message([&] { input.array("huge"); }), ContainsSubstring("found 0 in data"));
  CHECK_THAT(message([&] { input.number("beta"); }), ContainsSubstring("input.beta: the field is missing"));
  CHECK_THAT(message([&] { input.number("text"); }), ContainsSubstring("expected a number, found \"x\""));
  CHECK_THAT(message([&] { input.integer("half"); }), ContainsSubstring("expected an integer, found 2.5"));
  CHECK_THAT(message([&] { input.numbers("list"); }),
             ContainsSubstring("input.list[1]: expected a number, found \"y\""));
  CHECK_THAT(message([&] { input.size("negative"); }), ContainsSubstring("expected an integer >= 0, found -1"));
  CHECK_THAT(message([&] { input.object("list"); }), ContainsSubstring("expected an object, found a list of 2"));
  CHECK_THROWS_AS(input.number("text"), std::invalid_argument);
}

TEST_CASE("arrays are read row by row with their non-finite entries, lists in both forms") {
  const json object = json::parse(
      R"({"r": {"shape": [2, 2], "data": [1, "-inf", 2.5, "nan"]}, "rho": {"shape": [2], "data": [0.5, 0.5]}, "roots": [0, 3.0], "w": null})");
  const reader input = input_of(object);
  const ndarray r = input.array("r", {any_length, 2});
  CHECK(r.shape == std::vector<std::size_t>{2, 2});
  CHECK(r.data[1] == -std::numeric_limits<double>::infinity());
  CHECK(r.data[2] == 2.5);
  CHECK(std::isnan(r.data[3]));
  CHECK(input.numbers("rho", 2) == std::vector<double>{0.5, 0.5});
  CHECK(input.integers("roots") == std::vector<std::int64_t>{0, 3});
  CHECK_FALSE(input.has("w"));
  CHECK(to_json({{2}, {1, std::nan("")}}).dump() == R"({"data":[1.0,"nan"],"shape":[2]})");
}

TEST_CASE("files are read plain and packed; a gzip stream that is cut is refused") {
  const temporary_folder folder;
  std::string text;
  for (int i = 0; i < 20000; ++i) text += std::to_string(i * 7919 % 10007) + "\n";
  write_file(folder / "plain", text);
  CHECK(read_file(folder / "plain") == text);

  const gzFile packed = gzopen((folder / "packed.gz").c_str(), "wb");
  gzwrite(packed, text.data(), static_cast<unsigned>(text.size()));
  gzclose(packed);
  CHECK(read_file(folder / "packed.gz") == text);

  std::filesystem::resize_file(folder / "packed.gz", std::filesystem::file_size(folder / "packed.gz") / 2);
  CHECK_THAT(message([&] { read_file(folder / "packed.gz"); }), ContainsSubstring("expected a whole gzip stream"));
  CHECK_THAT(message([&] { read_file(folder / "none"); }), ContainsSubstring("No such file"));
  CHECK_THAT(message([&] { read_file(folder.path()); }), ContainsSubstring("expected a file, found a folder"));
}

TEST_CASE("a file that cannot be written whole keeps its old content and leaves nothing beside it") {
  const temporary_folder folder;
  write_file(folder / "report", "old");
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit small = before;
  small.rlim_cur = 1000;
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  const std::string refused = message([&] { write_file(folder / "report", std::string(5000, 'x')); });
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK_THAT(refused, ContainsSubstring("report: cannot be written: File too large"));
  CHECK(read_file(folder / "report") == "old");
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
  CHECK_THAT(message([&] { write_file(folder / "no" / "file", "x"); }), ContainsSubstring("No such file or directory"));
  CHECK_THAT(message([&] { write_file("/dev/full", "x"); }), ContainsSubstring("No space left"));
}
