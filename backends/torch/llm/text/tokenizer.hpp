#pragma once
// Hugging Face tokenizers: text to ids and back.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "llm/text/token.hpp"

namespace rto::llm {

struct tokenizer_tables;

/// A tokenizer as `tokenizer.json` describes it: byte-level BPE (GPT-2, GPT-NeoX, Llama 3, Qwen 2, dolma2) or
/// SentencePiece-style BPE with byte fallback (Llama 2, Mistral). Ids are those of Hugging Face's `tokenizers`.
/// Immutable; a copy is a reference to the same tables; may be used by several threads at once.
class tokenizer {
 public:
  /// Reads a file tokenizer.json (by any name) or a model's folder, where tokenizer_config.json,
  /// special_tokens_map.json and chat_template.jinja are read too if they are there. Truncation and padding that the
  /// file asks for are not done. \throws sim::user_error one line naming file and field: what is missing, malformed or
  /// not supported
  static tokenizer load(const std::filesystem::path& file_or_folder);

  /// The ids of a text. Special and added tokens that are written out in it are found.
  /// \param add_special_tokens puts those of the file's template around it (bos before, as Llama has it)
  /// \throws sim::user_error when the text is not UTF-8, naming the byte
  /// \cost linear in the text's bytes, n log n in the longest word's characters
  token_ids encode(std::string_view text, bool add_special_tokens = false) const;

  /// The text of ids; bytes that are no UTF-8 become U+FFFD. Ids that no token has (a model's padded vocabulary has
  /// such) give no text.
  std::string decode(std::span<const token_id> ids, bool skip_special_tokens = false) const;

  /// The largest id + 1.
  std::int64_t vocabulary_size() const;
  std::optional<token_id> id_of(std::string_view token) const;
  bool has_token(token_id id) const;
  /// The token as the vocabulary spells it. \throws std::out_of_range when no token has the id
  const std::string& token(token_id id) const;

  /// Special tokens by role, as tokenizer_config.json and special_tokens_map.json name them. A file without these has
  /// none to name: then a special token with one of the usual names is taken (bos <s>, <|bos|>, <|begin_of_text|>; eos
  /// </s>, <|eos|>, <|endoftext|>, <|end_of_text|>; pad <pad>, <|pad|>, <|padding|>).
  std::optional<token_id> bos() const;
  std::optional<token_id> eos() const;
  std::optional<token_id> pad() const;
  std::optional<token_id> unk() const;
  /// True for what `decode` skips when it is told to.
  bool is_special(token_id id) const;

  /// The Jinja text of the chat template, empty where there is none.
  const std::string& chat_template() const;

  /// Writes the files that it was read from, unchanged, into a folder (a lone file as tokenizer.json).
  /// \throws sim::user_error
  void save(const std::filesystem::path& folder) const;

 private:
  friend class text_stream;
  explicit tokenizer(std::shared_ptr<const tokenizer_tables> tables) : tables_(std::move(tables)) {}
  std::shared_ptr<const tokenizer_tables> tables_;
};

/// Decodes ids one by one, as a model makes them: the pieces joined are what `decode` gives for all of them.
class text_stream {
 public:
  explicit text_stream(tokenizer t, bool skip_special_tokens = true);
  ~text_stream();
  text_stream(text_stream&&) noexcept;
  text_stream& operator=(text_stream&&) noexcept;

  /// What has become certain with this id: whole characters, or nothing yet.
  std::string add(token_id id);
  /// What is left when there are no more ids; the stream can then be used anew.
  std::string finish();

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace rto::llm
