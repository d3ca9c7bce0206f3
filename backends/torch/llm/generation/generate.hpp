#pragma once
// Answers to prompts, many at a time.
#include <functional>
#include <span>
#include <vector>

#include "llm/generation/sampling.hpp"
#include "llm/model/language_model.hpp"

namespace rto::llm {

enum class finish_reason { stop, length };

struct generation_options {
  sampling_options sampling{};
  std::int64_t max_new_tokens = 128;
  std::vector<token_id> stop_tokens{};  // end an answer and are kept as its last token
  std::uint64_t seed = 0;
  std::uint64_t first_sequence = 0;    // the answer to prompt i draws the uniforms of sequence first_sequence + i
  std::int64_t batch = 64;             // answers in work at once; one that ends makes room for the next prompt
  std::int64_t prefill_tokens = 8192;  // prompts are read in groups of about so many tokens
};

struct generated_text {
  token_ids tokens;                               // without the prompt
  std::vector<float> log_probabilities;           // of every token by the model
  std::vector<float> sampling_log_probabilities;  // by the distribution it was drawn from
  finish_reason reason = finish_reason::length;
};

/// Told of every token at once: prompt, the answer so far. \returns true to end the answer there (finish_reason::stop)
using token_observer = std::function<bool(std::size_t prompt, const generated_text& so_far)>;

/// Continues every prompt until a stop token, the observer's word, `max_new_tokens` or the model's context. What an
/// answer is depends on its prompt, seed and number only, but for rounding: batch sizes change the order of sums.
/// \returns an answer a prompt, in their order
/// \throws std::invalid_argument for a prompt that is empty or fills the context; std::domain_error for options
std::vector<generated_text> generate(const language_model& model, std::span<const token_ids> prompts,
                                     const generation_options& options, const token_observer& observer = {});

}  // namespace rto::llm
