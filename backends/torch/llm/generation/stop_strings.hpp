#pragma once
// An answer as text while it grows, ended by strings.
#include <string>
#include <vector>

#include "llm/text/tokenizer.hpp"

namespace rto::llm {

/// The text of one answer. It ends before the first stop string that occurs in it; what could be the beginning of one
/// is held back until it is clear.
class answer_text {
 public:
  answer_text(const tokenizer& t, std::vector<std::string> stops) : stream_(t), stops_(std::move(stops)) {}

  /// \returns the text that has become certain; `stopped` says whether a stop string has occurred
  std::string add(token_id id) { return take(stream_.add(id)); }
  /// What is left at the end.
  std::string finish();
  bool stopped() const { return stopped_; }

 private:
  std::string take(const std::string& piece);

  text_stream stream_;
  std::vector<std::string> stops_;
  std::string held_;
  bool stopped_ = false;
};

}  // namespace rto::llm
