#include "llm/data/encoding.hpp"

#include <algorithm>
#include <unordered_set>

#include "llm/data/sample_encoder.hpp"
#include "llm/text/tokenizer.hpp"
#include "sim/io/file.hpp"

namespace rto::llm {
namespace {

std::uint64_t digest_of(const token_ids& ids) {
  return sim::digest({reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof(token_id)});
}

template <class Sample> encoded_data<Sample> finished(encoded_data<Sample> data, sample_encoder& encoder) {
  data.report = std::move(encoder.report);
  return data;
}

}  // namespace

text_coder coder_of(const tokenizer& t, const std::string& name) {
  text_coder coder;
  coder.encode = [t](std::string_view text) { return t.encode(text); };
  coder.decode = [t](std::span<const token_id> ids) { return t.decode(ids); };
  coder.eos = t.eos();
  const token_ids plain = t.encode("a"), whole = t.encode("a", true);
  const auto at = std::search(whole.begin(), whole.end(), plain.begin(), plain.end());
  if (at != whole.end()) coder.before.assign(whole.begin(), at);
  if (!t.chat_template().empty()) {
    std::vector<std::pair<std::string, std::string>> tokens;
    const auto add = [&](const char* role, std::optional<token_id> id) {
      if (id) tokens.emplace_back(role, t.token(*id));
    };
    add("bos_token", t.bos());
    add("eos_token", t.eos());
    add("pad_token", t.pad());
    add("unk_token", t.unk());
    coder.chat.emplace(t.chat_template(), tokens, name);
  }
  return coder;
}

encoded_data<encoded_pair> encode_pairs(const record_set& set, const text_coder& coder,
                                        const encoding_options& options) {
  sample_encoder encoder(set, coder, options);
  if (kind_of(set.format) != data_kind::preference) encoder.refuse("comparisons");
  encoded_data<encoded_pair> data;
  for (const record& r : set.records) {
    auto p = encoder.encode(r, {&r.answer, &r.rejected});
    if (!p) continue;
    encoder.keep(*p);
    encoder.report.equal_answers += p->answers[0] == p->answers[1] ? 1 : 0;
    data.prompts.push_back(digest_of(p->prompt));
    data.samples.push_back({std::move(p->prompt), std::move(p->answers[0]), std::move(p->answers[1]), r.margin,
                            p->complete[0], p->complete[1]});
  }
  return finished(std::move(data), encoder);
}

encoded_data<encoded_answer> encode_answers(const record_set& set, const text_coder& coder,
                                            const encoding_options& options) {
  sample_encoder encoder(set, coder, options);
  const data_kind kind = kind_of(set.format);
  if (kind == data_kind::prompt) encoder.refuse("texts, or prompts with answers");
  encoded_data<encoded_answer> data;
  for (const record& r : set.records) {
    std::optional<encoded_answer> sample;
    if (kind == data_kind::text) {
      sample = encoder.encode_text(r);
    } else if (kind == data_kind::labelled && !r.desirable) {
      ++encoder.report.no_answer;
    } else if (auto p = encoder.encode(r, {&r.answer})) {
      encoder.keep(*p);
      sample = side_by_side(p->prompt, p->answers[0], p->complete[0]);
    }
    if (!sample) continue;
    const auto prompt = sample->ids.begin() + sample->prompt_length;
    data.prompts.push_back(digest_of(sample->prompt_length > 0 ? token_ids(sample->ids.begin(), prompt) : sample->ids));
    data.samples.push_back(std::move(*sample));
  }
  return finished(std::move(data), encoder);
}

encoded_data<labelled_answer> encode_labelled(const record_set& set, const text_coder& coder,
                                              const encoding_options& options) {
  sample_encoder encoder(set, coder, options);
  const data_kind kind = kind_of(set.format);
  if (kind != data_kind::labelled && kind != data_kind::preference) encoder.refuse("labelled answers, or comparisons");
  encoded_data<labelled_answer> data;
  for (const record& r : set.records) {
    for (const bool chosen : {true, false}) {
      if (!chosen && kind == data_kind::labelled) break;
      const auto p = encoder.encode(r, {chosen ? &r.answer : &r.rejected});
      if (!p) continue;
      encoder.keep(*p);
      data.prompts.push_back(digest_of(p->prompt));
      data.samples.push_back(
          {side_by_side(p->prompt, p->answers[0], p->complete[0]), kind == data_kind::labelled ? r.desirable : chosen});
    }
  }
  return finished(std::move(data), encoder);
}

encoded_data<encoded_prompt> encode_prompts(const record_set& set, const text_coder& coder,
                                            const encoding_options& options) {
  sample_encoder encoder(set, coder, options);
  const bool conversations = kind_of(set.format) == data_kind::text && set.conversational;
  if (kind_of(set.format) == data_kind::text && !conversations) encoder.refuse("prompts");
  encoded_data<encoded_prompt> data;
  std::unordered_set<std::uint64_t> seen;
  for (const record& r : set.records) {
    record asked;
    if (conversations) {
      asked.prompt = chat_encoding::prompt_of_conversation(messages_of(r.answer));
      asked.tools = r.tools;
      asked.place = r.place;
    }
    if (conversations && messages_of(asked.prompt).empty()) {
      ++encoder.report.no_answer;
      continue;
    }
    auto p = encoder.encode(conversations ? asked : r, {});
    if (!p) continue;
    const std::uint64_t digest = digest_of(p->prompt);
    if (!seen.insert(digest).second) {
      ++encoder.report.repeated;
      continue;
    }
    encoder.keep(*p);
    data.prompts.push_back(digest);
    data.samples.push_back({std::move(p->prompt)});
  }
  return finished(std::move(data), encoder);
}

encoded_data<encoded_answer> encode_blocks(const record_set& set, const text_coder& coder, std::size_t length) {
  encoding_options options;
  options.max_length = length;
  sample_encoder encoder(set, coder, options);
  if (kind_of(set.format) != data_kind::text || set.conversational) encoder.refuse("texts");
  encoded_data<encoded_answer> data;
  token_ids block;
  const auto flush = [&] {
    if (block.size() < 2) return block.clear();  // a single id has nothing to be predicted from
    encoder.report.prompt_lengths.push_back(0);
    encoder.report.answer_lengths.push_back(block.size());
    ++encoder.report.samples;
    data.prompts.push_back(digest_of(block));
    data.samples.push_back({std::move(block), 0, {}, true});
    block = {};
  };
  for (const record& r : set.records) {
    token_ids ids = coder.before;
    const token_ids text = coder.encode(text_of(r.answer));
    ids.insert(ids.end(), text.begin(), text.end());
    if (coder.eos) ids.push_back(*coder.eos);
    for (const token_id id : ids) {
      block.push_back(id);
      if (block.size() == length) flush();
    }
  }
  flush();
  return finished(std::move(data), encoder);
}

}  // namespace rto::llm
