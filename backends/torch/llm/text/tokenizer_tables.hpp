#pragma once
// What a tokenizer is made of, and how it is read. Not for users of the tokenizer.
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "llm/text/added_tokens.hpp"
#include "llm/text/bpe.hpp"
#include "llm/text/decoder.hpp"
#include "llm/text/normalizer.hpp"
#include "llm/text/pre_tokenizer.hpp"
#include "llm/text/tokenizer.hpp"
#include "llm/text/vocabulary.hpp"

namespace rto::llm {

struct tokenizer_tables {
  vocabulary tokens;
  std::map<token_id, std::string> written;  // added tokens that decode to something else than their name: normalised
  std::vector<bool> special;
  token_matcher raw, normalized;  // added tokens, looked for before and after normalisation
  normalizer normalize;
  pre_tokenizer words;
  std::optional<bpe> model;
  decoder text;
  bool templated = false;
  token_ids before, after;  // what the template puts around a text
  std::optional<token_id> bos, eos, pad, unk;
  std::string chat_template;
  std::vector<std::pair<std::string, std::string>> files;  // name and content, for `save`

  /// \throws sim::user_error
  static std::shared_ptr<const tokenizer_tables> read(const std::filesystem::path& file_or_folder);

  /// What is decoded for a token. \pre tokens.contains(id)
  const std::string& written_as(token_id id) const {
    const auto found = written.empty() ? written.end() : written.find(id);
    return found == written.end() ? tokens[id] : found->second;
  }

  /// Memory for one encoding, used before if there is any, and its way back.
  std::unique_ptr<bpe_memory> borrow() const;
  void give_back(std::unique_ptr<bpe_memory> memory) const;

 private:
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<bpe_memory>> idle_;
};

}  // namespace rto::llm
