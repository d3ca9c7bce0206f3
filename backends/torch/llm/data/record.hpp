#pragma once
// What data files hold, before any token: prompts, answers and judgements as text or as messages.
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "sim/io/json.hpp"

namespace rto::llm {

/// Messages of a conversation as the file has them: a list of objects with a text `role`; a chat template reads the
/// rest
/// (`content`, `tool_calls`, ...). The order of fields is kept, because templates may print whole objects.
using messages = sim::ordered_json;

/// A text as it stands (TRL's standard format), or messages that a chat template turns into text (conversational).
using passage = std::variant<std::string, messages>;

[[nodiscard]] inline bool is_conversation(const passage& p) { return std::holds_alternative<messages>(p); }
/// \pre of that kind
[[nodiscard]] inline const std::string& text_of(const passage& p) { return std::get<std::string>(p); }
[[nodiscard]] inline const messages& messages_of(const passage& p) { return std::get<messages>(p); }

/// What a record is for. \source TRL, "Dataset formats and types"
enum class data_kind {
  text,        ///< language modelling: a document, or a whole conversation
  prompt,      ///< a prompt only: generation, PPO
  completion,  ///< prompt and completion: supervised learning
  preference,  ///< prompt, chosen and rejected
  labelled     ///< prompt, completion and whether it is desirable (unpaired preference)
};

/// One example. Fields that its kind does not have are empty.
struct record {
  passage prompt = std::string();
  passage answer = std::string();  ///< the completion, the chosen answer; the whole of a text
  passage rejected = std::string();
  std::optional<double> margin;
  bool desirable = true;
  sim::ordered_json tools;  ///< of a conversation: descriptions for the template; null where there are none
  std::string place;        ///< `file:12`, for messages
};

}  // namespace rto::llm
