#pragma once
// Tokens back to text, one after the other.
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "llm/text/normalizer.hpp"
#include "llm/text/pre_tokenizer.hpp"
#include "sim/io/json.hpp"

namespace rto::llm {

/// The field `decoder` of a tokenizer file: ByteLevel, or a Sequence of Replace, Metaspace and Strip (of every token),
/// ByteFallback, Fuse and Strip (of the whole text), in this order. Without one, tokens are joined with spaces.
class decoder {
 public:
  /// What a text that is not yet complete waits for.
  struct state {
    bool begun = false;    // a token came
    std::string bytes;     // of a character that is not complete
    std::string text_end;  // what a Strip at the end may yet take
    std::size_t stripped = 0;
    bool text_begun = false;  // a Strip at the beginning is over
  };

  decoder() = default;
  /// \throws sim::field_error naming the place
  decoder(const sim::json& value, const std::string& place);

  /// Appends to `text` what is certain once `token` has come. Bytes that are no UTF-8 become U+FFFD.
  void add(std::string_view token, state& s, std::string& text) const;
  /// Appends what is left at the end of the text.
  void finish(state& s, std::string& text) const;

 private:
  enum class kind { spaces_between, byte_level, pieces };
  struct strip {
    std::string content;
    std::size_t start = 0, stop = 0;
  };
  struct metaspace {
    std::string mark;
    bool drops_first;
  };
  using step = std::variant<replacement, strip, metaspace>;

  void add_step(const sim::json& value, const std::string& place);
  std::string piece(std::string_view token, bool first) const;
  void put(std::string_view piece, state& s, std::string& text) const;
  void end_bytes(state& s, std::string& text) const;

  kind kind_ = kind::spaces_between;
  std::vector<step> steps_;
  bool byte_fallback_ = false, fused_ = false;
  std::optional<strip> whole_;
};

}  // namespace rto::llm
