#pragma once
// Regular expressions of tokenizer files, through PCRE2.
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace rto::llm {

struct text_range {
  std::size_t begin = 0, end = 0;
};

/// A compiled regular expression of the dialect that tokenizer files use (Oniguruma's): Unicode classes, leftmost
/// match, first alternative. \s is White_Space and \w has marks in it, as there. Constructs that mean something else in
/// PCRE2 are refused. May be used by several threads at once.
class pattern {
 public:
  /// \throws sim::field_error `place: ...` for an expression that is malformed or not supported
  pattern(const std::string& expression, const std::string& place);
  ~pattern();
  pattern(pattern&&) noexcept;
  pattern& operator=(pattern&&) noexcept;

  /// Calls `f(text_range)` for every match, left to right; empty ones are passed over.
  /// \throws sim::user_error when the engine gives up on this text
  template <class F> void each_match(std::string_view text, F&& f) const {
    const auto search = begin_search();
    std::size_t at = 0;
    while (const auto found = next(*search, text, at)) {
      if (found->end > found->begin) f(*found);
      at = found->end;
    }
  }

 private:
  struct code;
  struct search_state;
  struct search_deleter {
    void operator()(search_state*) const;
  };
  std::unique_ptr<search_state, search_deleter> begin_search() const;
  std::optional<text_range> next(search_state& search, std::string_view text, std::size_t at) const;

  std::unique_ptr<code> code_;
};

}  // namespace rto::llm
