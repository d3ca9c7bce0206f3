#pragma once
// Tokens by id, ids by token.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llm/text/token.hpp"

namespace rto::llm {

/// Ids need not be dense: a gap holds no token. Ids are below `largest_size`, so that a damaged file cannot ask for all
/// memory there is.
class vocabulary {
 public:
  static constexpr token_id largest_size = token_id{1} << 24;

  /// Makes room for `tokens` of them.
  void reserve(std::size_t tokens);
  /// \returns false, and changes nothing, when the token or the id is there already
  /// \pre 0 <= id < largest_size
  bool add(std::string_view token, token_id id);

  /// The largest id + 1.
  token_id size() const { return static_cast<token_id>(tokens_.size()); }
  bool contains(token_id id) const { return id >= 0 && id < size() && present_[static_cast<std::size_t>(id)]; }
  std::optional<token_id> find(std::string_view token) const;
  /// \pre contains(id)
  const std::string& operator[](token_id id) const { return tokens_[static_cast<std::size_t>(id)]; }

 private:
  struct slot {
    std::uint32_t tag = 0;  // of the hash
    std::int32_t id = -1;
  };
  std::size_t place(std::string_view token, std::uint32_t& tag) const;
  void grow(std::size_t tokens);

  std::vector<std::string> tokens_;
  std::vector<bool> present_;
  std::vector<slot> slots_ = std::vector<slot>(16);
  std::size_t count_ = 0;
};

}  // namespace rto::llm
