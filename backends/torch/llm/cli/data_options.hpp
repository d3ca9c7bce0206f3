#pragma once
// How data become ids: the options that every command that reads data shares.
#include <CLI/CLI.hpp>
#include <limits>
#include <optional>
#include <string>

#include "llm/data/encoding.hpp"

namespace rto::llm {

struct data_arguments {
  std::string format;  // empty: told from the data
  std::size_t max_length = 1024, max_prompt_length = 0;
  std::string too_long = "drop";
  bool last_turn = false, dialogue_as_chat = false, no_end_token = false;
  std::string date;  // YYYY-MM-DD; empty: today

  /// Adds --data-format, --max-length, --max-prompt-length, --too-long, --last-turn-only, --dialogue-as-chat,
  /// --no-end-token and --template-date; `this` must outlive the parsing.
  void declare_data(CLI::App& app, const std::string& group = "Options");
  /// \param context of the model that the data are for: nothing longer is kept
  /// \throws sim::user_error for a value that is none of those there are
  encoding_options encoding(std::size_t context = std::numeric_limits<std::size_t>::max()) const;
  std::optional<data_format> named_format() const;
};

}  // namespace rto::llm
