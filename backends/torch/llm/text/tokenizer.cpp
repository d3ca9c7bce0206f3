#include "llm/text/tokenizer.hpp"

#include <fmt/format.h>

#include <stdexcept>

#include "llm/text/tokenizer_tables.hpp"
#include "sim/data/utf8.hpp"
#include "sim/io/error.hpp"
#include "sim/io/file.hpp"

namespace rto::llm {

tokenizer tokenizer::load(const std::filesystem::path& file_or_folder) {
  return tokenizer(tokenizer_tables::read(file_or_folder));
}

std::unique_ptr<bpe_memory> tokenizer_tables::borrow() const {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return std::make_unique<bpe_memory>();
  std::unique_ptr<bpe_memory> memory = std::move(idle_.back());
  idle_.pop_back();
  return memory;
}

void tokenizer_tables::give_back(std::unique_ptr<bpe_memory> memory) const {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(memory));
}

token_ids tokenizer::encode(std::string_view text, bool add_special_tokens) const {
  const tokenizer_tables& t = *tables_;
  if (const std::size_t at = sim::first_invalid_utf8(text); at != std::string_view::npos)
    throw sim::user_error(
        fmt::format("the text to encode is not UTF-8 at byte {}: \"{}\"", at, sim::printable(text.substr(at), 12)));
  token_ids ids;
  ids.reserve(text.size() / 4 + 8);
  if (add_special_tokens) ids = t.before;
  const auto push = [&](token_id id) { ids.push_back(id); };
  std::unique_ptr<bpe_memory> memory = t.borrow();
  const auto encode_words = [&](std::string_view part, bool at_start) {
    t.words.each_word(part, at_start, [&](std::string_view word) { t.model->encode(word, ids, *memory); });
  };
  t.raw.split(
      text,
      [&](std::string_view part, std::size_t begin) {
        std::string made;
        if (!t.normalize.empty()) part = made = t.normalize(part);
        t.normalized.split(
            part, [&](std::string_view rest, std::size_t within) { encode_words(rest, begin + within == 0); }, push);
      },
      push);
  t.give_back(std::move(memory));
  if (add_special_tokens) ids.insert(ids.end(), t.after.begin(), t.after.end());
  return ids;
}

std::string tokenizer::decode(std::span<const token_id> ids, bool skip_special_tokens) const {
  std::string text;
  decoder::state state;
  for (const token_id id : ids) {
    if (has_token(id) && !(skip_special_tokens && is_special(id)))
      tables_->text.add(tables_->written_as(id), state, text);
  }
  tables_->text.finish(state, text);
  return text;
}

std::int64_t tokenizer::vocabulary_size() const { return tables_->tokens.size(); }
std::optional<token_id> tokenizer::id_of(std::string_view token) const { return tables_->tokens.find(token); }
bool tokenizer::has_token(token_id id) const { return tables_->tokens.contains(id); }

const std::string& tokenizer::token(token_id id) const {
  if (!has_token(id)) throw std::out_of_range(fmt::format("rto::llm::tokenizer::token: no token has the id {}", id));
  return tables_->tokens[id];
}

std::optional<token_id> tokenizer::bos() const { return tables_->bos; }
std::optional<token_id> tokenizer::eos() const { return tables_->eos; }
std::optional<token_id> tokenizer::pad() const { return tables_->pad; }
std::optional<token_id> tokenizer::unk() const { return tables_->unk; }
bool tokenizer::is_special(token_id id) const {
  return has_token(id) && tables_->special[static_cast<std::size_t>(id)];
}
const std::string& tokenizer::chat_template() const { return tables_->chat_template; }

void tokenizer::save(const std::filesystem::path& folder) const {
  sim::make_folder(folder);
  for (const auto& [name, content] : tables_->files) sim::write_file(folder / name, content);
}

struct text_stream::state {
  tokenizer source;
  bool skip_special_tokens;
  decoder::state pending;
};

text_stream::text_stream(tokenizer t, bool skip_special_tokens)
    : state_(new state{std::move(t), skip_special_tokens, {}}) {}
text_stream::~text_stream() = default;
text_stream::text_stream(text_stream&&) noexcept = default;
text_stream& text_stream::operator=(text_stream&&) noexcept = default;

std::string text_stream::add(token_id id) {
  std::string text;
  const tokenizer& source = state_->source;
  if (source.has_token(id) && !(state_->skip_special_tokens && source.is_special(id)))
    source.tables_->text.add(source.tables_->written_as(id), state_->pending, text);
  return text;
}

std::string text_stream::finish() {
  std::string text;
  state_->source.tables_->text.finish(state_->pending, text);
  return text;
}

}  // namespace rto::llm
