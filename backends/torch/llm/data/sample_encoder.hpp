#pragma once
// Encodes one record after the other, keeps the lengths allowed and counts what happens.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llm/data/chat_encoding.hpp"

namespace rto::llm {

class sample_encoder {
 public:
  /// All three must outlive it. \throws sim::user_error for a longest sample below 2 tokens
  sample_encoder(const record_set& set, const text_coder& coder, const encoding_options& options);

  /// \throws sim::user_error naming what was wanted and what the set is
  [[noreturn]] void refuse(const char* wanted) const;

  struct parts {
    token_ids prompt;
    std::vector<token_ids> answers;
    std::vector<bool> complete;
  };

  /// A prompt with no, one or two answers; nothing where the sample is left out.
  std::optional<parts> encode(const record& r, const std::vector<const passage*>& answers);
  /// Counts parts that become a sample.
  void keep(const parts& p);
  /// A text or a whole conversation; nothing where it is left out.
  std::optional<encoded_answer> encode_text(const record& r);

  data_report report;

 private:
  token_ids prompt_ids(const prompt_texts& texts) const;
  token_ids answer_ids(const std::string& answer, bool templated) const;
  std::size_t end_of_turn(const token_ids& ids) const;
  void try_joint(const prompt_texts& texts, const std::string& answer);
  encoded_answer encode_conversation(const record& r) const;
  bool fit(parts& p);
  bool cut_left(token_ids& prompt, std::size_t size) const;

  const record_set& set_;
  const text_coder& coder_;
  const encoding_options& options_;
  chat_encoding chat_;
};

}  // namespace rto::llm
