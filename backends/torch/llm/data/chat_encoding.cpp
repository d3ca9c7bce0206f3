#include "llm/data/chat_encoding.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sim/data/utf8.hpp"
#include "sim/io/error.hpp"

namespace rto::llm {
namespace {

using sim::user_error;

bool by_assistant(const sim::ordered_json& message) { return message.at("role") == "assistant"; }

message_list first_of(const message_list& all, std::size_t count) {
  message_list some = message_list::array();
  for (std::size_t k = 0; k < count; ++k) some.push_back(all[k]);
  return some;
}

message_list joined(message_list a, const message_list& b) {
  for (const auto& message : b) a.push_back(message);
  return a;
}

}  // namespace

chat_encoding::chat_encoding(const record_set& set, const text_coder& coder, const encoding_options& options)
    : set_(set), coder_(coder), options_(options) {}

rendered_chat chat_encoding::render_marked(const record& r, const message_list& list) const {
  chat_template_options how;
  how.tools = r.tools;
  how.variables = options_.variables;
  how.now = options_.now;
  try {
    return coder_.chat->render(list, how);
  } catch (const user_error& e) {
    throw user_error(fmt::format("{}: {}", r.place, e.what()));
  }
}

std::string chat_encoding::render(const record& r, const message_list& list, bool with_header) const {
  if (!coder_.chat) return dialogue(r, list, with_header);
  chat_template_options how;
  how.add_generation_prompt = with_header;
  how.tools = r.tools;
  how.variables = options_.variables;
  how.now = options_.now;
  try {
    return coder_.chat->render(list, how).text;
  } catch (const user_error& e) {
    throw user_error(fmt::format("{}: {}", r.place, e.what()));
  }
}

// HH-RLHF's marks, where the tokenizer has no chat template.
std::string chat_encoding::dialogue(const record& r, const message_list& list, bool with_header) const {
  std::string text;
  for (const auto& message : list) {
    const std::string role = message.at("role").get<std::string>();
    if (role != "user" && role != "assistant")
      throw user_error(fmt::format(
          "{}: expected messages of user and assistant, because the tokenizer has no chat template, found role \"{}\"",
          r.place, sim::printable(role)));
    const auto content = message.find("content");
    if (content == message.end() || !content->is_string())
      throw user_error(
          fmt::format("{}: expected a text as content, because the tokenizer has no chat template", r.place));
    text += fmt::format("\n\n{}: {}", role == "user" ? "Human" : "Assistant", content->get_ref<const std::string&>());
  }
  return with_header ? text + "\n\nAssistant:" : text;
}

std::string chat_encoding::after(const record& r, const std::string& whole, const std::string& prompt) const {
  if (whole.starts_with(prompt)) return whole.substr(prompt.size());
  const auto differ = std::mismatch(prompt.begin(), prompt.end(), whole.begin(), whole.end()).first - prompt.begin();
  throw user_error(fmt::format(
      "{}: expected the chat template to render a prompt as the beginning of prompt and answer, found \"{}\" in the "
      "one and \"{}\" in the other, so that they cannot be told apart",
      r.place, sim::printable(std::string_view(prompt).substr(static_cast<std::size_t>(differ)), 30),
      sim::printable(std::string_view(whole).substr(static_cast<std::size_t>(differ)), 30)));
}

message_list chat_encoding::prompt_of_conversation(const message_list& all) {
  std::size_t count = all.size();
  for (std::size_t k = all.size(); k-- > 0 && count == all.size();) {
    if (by_assistant(all[k])) count = k;
  }
  return first_of(all, count);
}

prompt_texts chat_encoding::texts(const record& r, const std::vector<const passage*>& answers) const {
  prompt_texts result;
  std::optional<message_list> prompt;
  if (is_conversation(r.prompt))
    prompt = messages_of(r.prompt);
  else if (options_.dialogue_as_chat && set_.format == data_format::dialogue)
    prompt = messages_of_dialogue(text_of(r.prompt));
  if (!prompt) {
    result.prompt = text_of(r.prompt);
    for (const passage* answer : answers) result.answers.push_back(text_of(*answer));
    return result;
  }
  if (!prompt->empty() && by_assistant(prompt->back()))
    throw user_error(fmt::format(
        "{}: expected a prompt that ends before a turn of the assistant, found one that ends in one", r.place));
  result.templated = coder_.chat.has_value();
  result.prompt = render(r, *prompt, true);
  for (const passage* answer : answers) {
    message_list turns;
    if (is_conversation(*answer)) {
      turns = messages_of(*answer);
    } else {
      turns = messages_of_dialogue("\n\nAssistant:" + text_of(*answer)).value_or(message_list::array());
      if (turns.empty()) turns.push_back({{"role", "assistant"}, {"content", ""}});
    }
    result.answers.push_back(after(r, render(r, joined(*prompt, turns), false), result.prompt));
  }
  return result;
}

conversation_text chat_encoding::conversation(const record& r) const {
  const message_list& all = messages_of(r.answer);
  conversation_text result;
  result.templated = coder_.chat.has_value();
  std::vector<std::size_t> turns;  // of the assistant, with something before them
  for (std::size_t k = 1; k < all.size(); ++k) {
    if (by_assistant(all[k])) turns.push_back(k);
  }
  if (turns.empty()) return result;
  const message_list kept = first_of(all, turns.back() + 1);
  if (coder_.chat && coder_.chat->marks_generation()) {
    rendered_chat chat = render_marked(r, kept);
    result.text = std::move(chat.text);
    result.learnt = std::move(chat.generated);
    if (options_.only_last_turn && result.learnt.size() > 1)
      result.learnt.erase(result.learnt.begin(), result.learnt.end() - 1);
    return result;
  }
  if (options_.only_last_turn) turns.erase(turns.begin(), turns.end() - 1);
  result.text = render(r, kept, false);
  for (const std::size_t k : turns) {
    const std::string before = render(r, first_of(all, k), true), with = render(r, first_of(all, k + 1), false);
    after(r, with, before);
    after(r, result.text, with);
    // A run of turns of the assistant begins where the last one ended.
    const std::size_t begin = result.learnt.empty() ? before.size() : std::max(before.size(), result.learnt.back().end);
    if (with.size() > begin) result.learnt.push_back({begin, with.size()});
  }
  return result;
}

}  // namespace rto::llm
