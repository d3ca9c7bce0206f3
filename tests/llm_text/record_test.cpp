#include "llm/data/record.hpp"

#include <cstdlib>
#include <fstream>

#include "sim/data/dialogue.hpp"
#include "sim/data/json_lines.hpp"
#include "sim/io/error.hpp"
#include "support/catch.hpp"

using namespace rto::llm;
using rto::test::ContainsSubstring;

namespace {

std::filesystem::path written(const std::string& content, const std::string& name = "rto_record_test.jsonl") {
  const std::filesystem::path file = std::filesystem::temp_directory_path() / name;
  std::ofstream(file, std::ios::binary) << content;
  return file;
}

record_set records(const std::string& content, std::optional<data_format> format = std::nullopt) {
  return read_records(written(content), format);
}

std::string complaint(const std::string& content, std::optional<data_format> format = std::nullopt) {
  try {
    records(content, format);
  } catch (const rto::sim::user_error& e) {
    return e.what();
  }
  return "none";
}

const std::string user = R"([{"role":"user","content":"a?"}])", assistant = R"([{"role":"assistant","content":"b"}])";

}  // namespace

TEST_CASE("the format of data is told from the fields of the first record") {
  CHECK(records(R"({"text":"a"})").format == data_format::text);
  CHECK(records(R"({"messages":)" + user + "}").conversational);
  CHECK(records(R"({"prompt":"a","id":7})").format == data_format::prompt);
  CHECK(records(R"({"prompt":"a","completion":"b"})").format == data_format::prompt_completion);
  CHECK(records(R"({"prompt":"a","completion":"b","label":true})").format == data_format::labelled);
  CHECK(records(R"({"prompt":"a","chosen":"b","rejected":"c"})").format == data_format::preference);
  CHECK(records(R"({"chosen":"It is a","rejected":"It is b"})").format == data_format::shared_prefix);
  CHECK(records(R"({"chosen":"\n\nHuman: a\n\nAssistant: b","rejected":"\n\nHuman: a\n\nAssistant: c"})").format ==
        data_format::dialogue);
  CHECK(records("Once upon a time\n{").format == data_format::plain_text);
  CHECK(records(R"([{"prompt":"a"},{"prompt":"b"}])").records.size() == 2);
  CHECK(records("\xef\xbb\xbf\n {\"prompt\":\"a\"}\r\n\r\n{\"prompt\":\"b\"}").records.size() == 2);
  CHECK(format_named("pandalm") == data_format::pandalm);
  CHECK_THROWS_AS(format_named("parquet"), rto::sim::user_error);
}

TEST_CASE("fields arrive where they belong") {
  const record_set set = records(R"({"prompt":"p","chosen":"c","rejected":"r","margin":1.5,"score":9})"
                                 "\n"
                                 R"({"prompt":"q","chosen":"d","rejected":"s","margin":null})");
  CHECK(text_of(set.records[0].prompt) == "p");
  CHECK(text_of(set.records[0].answer) == "c");
  CHECK(text_of(set.records[0].rejected) == "r");
  CHECK(set.records[0].margin == 1.5);
  CHECK_FALSE(set.records[1].margin.has_value());
  CHECK_THAT(set.records[1].place, ContainsSubstring("rto_record_test.jsonl:2"));
  CHECK_FALSE(records(R"({"prompt":"a","completion":"b","label":false})").records[0].desirable);
  const record_set chat = records(R"({"messages":)" + user + R"(,"tools":[{"b":1,"a":2}]})");
  CHECK(chat.records[0].tools.dump() == R"([{"b":1,"a":2}])");  // in the order of the file
}

TEST_CASE("HH-RLHF's prompt is what both dialogues begin with, up to an assistant's mark") {
  const record_set set = records(
      R"({"chosen":"\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant: d","rejected":"\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant: e"})"
      "\n"
      R"({"chosen":"\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant: d","rejected":"\n\nHuman: a\n\nAssistant: x"})"
      "\n"
      R"({"chosen":"\n\nHuman: a\n\nAssistant: b","rejected":"\n\nHuman: z\n\nAssistant: b"})"
      "\n"
      R"({"chosen":"\n\nHuman: a\n\nAssistant:","rejected":"\n\nHuman: a\n\nAssistant: b"})");
  REQUIRE(set.records.size() == 3);
  CHECK(set.without_prompt == 1);
  CHECK(text_of(set.records[0].prompt) == "\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant:");
  CHECK(text_of(set.records[0].answer) == " d");
  CHECK(text_of(set.records[0].rejected) == " e");
  CHECK(text_of(set.records[1].prompt) == "\n\nHuman: a\n\nAssistant:");
  CHECK(text_of(set.records[1].answer) == " b\n\nHuman: c\n\nAssistant: d");
  CHECK(text_of(set.records[2].answer).empty());
  const auto list = messages_of_dialogue("\n\nHuman: a b \n\nAssistant: c\n\nHuman:d\n\nAssistant:");
  REQUIRE(list.has_value());
  CHECK(list->dump() ==
        R"([{"role":"user","content":"a b"},{"role":"assistant","content":"c"},{"role":"user","content":"d"}])");
  CHECK_FALSE(messages_of_dialogue("plain").has_value());
}

TEST_CASE("an implicit prompt is the part that both answers share") {
  const record_set text = records(R"({"chosen":"The sky is blue.","rejected":"The sky is green."})");
  CHECK(text_of(text.records[0].prompt) == "The sky is");
  CHECK(text_of(text.records[0].answer) == " blue.");
  CHECK(text_of(text.records[0].rejected) == " green.");
  const record_set split = records("{\"chosen\":\"a\xc3\xa9\",\"rejected\":\"a\xc3\xa8\"}");  // not inside a character
  CHECK(text_of(split.records[0].prompt) == "a");
  const std::string question = R"({"role":"user","content":"a?"})";
  const auto pair = [&](const std::string& chosen, const std::string& rejected) {
    return R"({"chosen":[)" + question + "," + chosen + R"(],"rejected":[)" + question + "," + rejected + "]}";
  };
  const record_set chat =
      records(pair(R"({"role":"assistant","content":"b"})", R"({"role":"assistant","content":"c"})") + "\n" +
              pair(R"({"role":"assistant","content":"b"})", R"({"role":"assistant","content":"b"})"));
  CHECK(messages_of(chat.records[0].prompt).dump() == "[" + question + "]");
  CHECK(messages_of(chat.records[0].answer).dump() == R"([{"role":"assistant","content":"b"}])");
  CHECK(messages_of(chat.records[1].answer) == messages_of(chat.records[1].rejected));
}

TEST_CASE("PandaLM's votes make comparisons, ties left out, and summaries their prompt") {
  const auto row = [](const std::string& votes) {
    return R"({"instruction":"Say it.","input":"x","response1":"one","response2":"two",)" + votes + "}\n";
  };
  const record_set set = records(row(R"("annotator1":2,"annotator2":2,"annotator3":1)") +
                                 row(R"("annotator1":1,"annotator2":2,"annotator3":0)"));
  REQUIRE(set.records.size() == 1);
  CHECK(set.ties == 1);
  CHECK(messages_of(set.records[0].prompt)[0]["content"] == "Say it.\n\nx");
  CHECK(messages_of(set.records[0].answer)[0]["content"] == "two");
  const record_set summary = records(
      R"({"info":{"post":"P","title":"T","subreddit":"S"},"summaries":[{"text":"a"},{"text":" b"}],"choice":1})");
  CHECK(text_of(summary.records[0].prompt) == "SUBREDDIT: r/S\n\nTITLE: T\n\nPOST: P\n\nTL;DR:");
  CHECK(text_of(summary.records[0].answer) == " b");
  CHECK(text_of(summary.records[0].rejected) == " a");
}

TEST_CASE("bad data are one line with file, line and field") {
  const std::string good = R"({"prompt":"a","completion":"b","label":true})"
                           "\n";
  CHECK_THAT(complaint(""), ContainsSubstring("expected data, found an empty file"));
  CHECK_THAT(complaint("\n\n"), ContainsSubstring("expected data, found an empty file"));
  CHECK_THAT(complaint("[]"), ContainsSubstring("expected records, found none"));
  CHECK_THAT(complaint(good + "{\"prompt\":"),
             ContainsSubstring(".jsonl:2: expected a JSON object, found the end of the line"));
  CHECK_THAT(complaint(good + "{\"prompt\":\"\xff\"}"), ContainsSubstring(".jsonl:2: expected UTF-8 text"));
  CHECK_THAT(complaint("[{\"prompt\":\"\xff\"}]"), ContainsSubstring("UTF-8"));
  CHECK_THAT(complaint(good + "[1]"), ContainsSubstring(".jsonl:2: expected a JSON object, found a list of 1"));
  CHECK_THAT(
      complaint(good + R"({"prompt":"a","label":true})"),
      ContainsSubstring(".jsonl:2: field \"completion\": expected it, found no such field (there are: prompt, label)"));
  CHECK_THAT(complaint(good + R"({"prompt":"a","completion":7,"label":true})"),
             ContainsSubstring("field \"completion\": expected a text or a list of messages, found 7"));
  for (const char* label : {"\"yes\"", "1", "null", "0.5"})
    CHECK_THAT(complaint(R"({"prompt":"a","completion":"b","label":)" + std::string(label) + "}"),
               ContainsSubstring("field \"label\": expected true or false, found " + std::string(label)));
  for (const char* margin : {"\"nan\"", "\"NaN\"", "true", "[1]"})
    CHECK_THAT(complaint(R"({"prompt":"a","chosen":"b","rejected":"c","margin":)" + std::string(margin) + "}"),
               ContainsSubstring("field \"margin\": expected a finite number"));
  CHECK(complaint(R"({"prompt":"a","chosen":"b","rejected":"c","margin":NaN})").find(".jsonl:1: ") !=
        std::string::npos);
  CHECK_THAT(complaint(R"({"prompt":"a","chosen":"b","rejected":"c","margin":1e999})"), ContainsSubstring("finite"));
  CHECK_THAT(complaint(R"({"x":1})"), ContainsSubstring("expected the fields of a known format"));
  CHECK_THAT(complaint(R"({"prompt":"a"})", data_format::preference), ContainsSubstring("field \"chosen\""));
  CHECK_THAT(complaint(R"({"prompt":"a"})"
                       "\n"
                       R"({"prompt":)" +
                       user + "}"),
             ContainsSubstring(":2: expected texts as in the first record, found messages"));
  CHECK_THAT(
      complaint(R"({"prompt":)" + user + R"(,"completion":"b"})"),
      ContainsSubstring("field \"completion\": expected a list of messages as in the other fields, found a text"));
  CHECK_THAT(complaint(R"({"messages":[]})"), ContainsSubstring("expected messages, found an empty list"));
  CHECK_THAT(complaint(R"({"messages":["a"]})"),
             ContainsSubstring("message 1: expected an object with role and content"));
  CHECK_THAT(complaint(R"({"messages":[{"content":"a"}]})"), ContainsSubstring("message 1: expected a field \"role\""));
  CHECK_THAT(complaint(R"({"messages":[{"role":"user","content":3}]})"),
             ContainsSubstring("a text as content, found 3"));
  CHECK_THAT(complaint(R"([{"prompt":"a"},{"prompt":2}])"), ContainsSubstring("entry 2: field \"prompt\""));
  CHECK_THAT(complaint(R"({"instruction":"a","response1":"b","response2":"c","annotator1":3})"),
             ContainsSubstring("field \"annotator1\": expected an integer from 0 to 2, found 3"));
  CHECK_THAT(complaint(R"({"chosen":"a","rejected":"b"})"), ContainsSubstring("without a common prompt"));
  CHECK_THROWS_AS(read_records("nowhere.jsonl"), rto::sim::user_error);
  CHECK_THROWS_AS(read_records(std::filesystem::temp_directory_path()), rto::sim::user_error);
}

TEST_CASE("real preference data are read whole") {
  const char* shared = std::getenv("RTO_SHARED");
  if (shared == nullptr) {
    std::puts("SKIPPED: real preference data: RTO_SHARED is not set");
    return;
  }
  const std::filesystem::path data = std::filesystem::path(shared) / "data" / "preference";
  const std::filesystem::path hh = data / "hh-rlhf-harmless-base" / "test.public.jsonl.gz";
  const record_set set = read_records(hh);
  CHECK(set.format == data_format::dialogue);
  CHECK(set.records.size() + set.without_prompt == 1623);
  // The last replies, as the simulator takes them, wherever the prompts agree.
  rto::sim::json_lines_reader lines(hh);
  rto::sim::json object;
  std::size_t differ = 0, empty = 0, k = 0;
  while (lines.next(object)) {
    if (k < set.records.size() && set.records[k].place != lines.place()) continue;  // left out
    const record& r = set.records[k++];
    const std::string& chosen = lines.text(object, "chosen");
    CHECK(text_of(r.prompt) + text_of(r.answer) == chosen);
    const std::string& rejected = lines.text(object, "rejected");
    const auto last_reply = [](const std::string& d) { return d.substr(rto::sim::shared_prompt(d, d)); };
    differ += text_of(r.answer) != last_reply(chosen) || text_of(r.rejected) != last_reply(rejected) ? 1 : 0;
    empty += text_of(r.answer).find_first_not_of(' ') == std::string::npos ? 1 : 0;
  }
  CHECK(k == set.records.size());
  CHECK(differ + set.without_prompt == 4);  // the rows whose prompts differ
  CHECK(empty == 3);
  const record_set panda = read_records(data / "pandalm" / "testset-v1.public.json.gz");
  CHECK(panda.format == data_format::pandalm);
  CHECK(panda.records.size() + panda.ties == 717);
}
