#pragma once
// The data of a command that trains: read, encoded, held out.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "llm/cli/training_options.hpp"
#include "llm/data/preference_sample.hpp"

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

/// Reads --data and --eval-data with the tokenizer of --model, holds --eval-share out (samples of one prompt on one
/// side), says what became of every file and shows one sample token by token.
/// \param vocabulary of the model  \throws sim::user_error for data of another kind, none that fits, or a tokenizer
///   with ids that the model has not
training_data<encoded_answer> load_answers(const training_options& options, std::int64_t vocabulary);
training_data<encoded_pair> load_pairs(const training_options& options, std::int64_t vocabulary);
training_data<labelled_answer> load_labelled(const training_options& options, std::int64_t vocabulary);

/// A digest of all samples, for the settings of a run.
std::string digest_of(const std::vector<encoded_answer>& samples);
std::string digest_of(const std::vector<encoded_pair>& samples);
std::string digest_of(const std::vector<labelled_answer>& samples);

}  // namespace rto::llm
