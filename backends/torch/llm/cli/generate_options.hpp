#pragma once
// What rto-llm generate is asked, and the prompts it goes on from.
#include <optional>
#include <string>
#include <vector>

#include "llm/cli/compute_options.hpp"
#include "llm/cli/data_options.hpp"
#include "llm/generation/generate.hpp"
#include "llm/text/tokenizer.hpp"
#include "sim/io/json.hpp"

namespace rto::llm {

struct generate_options : compute_arguments, data_arguments {
  std::string folder, input, output, field = "prompt", adapter, dtype = "float32";
  std::vector<std::string> prompts, data, stops;
  generation_options generation;
  bool greedy = false, ignore_end = false, special_tokens = false, probabilities = false, chat = false, compare = false;
  std::int64_t best_of = 1;
  std::string reward_model;

  /// Answers go to a file or, as JSON lines, to standard output; otherwise they are shown as they grow.
  bool as_lines() const { return !output.empty() || !input.empty() || !data.empty(); }
};

struct generation_request {
  std::string prompt;        ///< as text, a chat template's marks and all
  sim::ordered_json record;  ///< what the answer is written beside
  std::string place;         ///< for messages
  token_ids ids;             ///< of the prompt
};

/// Turns texts, messages and records of training data into prompts for one model.
class prompt_reader {
 public:
  /// \param options outlive the reader  \param begin_token stands for an empty prompt; -1: none
  prompt_reader(const generate_options& options, const tokenizer& words, std::int64_t context, token_id begin_token);

  /// One text; with --chat a message of the user.
  /// \throws sim::user_error `place: ...` for a prompt that is empty or fills the context, or that a template refuses
  generation_request text(const std::string& prompt, const std::string& place) const;
  /// --prompt, --input and --data. \throws also for files that have no prompt
  std::vector<generation_request> all() const;

 private:
  generation_request of_record(sim::ordered_json record, const std::string& place) const;
  generation_request chat(const sim::ordered_json& messages, sim::ordered_json record, const std::string& place) const;
  void check(const generation_request& request) const;
  void add_data(const std::string& file, std::vector<generation_request>& all) const;

  const generate_options& options_;
  tokenizer words_;
  text_coder coder_;
  std::int64_t context_;
  token_id begin_token_;
};

}  // namespace rto::llm
