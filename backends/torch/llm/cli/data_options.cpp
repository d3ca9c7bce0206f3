#include "llm/cli/data_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "sim/io/error.hpp"

namespace rto::llm {

void data_arguments::declare_data(CLI::App& app, const std::string& group) {
  app.add_option("--data-format", format, "What the data are (default: told from the fields of the first record)")
      ->group(group);
  app.add_option("--max-length", max_length, "Longest sample, prompt and answer, tokens (and never over the context)")
      ->check(CLI::PositiveNumber)
      ->capture_default_str()
      ->group(group);
  app.add_option("--max-prompt-length", max_prompt_length,
                 "Longest prompt, tokens (0: only the longest sample limits it)")
      ->capture_default_str()
      ->group(group);
  app.add_option("--too-long", too_long,
                 "What is longer: drop it, cut-answer at its end, or cut-prompt at its beginning")
      ->check(CLI::IsMember({"drop", "cut-answer", "cut-prompt"}))
      ->capture_default_str()
      ->group(group);
  app.add_flag("--last-turn-only", last_turn, "Of a conversation, learn the assistant's last turn only")->group(group);
  app.add_flag("--dialogue-as-chat", dialogue_as_chat, "Human/Assistant dialogues (HH-RLHF) through the chat template")
      ->group(group);
  app.add_flag("--no-end-token", no_end_token, "No end token after texts and after answers that no template made")
      ->group(group);
  app.add_option("--template-date", date, "The date a chat template may print, YYYY-MM-DD (default: today)")
      ->group(group);
}

std::optional<data_format> data_arguments::named_format() const {
  if (format.empty()) return std::nullopt;
  return format_named(format);
}

encoding_options data_arguments::encoding(std::size_t context) const {
  encoding_options options;
  options.max_length = std::min(max_length, context);
  options.max_prompt_length = max_prompt_length;
  options.too_long = too_long == "cut-answer"   ? over_long::cut_answer
                     : too_long == "cut-prompt" ? over_long::cut_prompt
                                                : over_long::drop;
  options.only_last_turn = last_turn;
  options.dialogue_as_chat = dialogue_as_chat;
  options.end_texts = !no_end_token;
  if (!date.empty()) {
    std::tm day{};
    char rest = 0;
    const bool well_formed =
        std::sscanf(date.c_str(), "%4d-%2d-%2d%c", &day.tm_year, &day.tm_mon, &day.tm_mday, &rest) == 3;
    day.tm_year -= 1900;
    day.tm_mon -= 1;
    day.tm_hour = 12;
    const std::tm asked = day;
    if (!well_formed || ::timegm(&day) == -1 || day.tm_mday != asked.tm_mday || day.tm_mon != asked.tm_mon)
      throw sim::user_error(fmt::format("--template-date: expected a day as 2025-03-09, found \"{}\"", date));
    options.now = day;
  }
  return options;
}

}  // namespace rto::llm
