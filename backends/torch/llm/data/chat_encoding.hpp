#pragma once
// Records as texts that go together: the prompt with the header of its answer, and the answers after it.
#include <string>
#include <vector>

#include "llm/data/encoding.hpp"

namespace rto::llm {

/// A prompt and what may follow it. `templated`: a chat template made both, and puts its own marks around them.
struct prompt_texts {
  std::string prompt;
  std::vector<std::string> answers;
  bool templated = false;
};

/// A conversation, and which bytes of it the assistant wrote: ascending, apart from each other.
struct conversation_text {
  std::string text;
  std::vector<jinja::text_span> learnt;
  bool templated = false;
};

class chat_encoding {
 public:
  chat_encoding(const record_set& set, const text_coder& coder, const encoding_options& options);

  /// \param answers of the record: none, or its completion, or its chosen and rejected answer
  /// \throws sim::user_error naming the record's place
  prompt_texts texts(const record& r, const std::vector<const passage*>& answers) const;
  /// A whole conversation, up to its last turn of the assistant. \throws sim::user_error
  conversation_text conversation(const record& r) const;
  /// The messages of a conversation that precede its last turn of the assistant.
  static message_list prompt_of_conversation(const message_list& all);

 private:
  std::string render(const record& r, const message_list& list, bool with_header) const;
  rendered_chat render_marked(const record& r, const message_list& list) const;
  std::string dialogue(const record& r, const message_list& list, bool with_header) const;
  std::string after(const record& r, const std::string& whole, const std::string& prompt) const;

  const record_set& set_;
  const text_coder& coder_;
  const encoding_options& options_;
};

}  // namespace rto::llm
