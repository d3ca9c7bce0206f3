#include "llm/cli/training_data.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <iterator>
#include <utility>

#include "llm/data/sample_order.hpp"
#include "llm/text/tokenizer.hpp"
#include "sim/io/error.hpp"
#include "sim/io/file.hpp"

namespace rto::llm {
namespace {

void say(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  if (!text.empty() && text.back() != '\n') std::fputc('\n', stdout);
}

// Samples of several files together, and the digests of their prompts.
template <class Sample, class Encode>
encoded_data<Sample> read_all(const std::vector<std::string>& files, const text_coder& coder, const training_options& o,
                              const encoding_options& encoding, const Encode& encode) {
  encoded_data<Sample> all;
  for (const std::string& file : files) {
    encoded_data<Sample> one = encode(read_records(file, o.named_format()), coder, encoding);
    say(to_text(one.report));
    std::move(one.samples.begin(), one.samples.end(), std::back_inserter(all.samples));
    all.prompts.insert(all.prompts.end(), one.prompts.begin(), one.prompts.end());
  }
  return all;
}

template <class Sample, class Encode>
training_data<Sample> load(const training_options& o, const model_config& model, const Encode& encode) {
  const text_coder coder = coder_for(o.model, model);
  const encoding_options encoding = o.encoding(static_cast<std::size_t>(model.context));
  encoded_data<Sample> all = read_all<Sample>(o.data, coder, o, encoding, encode);
  if (all.samples.empty()) throw sim::user_error(fmt::format("{}: no sample to train on", o.data.front()));
  training_data<Sample> data;
  // Samples of one prompt stay on one side, so that nothing held out is known from training.
  const data_split parts = split(all.samples.size(), o.held_out_share, o.seed,
                                 o.held_out_share > 0 ? all.prompts : std::vector<std::uint64_t>());
  for (const std::size_t i : parts.training) data.training.push_back(std::move(all.samples[i]));
  for (const std::size_t i : parts.held_out) data.held_out.push_back(std::move(all.samples[i]));
  if (data.training.empty()) throw sim::user_error(fmt::format("{}: all samples are held out", o.data.front()));
  if (!o.held_out_data.empty()) {
    data.held_out = read_all<Sample>(o.held_out_data, coder, o, encoding, encode).samples;
    if (data.held_out.empty()) throw sim::user_error(fmt::format("{}: no sample", o.held_out_data.front()));
  }
  if (!o.resume)
    say("the first sample, token by token:\n" + annotated(data.training[sample_to_show(data.training)], coder.decode));
  return data;
}

class digest_builder {
 public:
  void add(const token_ids& ids) {
    add_number(ids.size());
    add_bytes(ids.data(), ids.size() * sizeof(token_id));
  }
  template <class Number> void add_number(Number number) { add_bytes(&number, sizeof number); }
  void add_bytes(const void* bytes, std::size_t size) {
    hash_ = sim::digest({static_cast<const char*>(bytes), size}, hash_);
  }
  void add(const encoded_answer& a) {
    add(a.ids);
    add_number(a.prompt_length);
    add_bytes(a.loss_mask.data(), a.loss_mask.size());
  }
  std::string text() const { return sim::hexadecimal(hash_); }

 private:
  std::uint64_t hash_ = sim::digest("");
};

}  // namespace

text_coder coder_for(const std::filesystem::path& folder, const model_config& model) {
  const tokenizer words = tokenizer::load(folder);
  if (words.vocabulary_size() > model.vocabulary)
    throw sim::user_error(
        fmt::format("{}: the tokenizer does not fit the model: it has ids up to {}, the model's vocabulary ends at {}",
                    folder.string(), words.vocabulary_size() - 1, model.vocabulary - 1));
  return coder_of(words, folder.string());
}

encoded_data<encoded_answer> encode_answers_or_blocks(const record_set& set, const text_coder& coder,
                                                      const encoding_options& options, bool texts_as_blocks) {
  const bool texts = kind_of(set.format) == data_kind::text && !set.conversational;
  return texts && (texts_as_blocks || set.format == data_format::plain_text)
             ? encode_blocks(set, coder, options.max_length)
             : encode_answers(set, coder, options);
}

training_data<encoded_answer> load_answers(const training_options& o, const model_config& model, bool texts_as_blocks) {
  return load<encoded_answer>(o, model,
                              [&](const record_set& set, const text_coder& coder, const encoding_options& options) {
                                return encode_answers_or_blocks(set, coder, options, texts_as_blocks);
                              });
}
training_data<encoded_pair> load_pairs(const training_options& o, const model_config& model) {
  return load<encoded_pair>(o, model, encode_pairs);
}
training_data<labelled_answer> load_labelled(const training_options& o, const model_config& model) {
  return load<labelled_answer>(o, model, encode_labelled);
}

std::string digest_of(const std::vector<encoded_answer>& samples) {
  digest_builder d;
  for (const encoded_answer& a : samples) d.add(a);
  return d.text();
}

std::string digest_of(const std::vector<encoded_pair>& samples) {
  digest_builder d;
  for (const encoded_pair& p : samples) {
    d.add(p.prompt);
    d.add(p.chosen);
    d.add(p.rejected);
    d.add_number(p.margin.value_or(0));
  }
  return d.text();
}

std::string digest_of(const std::vector<labelled_answer>& samples) {
  digest_builder d;
  for (const labelled_answer& l : samples) {
    d.add(l.answer);
    d.add_number(l.desirable);
  }
  return d.text();
}

}  // namespace rto::llm
