// The formats by name, and the texts that some of them hold.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "llm/data/record.hpp"
#include "sim/data/dialogue.hpp"
#include "sim/data/utf8.hpp"
#include "sim/io/error.hpp"

namespace rto::llm {
namespace {

constexpr std::array<std::pair<data_format, const char*>, 10> names{
    {{data_format::plain_text, "plain-text"},
     {data_format::text, "text"},
     {data_format::prompt, "prompt"},
     {data_format::prompt_completion, "prompt-completion"},
     {data_format::labelled, "labelled"},
     {data_format::preference, "preference"},
     {data_format::shared_prefix, "shared-prefix"},
     {data_format::dialogue, "dialogue"},
     {data_format::pandalm, "pandalm"},
     {data_format::summary_pair, "summary-pair"}}};

}  // namespace

data_kind kind_of(data_format format) {
  switch (format) {
    case data_format::plain_text:
    case data_format::text:
      return data_kind::text;
    case data_format::prompt:
      return data_kind::prompt;
    case data_format::prompt_completion:
      return data_kind::completion;
    case data_format::labelled:
      return data_kind::labelled;
    default:
      return data_kind::preference;
  }
}

const char* name_of(data_format format) {
  return std::find_if(names.begin(), names.end(), [&](const auto& n) { return n.first == format; })->second;
}

const char* name_of(data_kind kind) {
  constexpr const char* kinds[] = {"texts", "prompts", "prompts with a completion", "comparisons",
                                   "labelled completions"};
  return kinds[static_cast<std::size_t>(kind)];
}

data_format format_named(std::string_view name) {
  std::string all;
  for (const auto& [format, n] : names) {
    if (name == n) return format;
    all += (all.empty() ? "" : ", ") + std::string(n);
  }
  throw sim::user_error(fmt::format("expected a data format ({}), found \"{}\"", all, sim::printable(name)));
}

std::optional<message_list> messages_of_dialogue(std::string_view dialogue) {
  message_list list = message_list::array();
  for (const sim::dialogue_turn& turn : sim::dialogue_turns(dialogue)) {
    const std::size_t begin = turn.text.find_first_not_of(" \t\r\n"), end = turn.text.find_last_not_of(" \t\r\n");
    const std::string_view content = begin == std::string_view::npos ? "" : turn.text.substr(begin, end + 1 - begin);
    list.push_back({{"role", turn.assistant ? "assistant" : "user"}, {"content", std::string(content)}});
  }
  if (list.empty()) return std::nullopt;
  if (list.back()["role"] == "assistant" && list.back()["content"] == "") list.erase(list.size() - 1);
  if (list.empty()) return std::nullopt;
  return list;
}

std::string summary_prompt(std::string_view subreddit, std::string_view title, std::string_view post) {
  std::string prompt;
  if (!subreddit.empty()) prompt += fmt::format("SUBREDDIT: r/{}\n\n", subreddit);
  if (!title.empty()) prompt += fmt::format("TITLE: {}\n\n", title);
  return prompt + fmt::format("POST: {}\n\nTL;DR:", post);
}

}  // namespace rto::llm
