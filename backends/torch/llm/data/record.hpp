#pragma once
// What data files hold, before any token: prompts, answers and judgements as text or as messages.
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sim/io/json.hpp"

namespace rto::llm {

/// Messages of a conversation as the file has them: a list of objects with a text `role`; a chat template reads the
/// rest (`content`, `tool_calls`, ...). The order of fields is kept, because templates may print whole objects.
using message_list = sim::ordered_json;

/// A text as it stands (TRL's standard format), or messages that a chat template turns into text (conversational).
using passage = std::variant<std::string, message_list>;

[[nodiscard]] inline bool is_conversation(const passage& p) { return std::holds_alternative<message_list>(p); }
/// \pre of that kind
[[nodiscard]] inline const std::string& text_of(const passage& p) { return std::get<std::string>(p); }
[[nodiscard]] inline const message_list& messages_of(const passage& p) { return std::get<message_list>(p); }

/// What a record is for. \source TRL, "Dataset formats and types"
enum class data_kind {
  text,        ///< language modelling: a document, or a whole conversation (in `answer`)
  prompt,      ///< a prompt only: generation, PPO
  completion,  ///< prompt and completion: supervised learning
  preference,  ///< prompt, chosen and rejected
  labelled     ///< prompt, completion and whether it is desirable (unpaired preference)
};

/// How a file spells it. Unless it is named it is told from the fields of the first record.
enum class data_format {
  plain_text,         ///< a file that is not JSON: one document
  text,               ///< {"text"}, or {"messages"}
  prompt,             ///< {"prompt"}
  prompt_completion,  ///< {"prompt", "completion"}
  labelled,           ///< {"prompt", "completion", "label": true or false}
  preference,         ///< {"prompt", "chosen", "rejected"}, perhaps "margin"
  shared_prefix,      ///< {"chosen", "rejected"}: the prompt is what both begin with (TRL's implicit prompt)
  dialogue,           ///< {"chosen", "rejected"} of HH-RLHF: texts of "\n\nHuman:" and "\n\nAssistant:" turns
  pandalm,            ///< {"instruction", "input", "response1", "response2", "annotator1", ...}: votes 1, 2, 0
  summary_pair        ///< {"info": {"post", "title", "subreddit"}, "summaries": [{"text"}, {"text"}], "choice": 0 or 1}
};

[[nodiscard]] data_kind kind_of(data_format format);
[[nodiscard]] const char* name_of(data_format format);
[[nodiscard]] const char* name_of(data_kind kind);
/// \throws sim::user_error naming those there are
[[nodiscard]] data_format format_named(std::string_view name);

/// One example. Fields that its kind does not have are empty.
struct record {
  passage prompt = std::string();
  passage answer = std::string();  ///< the completion, the chosen answer; the whole of a text
  passage rejected = std::string();
  std::optional<double> margin = {};
  bool desirable = true;
  sim::ordered_json tools = {};  ///< of a conversation: descriptions for the template; null where there are none
  std::string place;             ///< `file:12`, for messages
};

struct record_set {
  std::string name;  ///< of the file
  data_format format = data_format::text;
  bool conversational = false;  ///< messages in the file; all its records are alike
  std::vector<record> records;
  std::size_t ties = 0;            ///< comparisons without a winner, left out
  std::size_t without_prompt = 0;  ///< pairs that begin with no common prompt, left out
};

/// Reads a file: JSON lines, a list of JSON objects, or plain text (one document); `.gz` is unpacked on the way.
/// \param format unset: told from the first record
/// \throws sim::user_error `file:12: field "label": expected true or false, found "yes"`: what is not UTF-8 or not
///   JSON, a field that is missing, of the wrong type or unlike those of the first record, an empty file
record_set read_records(const std::filesystem::path& file, std::optional<data_format> format = std::nullopt);

/// A dialogue of "\n\nHuman:" and "\n\nAssistant:" turns as messages (user, assistant), without the blanks around them;
/// `nothing` when it is none. A last turn without any text is left out: it is where an answer goes.
std::optional<message_list> messages_of_dialogue(std::string_view dialogue);

/// The prompt of a summary as the TL;DR data have it. \source Stiennon et al. 2020 (arXiv 2009.01325), appendix
std::string summary_prompt(std::string_view subreddit, std::string_view title, std::string_view post);

}  // namespace rto::llm
