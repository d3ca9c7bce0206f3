#pragma once
// A conversation as the text a model was trained on: chat templates, as tokenizer_config.json holds them.
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "llm/text/jinja_interpreter.hpp"
#include "sim/io/json.hpp"

namespace rto::llm {

struct chat_template_options {
  bool add_generation_prompt = false;  ///< end with the header of an assistant's turn
  sim::ordered_json tools = {};        ///< descriptions of functions; null where there are none
  sim::ordered_json documents = {};
  /// More variables of the template: `enable_thinking`, `date_string`, ... an object, or null.
  sim::ordered_json variables = {};
  std::optional<std::tm> now = {};  ///< what strftime_now tells; unset: the local time
  jinja::render_limits limits = {};
};

/// A text and which bytes of it the template marks as the assistant's ({% generation %}).
using rendered_chat = jinja::rendered_text;

/// A template of the Jinja subset that chat templates use; what is outside is refused by line and name.
/// \source transformers' apply_chat_template: Jinja 3.1 with trim_blocks, lstrip_blocks, loop controls, its tojson,
///   raise_exception and strftime_now. Lists stand where Jinja has lazy sequences.
class chat_template {
 public:
  /// \param special_tokens what templates call bos_token, eos_token, ...: name and text
  /// \param name of the file, for messages
  /// \throws sim::user_error `NAME: chat template: line 3: ...`
  explicit chat_template(std::string source, std::vector<std::pair<std::string, std::string>> special_tokens = {},
                         std::string name = "");

  /// \param messages a list of objects
  /// \throws sim::user_error with the line, also where the template itself refuses (raise_exception)
  rendered_chat render(const sim::ordered_json& messages, const chat_template_options& options = {}) const;

  const std::string& source() const { return source_; }
  /// Whether the template says itself which parts the assistant wrote.
  bool marks_generation() const { return tree_->has_generation; }

 private:
  std::string source_, name_;
  std::vector<std::pair<std::string, std::string>> special_tokens_;
  std::shared_ptr<const jinja::syntax_tree> tree_;
};

}  // namespace rto::llm
