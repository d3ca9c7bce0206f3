// The complete token tree: every one of A tokens may follow every prefix, up to H tokens. Nothing is stored.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <rto/array/array.hpp>
#include <rto/array/shape.hpp>
#include <rto/mdp/probability.hpp>
#include <rto/mdp/token_mdp.hpp>

namespace rto {

/// A prefix of a complete token tree: `depth` tokens of the prompt number `index / A^depth`; the tokens are the base-A
/// digits of the rest, first token first.
struct tree_node {
  std::int64_t depth = 0;
  std::int64_t index = 0;  // place in its layer

  friend bool operator==(const tree_node&, const tree_node&) = default;
};

/// Complete A-ary tree of depth H below each of R prompts, with implicit indices: the children of place i in layer h
/// are the places i A .. i A + A - 1 of layer h+1. Models TokenMdp and TabularMdp; rows are breadth-first over all
/// prompts. \source section 2 of the paper's token MDP without end-of-sequence token: sum_{h<H} A^h states a prompt
class complete_token_tree {
 public:
  using state_type = tree_node;

  /// \param actions A >= 1 tokens  \param horizon H >= 1 tokens a trajectory
  /// \param prompt_distribution probabilities of the R >= 1 prompts, sum one (1e-9)
  /// \throws std::domain_error for A, H < 1, probabilities that are none, or R A^H beyond 2^62
  complete_token_tree(std::int64_t actions, std::int64_t horizon, std::vector<double> prompt_distribution = {1.0})
      : actions_(actions), horizon_(horizon), start_(std::move(prompt_distribution)) {
    require_domain(actions >= 1, "complete_token_tree", "actions >= 1", static_cast<double>(actions));
    require_domain(horizon >= 1, "complete_token_tree", "horizon >= 1", static_cast<double>(horizon));
    validate_prompt_distribution("complete_token_tree", start_);
    constexpr std::int64_t limit = std::int64_t{1} << 62;
    std::int64_t width = static_cast<std::int64_t>(start_.size()), total = 0;
    begin_.push_back(0);
    for (std::int64_t h = 0; h < horizon; ++h) {
      if (width > limit / actions || total > limit - width)
        throw std::domain_error("rto::complete_token_tree: need at most 2^62 trajectories, got " +
                                std::to_string(start_.size()) + " * " + std::to_string(actions) + "^" +
                                std::to_string(horizon));
      begin_.push_back(total += width);
      width *= actions;
    }
  }

  [[nodiscard]] std::int64_t states() const { return begin_.back(); }
  [[nodiscard]] std::int64_t actions() const { return actions_; }
  [[nodiscard]] std::int64_t horizon() const { return horizon_; }
  [[nodiscard]] std::int64_t layers() const { return horizon_; }
  [[nodiscard]] std::int64_t layer_begin(std::int64_t h) const { return begin_[static_cast<std::size_t>(h)]; }

  // --- TokenMdp
  [[nodiscard]] std::vector<start_state<tree_node>> start_states() const {
    std::vector<start_state<tree_node>> starts;
    for (std::size_t k = 0; k < start_.size(); ++k) starts.push_back({{0, static_cast<std::int64_t>(k)}, start_[k]});
    return starts;
  }
  [[nodiscard]] tree_node append(const tree_node& s, std::int64_t token) const {
    return {s.depth + 1, s.index * actions_ + token};
  }
  [[nodiscard]] bool is_terminal(const tree_node& s) const { return s.depth >= horizon_; }
  /// Row of a state in arrays [states(), actions()].
  [[nodiscard]] std::int64_t row(const tree_node& s) const { return layer_begin(s.depth) + s.index; }

  // --- TabularMdp
  [[nodiscard]] std::span<const double> start_distribution() const { return start_; }
  template <Array A> [[nodiscard]] auto expected_next(std::int64_t h, const A& value) const {
    return array::reshape(value, layer_begin(h + 1) - layer_begin(h), actions_);
  }
  template <Array A> [[nodiscard]] auto next_visits(std::int64_t h, const A& flow) const {
    return array::reshape(flow, layer_begin(h + 2) - layer_begin(h + 1), 1);
  }

 private:
  std::int64_t actions_, horizon_;
  std::vector<double> start_;
  std::vector<std::int64_t> begin_;
};

}  // namespace rto
