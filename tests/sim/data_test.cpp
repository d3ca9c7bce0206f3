// The readers of sim/data: tables, JSON lines, gzip; and what they say about bad files.
#include <zlib.h>

#include <filesystem>
#include <fstream>

#include "sim/data/delimited.hpp"
#include "sim/data/json_lines.hpp"
#include "sim/data/preference_corpus.hpp"
#include "sim/data/text_features.hpp"
#include "sim/data/utf8.hpp"
#include "sim/io/error.hpp"
#include "support/catch.hpp"

using namespace rto::sim;

namespace {

class scratch_folder {
 public:
  scratch_folder() {
    std::string name = (std::filesystem::temp_directory_path() / "rto-data-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~scratch_folder() { std::filesystem::remove_all(folder_); }

  std::filesystem::path file(const std::string& name, std::string_view content) const {
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return folder_ / name;
  }

 private:
  std::filesystem::path folder_;
};

std::string gzip(std::string_view text) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string packed(deflateBound(&stream, text.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<unsigned char*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<unsigned char*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

std::vector<std::vector<std::string>> records(const std::filesystem::path& file, const delimited_format& format = {}) {
  delimited_reader table(file, format);
  std::vector<std::vector<std::string>> all{table.columns()};
  std::vector<std::string> fields;
  while (table.next(fields)) all.push_back(fields);
  return all;
}

// The message without the folder.
template <class F> std::string complaint(F f) {
  try {
    f();
  } catch (const user_error& error) {
    const std::string message = error.what();
    CHECK(message.find('\n') == std::string::npos);
    const std::size_t at = message.rfind("/rto-data-");
    return at == std::string::npos ? message : message.substr(at + std::string("/rto-data-XXXXXX/").size());
  }
  return "no complaint";
}

using table_text = std::vector<std::vector<std::string>>;

}  // namespace

TEST_CASE("a table is read with quotes, a byte order mark, either line end and no last line end") {
  const scratch_folder folder;
  CHECK(records(folder.file("a.csv",
                            "\xef\xbb\xbf"
                            "item 1,\"item, 2\",n\r\n\"say \"\"hi\"\"\",\"two\r\nlines\",3\r\n\r\nx,,5")) ==
        table_text{{"item 1", "item, 2", "n"}, {"say \"hi\"", "two\nlines", "3"}, {"x", "", "5"}});
  CHECK(records(folder.file("b.tsv", "a\tb\n\"x\ty, z\n")) == table_text{{"a", "b"}, {"\"x", "y, z"}});
  CHECK(records(folder.file("c.csv", "a;b\n1;2\n")) == table_text{{"a", "b"}, {"1", "2"}});
  CHECK(records(folder.file("d.txt", "a|b,c|d\n1|2|3\n")) == table_text{{"a", "b,c", "d"}, {"1", "2", "3"}});
  CHECK(records(folder.file("e.csv", "1,2\n3,4\n")) == table_text{{"c1", "c2"}, {"1", "2"}, {"3", "4"}});
  CHECK(records(folder.file("f.csv", "1,2\n3,4\n"), {.separator = {}, .quotes = {}, .header = true}) ==
        table_text{{"1", "2"}, {"3", "4"}});
}

TEST_CASE("a gzip file is read as its content, several members as one, and padding with zeros is allowed") {
  const scratch_folder folder;
  const table_text expected{{"a", "b"}, {"1", "x"}, {"2", "y"}};
  CHECK(records(folder.file("a.csv.gz", gzip("a,b\n1,x\n2,y\n"))) == expected);
  CHECK(records(folder.file("b.csv.gz", gzip("a,b\n1,") + gzip("x\n") + gzip("2,y\n") + std::string(512, '\0'))) ==
        expected);
  CHECK(records(folder.file("packed.csv", gzip("a,b\n1,x\n2,y\n"))) == expected);  // told by its bytes
  std::string large = "a,b\n";
  for (int i = 0; i < 200000; ++i) large += std::to_string(i) + ",some text\n";
  CHECK(records(folder.file("large.csv.gz", gzip(large))).size() == 200001);
}

TEST_CASE("every cut of a gzip file is one clear error") {
  const scratch_folder folder;
  const std::string packed = gzip("a,b\n1,x\n2,y\n3,z\n");
  for (std::size_t size = 2; size < packed.size(); ++size) {
    INFO(size);
    CHECK(complaint([&] { records(folder.file("a.csv.gz", packed.substr(0, size))); }) ==
          "a.csv.gz: the gzip data are cut: expected more bytes, found the end of the file");
  }
  CHECK(complaint([&] { records(folder.file("b.csv.gz", "a,b\n")); }) ==
        "b.csv.gz: expected gzip data (the name ends in .gz), found something else");
  CHECK_THAT(complaint([&] { records(folder.file("c.csv.gz", packed + "tail")); }),
             Catch::Matchers::ContainsSubstring("c.csv.gz: the gzip data are damaged near byte"));
  std::string damaged = packed;
  damaged[packed.size() - 6] ^= 0x10;  // in the checksum
  CHECK_THAT(complaint([&] { records(folder.file("d.csv.gz", damaged)); }),
             Catch::Matchers::ContainsSubstring("d.csv.gz: the gzip data are damaged near byte"));
}

TEST_CASE("a malformed table is refused with file, line, expected and found") {
  const scratch_folder folder;
  const auto said = [&](std::string_view content) {
    return complaint([&] { records(folder.file("t.csv", content)); });
  };
  CHECK(said("") == "t.csv: expected a table, found no line in it");
  CHECK(said("\n\n") == "t.csv: expected a table, found no line in it");
  CHECK(said("a,b\n1,2\n1,2,3\n") == "t.csv:3: expected 2 fields, found 3");
  CHECK(said("a,b\n1\n") == "t.csv:2: expected 2 fields, found 1");
  CHECK(said("a,b\n1,\"2\nmore\n") == "t.csv:2: field 2: expected a closing '\"', found none");
  CHECK(said("a,b\n\"1\"x,2\n") == "t.csv:2: field 1: expected ',' after the closing '\"', found 'x'");
  CHECK(said("a,a\n1,2\n") == "t.csv:1: expected columns of different names, found \"a\" twice");
  CHECK(said("a,b\n1,caf\xe9\n") == "t.csv:2: expected UTF-8 text, found byte 0xe9 at byte 6 of the line");
  CHECK(said(std::string_view("a,b\n1,\0\n", 8)) == "t.csv:2: expected text, found a NUL byte at byte 3");
  CHECK(said("\xff\xfe"
             "a") == "t.csv:1: expected UTF-8 text, found UTF-16 (its byte order mark)");
  CHECK_THAT(complaint([&] { records("/nowhere/rto-data-XXXXXX/t.csv"); }),
             Catch::Matchers::ContainsSubstring("t.csv: cannot be opened: No such file or directory"));
  CHECK_THAT(complaint([&] { records(std::filesystem::temp_directory_path()); }),
             Catch::Matchers::ContainsSubstring("expected a file, found a folder"));
}

TEST_CASE("a field is a number only when all of it is, and finite") {
  CHECK(parse_number(" 1.5e3 ").value() == 1500.0);
  CHECK(parse_number("+2").value() == 2.0);
  CHECK(parse_number("-0.25").value() == -0.25);
  for (const char* field : {"", " ", "nan", "inf", "-inf", "1e999", "0x10", "1,5", "1 2", "++1", "one", "1e", "."})
    CHECK_FALSE(parse_number(field));

  const scratch_folder folder;
  const auto said = [&](const std::string& field) {
    return complaint([&] {
      delimited_reader table(folder.file("t.csv", "item,wins\nA," + field + "\n"));
      std::vector<std::string> fields;
      table.next(fields);
      count_field(table, fields, 1);
    });
  };
  CHECK(said("nan") == "t.csv:2: column \"wins\": expected a finite number, found \"nan\"");
  CHECK(said("-3") == "t.csv:2: column \"wins\": expected a count >= 0, found -3");
  CHECK(said("3") == "no complaint");
}

TEST_CASE("JSON lines are read, and a bad line is named with its number and column") {
  const scratch_folder folder;
  json_lines_reader good(
      folder.file("a.jsonl.gz", gzip("{\"chosen\": \"x\\u00e9\", \"n\": 1}\r\n\n{\"chosen\": \"y\"}")));
  json object;
  REQUIRE(good.next(object));
  CHECK(good.text(object, "chosen") == "x\xc3\xa9");
  REQUIRE(good.next(object));
  CHECK(good.text(object, "chosen") == "y");
  CHECK_FALSE(good.next(object));

  const auto said = [&](std::string_view content) {
    return complaint([&] {
      json_lines_reader lines(folder.file("t.jsonl", content));
      json one;
      while (lines.next(one)) lines.text(one, "chosen");
    });
  };
  CHECK(said("{\"chosen\": \"a\"}\n{\"chosen\": \"b\"") ==
        "t.jsonl:2: expected a JSON object, found the end of the line inside it");
  CHECK(said("{\"chosen\": tru}") == "t.jsonl:1: column 15: expected JSON, found '}'");
  CHECK(said("[1]") == "t.jsonl:1: expected a JSON object, found a list of 1");
  CHECK(said("{\"chosen\": 3}") == "t.jsonl:1: field \"chosen\": expected a text, found 3");
  CHECK(said("{\"a\": 3, \"b\": 4}") ==
        "t.jsonl:1: field \"chosen\": expected a text, found no such field (there are: a, b)");
  CHECK_THAT(said("{\"chosen\": 1e999}"), Catch::Matchers::ContainsSubstring("t.jsonl:1: expected JSON"));
  CHECK_THAT(said(std::string(100000, '[')), Catch::Matchers::ContainsSubstring("t.jsonl:1: expected a JSON object"));
}

TEST_CASE("UTF-8 is told from what is not, code points are counted and found") {
  CHECK(first_invalid_utf8("plain \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80") == std::string_view::npos);
  CHECK(first_invalid_utf8("ab\xc0\xaf") == 2);         // overlong
  CHECK(first_invalid_utf8("\xed\xa0\x80") == 0);       // a surrogate
  CHECK(first_invalid_utf8("a\xf4\x90\x80\x80") == 1);  // above U+10FFFF
  CHECK(first_invalid_utf8("a\xe2\x82") == 1);          // cut
  CHECK(code_point_count("a\xc3\xa9\xf0\x9f\x98\x80") == 3);
  CHECK(code_point_offsets("a\xc3\xa9z") == std::vector<std::size_t>{0, 1, 3, 4});
  CHECK(printable("a\x01\xff") == "a\\x01\\xff");
}

TEST_CASE("style features of a text are those of their definition") {
  const auto f = style_features("I\xe2\x80\x99m sorry, I can't. Not now? No?");
  CHECK(f[0] == Approx(std::log1p(32.0)).epsilon(1e-15));
  CHECK(f[1] == Approx(0.08));  // I m sorry I can't Not now No
  CHECK(f[2] == 2);
  CHECK(f[3] == 1);
  CHECK(f[4] == Approx(0.3));
  CHECK(f[5] == Approx((1 + 1 + 5 + 1 + 5 + 3 + 3 + 2) / 8.0));
  CHECK(style_features("")[5] == 0);
  CHECK(last_reply("\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant: d") == " d");
  CHECK(last_reply("plain") == "plain");
}

TEST_CASE("tokens are words, runs of other letters and single marks, with their places") {
  const std::string text = "Don't go, caf\xc3\xa9!";
  std::vector<std::string> found;
  for (const text_token& t : tokens_of(text)) found.push_back(text.substr(t.begin, t.end - t.begin));
  CHECK(found == std::vector<std::string>{"Don't", "go", ",", "caf\xc3\xa9", "!"});
  const auto a = tokens_of("the Cat"), b = tokens_of("THE cat");
  CHECK(a[1].digest == b[1].digest);
  const auto one = hashed_ngram(a, 1, 2, 1024), two = hashed_ngram(b, 1, 2, 1024), start = hashed_ngram(a, 0, 2, 1024);
  CHECK(one.column == two.column);
  CHECK(one.sign == two.sign);
  CHECK((start.column != one.column || start.sign != one.sign));
}

TEST_CASE("preference sets are read as pairs of tokenised replies, error spans by code points") {
  const scratch_folder folder;
  const std::filesystem::path root = folder.file("x", "").parent_path();
  std::filesystem::create_directories(root / "preference/hh-rlhf-harmless-base");
  std::filesystem::create_directories(root / "preference/qa-feedback");
  folder.file("preference/hh-rlhf-harmless-base/test.jsonl.gz",
              gzip("{\"chosen\": \"\\n\\nHuman: a\\n\\nAssistant: yes sir\", \"rejected\": \"no\"}\n"));
  const preference_corpus pairs = load_harmless_base(root);
  REQUIRE(pairs.pairs.size() == 1);
  CHECK(pairs.responses[static_cast<std::size_t>(pairs.pairs[0].preferred)].tokens.size() == 2);
  CHECK(pairs.responses[static_cast<std::size_t>(pairs.pairs[0].other)].tokens.size() == 1);

  // "\u00e9\u00e9 bad word": the span [3, 6) is "bad" in code points, not in bytes.
  const std::string answer =
      R"([{"prediction 1": "\u00e9\u00e9 bad word", "prediction 2": "b", "prediction 3": "c", "prediction 4": "d",
           "preference": [1, 2, 0, 0, 0, 1], "feedback": {"errors": [{"start": 3, "end": 6}]}}])";
  folder.file("preference/qa-feedback/dev_feedback.json", answer);
  const preference_corpus marked = load_qa_feedback(root);
  REQUIRE(marked.pairs.size() == 3);
  CHECK(marked.pairs[0].preferred == 0);
  CHECK(marked.pairs[0].other == 1);
  CHECK(marked.pairs[1].preferred == 2);
  CHECK(marked.pairs[1].other == 0);
  CHECK(marked.pairs[2].preferred == 2);
  CHECK(marked.pairs[2].other == 3);
  CHECK(marked.clusters == 1);
  CHECK(marked.responses[0].in_error == std::vector<bool>{false, true, false});

  folder.file("preference/qa-feedback/dev_feedback.json",
              std::string(answer).replace(answer.find("\"end\": 6"), 8, "\"end\": 99"));
  CHECK_THROWS_WITH(load_qa_feedback(root), Catch::Matchers::ContainsSubstring("end <= 11"));
  CHECK_THROWS_WITH(load_harmless_base(root / "preference"),
                    Catch::Matchers::ContainsSubstring("test.public.jsonl.gz: expected this file of the data folder"));
}
