#include <fmt/format.h>

#include "llm/cli/generate_options.hpp"
#include "llm/data/chat_encoding.hpp"
#include "llm/data/record_fields.hpp"
#include "sim/data/json_lines.hpp"
#include "sim/io/error.hpp"

namespace rto::llm {

using sim::ordered_json;
using sim::user_error;

prompt_reader::prompt_reader(const generate_options& options, const tokenizer& words, std::int64_t context,
                             token_id begin_token)
    : options_(options),
      words_(words),
      coder_(coder_of(words, options.folder)),
      context_(context),
      begin_token_(begin_token) {}

void prompt_reader::check(const generation_request& r) const {
  if (r.ids.empty())
    throw user_error(fmt::format("{}: expected a prompt of at least one token, found an empty one", r.place));
  if (static_cast<std::int64_t>(r.ids.size()) >= context_)
    throw user_error(fmt::format("{}: expected a prompt below the model's context of {} tokens, found one of {}",
                                 r.place, context_, r.ids.size()));
}

generation_request prompt_reader::text(const std::string& prompt, const std::string& place) const {
  if (options_.chat) return chat(ordered_json::array({{{"role", "user"}, {"content", prompt}}}), {}, place);
  generation_request r{prompt, {{"prompt", prompt}}, place, words_.encode(prompt, options_.special_tokens)};
  if (r.ids.empty() && begin_token_ >= 0) r.ids = {begin_token_};
  check(r);
  return r;
}

generation_request prompt_reader::chat(const ordered_json& messages, ordered_json record,
                                       const std::string& place) const {
  record_set set{.name = place, .format = data_format::prompt, .conversational = true, .records = {}};
  rto::llm::record asked;
  asked.prompt = messages;
  asked.place = place;
  if (const auto tools = record.find("tools"); tools != record.end()) asked.tools = *tools;
  const encoding_options encoding = options_.encoding();
  generation_request r{chat_encoding(set, coder_, encoding).texts(asked, {}).prompt, std::move(record), place, {}};
  r.record["messages"] = messages;
  r.record["prompt"] = r.prompt;
  r.ids = coder_.encode(r.prompt);
  if (!coder_.chat) r.ids.insert(r.ids.begin(), coder_.before.begin(), coder_.before.end());
  check(r);
  return r;
}

generation_request prompt_reader::of_record(ordered_json record, const std::string& place) const {
  const record_fields fields(record, place);
  const std::string& field =
      !record.contains(options_.field) && record.contains("messages") ? "messages" : options_.field;
  const passage prompt = fields.text_or_messages(field);
  if (is_conversation(prompt) && !options_.chat)
    throw user_error(fmt::format("{}: field \"{}\": expected a text, found messages: --chat", place, field));
  generation_request r =
      is_conversation(prompt) ? chat(messages_of(prompt), record, place) : text(text_of(prompt), place);
  if (!is_conversation(prompt)) {
    record.update(r.record);
    if (!options_.chat) record["prompt"] = r.prompt;
    r.record = std::move(record);
  }
  return r;
}

void prompt_reader::add_data(const std::string& file, std::vector<generation_request>& all) const {
  const auto data = encode_prompts(read_records(file, options_.named_format()), coder_,
                                   options_.encoding(static_cast<std::size_t>(context_)));
  if (data.samples.empty())
    throw user_error(fmt::format("{}: expected prompts, found none: {}", file, to_text(data.report)));
  for (std::size_t i = 0; i < data.samples.size(); ++i) {
    const token_ids& ids = data.samples[i].ids;
    const bool begins =
        ids.size() >= coder_.before.size() && std::equal(coder_.before.begin(), coder_.before.end(), ids.begin());
    const std::string prompt = coder_.decode(std::span(ids).subspan(begins ? coder_.before.size() : 0));
    all.push_back({prompt, {{"prompt", prompt}}, fmt::format("{}: prompt {}", file, i + 1), ids});
    check(all.back());
  }
}

std::vector<generation_request> prompt_reader::all() const {
  std::vector<generation_request> all;
  for (const std::string& p : options_.prompts) all.push_back(text(p, "--prompt"));
  if (!options_.input.empty()) {
    sim::json_lines_reader reader(options_.input);
    const std::size_t before = all.size();
    for (ordered_json object; reader.next(object);) all.push_back(of_record(object, reader.place()));
    if (all.size() == before) throw user_error(fmt::format("{}: expected prompts, found none", options_.input));
  }
  for (const std::string& file : options_.data) add_data(file, all);
  return all;
}

}  // namespace rto::llm
