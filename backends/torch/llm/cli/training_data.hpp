#pragma once
// The data of a command that trains: read, encoded, held out.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "llm/checkpoint/model_config.hpp"
#include "llm/cli/training_options.hpp"
#include "llm/data/encoding.hpp"

namespace rto::llm {

template <class Sample> struct training_data {
  std::vector<Sample> training, held_out;

  std::vector<std::size_t> lengths() const {
    std::vector<std::size_t> all;
    for (const Sample& s : training) all.push_back(token_count(s));
    return all;
  }
  std::size_t longest() const {
    std::size_t most = 0;
    for (const Sample& s : training) most = std::max(most, token_count(s));
    return most;
  }
};

/// The tokenizer of a model's folder, for encoding. \throws sim::user_error where it has ids that the model has not
text_coder coder_for(const std::filesystem::path& folder, const model_config& model);

/// `encode_answers`; plain text, and with `texts_as_blocks` every text, as one stream in blocks (`encode_blocks`).
encoded_data<encoded_answer> encode_answers_or_blocks(const record_set& set, const text_coder& coder,
                                                      const encoding_options& options, bool texts_as_blocks);

/// Reads --data and --eval-data with the tokenizer of --model, holds --eval-share out (samples of one prompt on one
/// side), says what became of every file and shows one sample token by token.
/// \param model that is trained: its vocabulary and context  \throws sim::user_error for data of another kind, none
/// that
///   fits, and as `coder_for`
training_data<encoded_answer> load_answers(const training_options& options, const model_config& model,
                                           bool texts_as_blocks = false);
training_data<encoded_pair> load_pairs(const training_options& options, const model_config& model);
training_data<labelled_answer> load_labelled(const training_options& options, const model_config& model);

/// A digest of all samples, for the settings of a run.
std::string digest_of(const std::vector<encoded_answer>& samples);
std::string digest_of(const std::vector<encoded_pair>& samples);
std::string digest_of(const std::vector<labelled_answer>& samples);

}  // namespace rto::llm
