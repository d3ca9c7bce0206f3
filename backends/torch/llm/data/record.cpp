#include "llm/data/record.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "llm/data/record_fields.hpp"
#include "sim/data/dialogue.hpp"
#include "sim/data/json_lines.hpp"
#include "sim/data/utf8.hpp"
#include "sim/io/error.hpp"
#include "sim/io/file.hpp"

namespace rto::llm {
namespace {

using sim::user_error;

data_format detect(const record_fields& f) {
  if (f.has("chosen") && f.has("rejected")) {
    if (f.has("prompt")) return data_format::preference;
    const passage chosen = f.text_or_messages("chosen"), rejected = f.text_or_messages("rejected");
    const bool marked = !is_conversation(chosen) && !is_conversation(rejected) &&
                        !sim::dialogue_turns(text_of(chosen)).empty() &&
                        !sim::dialogue_turns(text_of(rejected)).empty();
    return marked ? data_format::dialogue : data_format::shared_prefix;
  }
  if (f.has("response1") && f.has("response2")) return data_format::pandalm;
  if (f.has("summaries") && f.has("choice")) return data_format::summary_pair;
  if (f.has("completion")) return f.has("label") ? data_format::labelled : data_format::prompt_completion;
  if (f.has("messages") || f.has("text")) return data_format::text;
  if (f.has("prompt")) return data_format::prompt;
  throw user_error(
      fmt::format("{}: expected the fields of a known format (text or messages; prompt; prompt and completion, perhaps "
                  "label; chosen and "
                  "rejected, perhaps prompt), found: {}",
                  f.place(), f.names()));
}

message_list one_message(const char* role, std::string content) {
  message_list list = message_list::array();
  list.push_back({{"role", role}, {"content", std::move(content)}});
  return list;
}

class records_of_file {
 public:
  records_of_file(std::string name, std::optional<data_format> format) : named_(format.has_value()) {
    set_.name = std::move(name);
    if (format) set_.format = *format;
  }

  void add(const sim::ordered_json& object, const std::string& place) {
    if (!object.is_object())
      throw user_error(fmt::format("{}: expected a JSON object, found {}", place, sim::describe(object)));
    const record_fields f(object, place);
    if (count_ == 0 && !named_) set_.format = detect(f);
    record r;
    r.place = place;
    if (object.contains("tools") && !object["tools"].is_null()) r.tools = object["tools"];
    if (read(f, r)) {
      check_alike(f, r);
      set_.records.push_back(std::move(r));
    }
    ++count_;
  }

  record_set take() {
    if (count_ == 0) throw user_error(fmt::format("{}: expected records, found none", set_.name));
    if (set_.records.empty())
      throw user_error(
          fmt::format("{}: expected records, found only ties and pairs without a common prompt", set_.name));
    return std::move(set_);
  }

 private:
  // \returns false for what is left out
  bool read(const record_fields& f, record& r) {
    switch (set_.format) {
      case data_format::plain_text:
        throw user_error(fmt::format("{}: expected plain text, found JSON", f.place()));
      case data_format::text:
        r.answer = f.has("messages") ? f.text_or_messages("messages") : f.text_or_messages("text");
        return true;
      case data_format::prompt:
        r.prompt = f.text_or_messages("prompt");
        return true;
      case data_format::prompt_completion:
      case data_format::labelled:
        r.prompt = f.text_or_messages("prompt");
        r.answer = f.text_or_messages("completion");
        if (set_.format == data_format::labelled) r.desirable = f.flag("label");
        same_kind(f, "completion", r.prompt, r.answer);
        return true;
      case data_format::preference:
        r.prompt = f.text_or_messages("prompt");
        read_pair(f, r);
        same_kind(f, "chosen", r.prompt, r.answer);
        return true;
      case data_format::shared_prefix:
        read_pair(f, r);
        return split_shared_prefix(r);
      case data_format::dialogue:
        r.answer = f.text("chosen");
        r.rejected = f.text("rejected");
        r.margin = f.finite_number("margin");
        return split_dialogues(r);
      case data_format::pandalm:
        return read_votes(f, r);
      case data_format::summary_pair:
        return read_summaries(f, r);
    }
    return false;
  }

  void read_pair(const record_fields& f, record& r) {
    r.answer = f.text_or_messages("chosen");
    r.rejected = f.text_or_messages("rejected");
    r.margin = f.finite_number("margin");
    same_kind(f, "rejected", r.answer, r.rejected);
  }

  static void same_kind(const record_fields& f, const char* field, const passage& a, const passage& b) {
    if (is_conversation(a) == is_conversation(b)) return;
    f.fail(field, is_conversation(a) ? "expected a list of messages as in the other fields, found a text"
                                     : "expected a text as in the other fields, found a list of messages");
  }

  void check_alike(const record_fields& f, const record& r) {
    const bool conversational = is_conversation(r.answer) || is_conversation(r.prompt);
    if (set_.records.empty()) set_.conversational = conversational;
    if (conversational != set_.conversational)
      throw user_error(fmt::format("{}: expected {} as in the first record, found {}", f.place(),
                                   set_.conversational ? "messages" : "texts", conversational ? "messages" : "texts"));
  }

  bool split_dialogues(record& r) {
    const std::string chosen = text_of(r.answer), rejected = text_of(r.rejected);
    const std::size_t at = sim::shared_prompt(chosen, rejected);
    return split_texts(r, chosen, rejected, at == std::string::npos ? 0 : at);
  }

  // The first `at` bytes of both are the prompt; none: the record is left out.
  bool split_texts(record& r, const std::string& chosen, const std::string& rejected, std::size_t at) {
    if (at == 0) {
      ++set_.without_prompt;
      return false;
    }
    r.prompt = chosen.substr(0, at);
    r.answer = chosen.substr(at);
    r.rejected = rejected.substr(at);
    return true;
  }

  // TRL's rule: what both begin with is the prompt, less a blank at its end.
  bool split_shared_prefix(record& r) {
    if (is_conversation(r.answer)) {
      const message_list chosen = messages_of(r.answer), rejected = messages_of(r.rejected);
      std::size_t at = 0;
      while (at < std::min(chosen.size(), rejected.size()) && chosen[at] == rejected[at]) ++at;
      // The last message of each is its answer, even where all are equal.
      at = std::min({at, chosen.size() - 1, rejected.size() - 1});
      if (at == 0) {
        ++set_.without_prompt;
        return false;
      }
      const auto part = [](const message_list& all, std::size_t from, std::size_t to) {
        message_list some = message_list::array();
        for (std::size_t k = from; k < to; ++k) some.push_back(all[k]);
        return some;
      };
      r.prompt = part(chosen, 0, at);
      r.answer = part(chosen, at, chosen.size());
      r.rejected = part(rejected, at, rejected.size());
      return true;
    }
    const std::string chosen = text_of(r.answer), rejected = text_of(r.rejected);
    const auto differ = std::mismatch(chosen.begin(), chosen.end(), rejected.begin(), rejected.end()).first;
    auto at = static_cast<std::size_t>(differ - chosen.begin());
    while (at > 0 && at < chosen.size() && (static_cast<unsigned char>(chosen[at]) & 0xc0) == 0x80)
      --at;  // whole characters
    if (at > 0 && chosen[at - 1] == ' ') --at;
    return split_texts(r, chosen, rejected, at);
  }

  bool read_votes(const record_fields& f, record& r) {
    int votes[3] = {0, 0, 0};
    for (int k = 1; f.has(fmt::format("annotator{}", k)); ++k) ++votes[f.integer(fmt::format("annotator{}", k), 0, 2)];
    if (votes[0] + votes[1] + votes[2] == 0) f.integer("annotator1", 0, 2);
    std::string prompt = f.text("instruction");
    if (f.has("input") && !f.text("input").empty()) prompt += "\n\n" + f.text("input");
    r.prompt = one_message("user", std::move(prompt));
    // A spreadsheet has made booleans of some answers.
    const auto response = [&](const char* field) {
      return f.at(field).is_boolean() ? (f.flag(field) ? "True" : "False") : f.text(field);
    };
    r.answer = one_message("assistant", response(votes[1] >= votes[2] ? "response1" : "response2"));
    r.rejected = one_message("assistant", response(votes[1] >= votes[2] ? "response2" : "response1"));
    if (votes[1] != votes[2]) return true;
    ++set_.ties;
    return false;
  }

  static bool read_summaries(const record_fields& f, record& r) {
    const record_fields info = f.object("info");
    r.prompt = summary_prompt(info.has("subreddit") ? info.text("subreddit") : "",
                              info.has("title") ? info.text("title") : "", info.text("post"));
    const sim::ordered_json& summaries = f.list("summaries", 2);
    const auto choice = static_cast<std::size_t>(f.integer("choice", 0, 1));
    const auto summary = [&](std::size_t k) {
      if (!summaries[k].is_object()) f.fail("summaries", "expected objects with a text");
      const std::string text = record_fields(summaries[k], f.place() + ": summaries").text("text");
      return text.starts_with(' ') ? text : " " + text;
    };
    r.answer = summary(choice);
    r.rejected = summary(1 - choice);
    return true;
  }

  record_set set_;
  bool named_;
  std::size_t count_ = 0;
};

char first_character(const std::filesystem::path& file) {
  sim::byte_source bytes(file);
  char c = 0;
  while (bytes.read(&c, 1) == 1) {
    if (c != ' ' && c != '\n' && c != '\t' && c != '\r' && c != '\xef' && c != '\xbb' && c != '\xbf') return c;
  }
  throw user_error(fmt::format("{}: expected data, found an empty file", file.string()));
}

record_set read_document(const std::filesystem::path& file) {
  record_set set{file.string(), data_format::plain_text, false, {}, 0, 0};
  sim::line_source lines(file);
  std::string text, line;
  while (lines.next(line)) text += line + '\n';
  record r;
  r.answer = std::move(text);
  r.place = file.string();
  set.records.push_back(std::move(r));
  return set;
}

}  // namespace

record_set read_records(const std::filesystem::path& file, std::optional<data_format> format) {
  const char first = first_character(file);
  if (format == data_format::plain_text || (!format && first != '{' && first != '[')) return read_document(file);
  records_of_file records(file.string(), format);
  if (first == '[') {
    const sim::ordered_json document = sim::read_ordered_json(file);
    if (!document.is_array())
      throw user_error(fmt::format("{}: expected a list, found {}", file.string(), sim::describe(document)));
    for (std::size_t k = 0; k < document.size(); ++k)
      records.add(document[k], fmt::format("{}: entry {}", file.string(), k + 1));
  } else {
    sim::json_lines_reader lines(file);
    sim::ordered_json object;
    while (lines.next(object)) records.add(object, lines.place());
  }
  return records.take();
}

}  // namespace rto::llm
