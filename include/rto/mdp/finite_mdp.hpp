// Tabular MDP with S states, A actions, H steps and stochastic transitions, dense or sparse.
#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <rto/array/array.hpp>
#include <rto/array/linear_algebra.hpp>
#include <rto/array/shape.hpp>
#include <rto/mdp/probability.hpp>
#include <rto/mdp/token_mdp.hpp>

namespace rto {

/// A state of a finite MDP: step h = 0 .. H-1 (H: ended) and state.
struct step_state {
  std::int64_t step = 0;
  std::int64_t state = 0;

  friend bool operator==(const step_state&, const step_state&) = default;
};

/// Finite-horizon MDP; arrays have the row h S + s. Models TabularMdp and GenerativeTokenMdp.
/// \tparam P transition matrix type, dense or sparse: of the library and scalar of the rewards it is used with
template <DesignMatrix P> class finite_mdp {
 public:
  using state_type = step_state;

  /// \param actions A  \param horizon H
  /// \param start probabilities of the S states at the first step, sum one (1e-9)
  /// \param transitions H-1 matrices [S A, S], row s A + a the distribution of the next state; or a single one, used at
  ///   every step
  /// \throws std::invalid_argument for shapes, std::domain_error for probabilities; the matrices are validated
  finite_mdp(std::int64_t actions, std::int64_t horizon, std::vector<double> start, std::vector<P> transitions)
      : actions_(actions), horizon_(horizon), start_(std::move(start)), transitions_(std::move(transitions)) {
    require_domain(actions >= 1, "finite_mdp", "actions >= 1", static_cast<double>(actions));
    require_domain(horizon >= 1, "finite_mdp", "horizon >= 1", static_cast<double>(horizon));
    validate_prompt_distribution("finite_mdp", start_);
    const auto given = static_cast<std::int64_t>(transitions_.size());
    if (given != horizon - 1 && !(given == 1 && horizon > 1))
      throw std::invalid_argument("rto::finite_mdp: need one transition matrix or " + std::to_string(horizon - 1) +
                                  ", got " + std::to_string(given));
    for (const P& p : transitions_) validate_transitions(p);
  }

  [[nodiscard]] std::int64_t state_count() const { return static_cast<std::int64_t>(start_.size()); }
  [[nodiscard]] std::int64_t states() const { return horizon_ * state_count(); }
  [[nodiscard]] std::int64_t actions() const { return actions_; }
  [[nodiscard]] std::int64_t horizon() const { return horizon_; }
  /// P of step h < H-1, [S A, S].
  [[nodiscard]] const P& transition(std::int64_t h) const {
    return transitions_[transitions_.size() == 1 ? 0 : static_cast<std::size_t>(h)];
  }

  // --- GenerativeTokenMdp
  template <class URBG> [[nodiscard]] step_state sample_start(URBG& rng) const { return {0, draw_index(start_, rng)}; }
  template <class URBG>
  [[nodiscard]] step_state sample_next(const step_state& s, std::int64_t action, URBG& rng) const {
    if (s.step + 1 >= horizon_) return {horizon_, 0};
    const std::int64_t row = s.state * actions_ + action;
    const auto p = array::to_host(array::dense(array::row_slice(transition(s.step), row, row + 1)));
    return {s.step + 1, draw_index(p, rng)};
  }
  [[nodiscard]] bool is_terminal(const step_state& s) const { return s.step >= horizon_; }
  [[nodiscard]] std::int64_t row(const step_state& s) const { return s.step * state_count() + s.state; }

  // --- TabularMdp
  [[nodiscard]] std::int64_t layers() const { return horizon_; }
  [[nodiscard]] std::int64_t layer_begin(std::int64_t h) const { return h * state_count(); }
  [[nodiscard]] std::span<const double> start_distribution() const { return start_; }
  template <Array A> [[nodiscard]] array_t<A> expected_next(std::int64_t h, const A& value) const {
    const dense_t<P> next = array::product(transition(h), array::matrix(value));
    return array::reshape(array::elementwise(next), state_count(), actions_);
  }
  template <Array A> [[nodiscard]] array_t<A> next_visits(std::int64_t h, const A& flow) const {
    const array_t<A> column = array::reshape(flow, state_count() * actions_, 1);
    const dense_t<P> next = array::transposed_product(transition(h), array::matrix(column));
    return array::elementwise(next);
  }

 private:
  void validate_transitions(const P& p) const {
    const std::int64_t s = state_count();
    if (array::rows(p) != s * actions_ || array::cols(p) != s)
      throw std::invalid_argument("rto::finite_mdp: transitions must be [" + std::to_string(s * actions_) + ", " +
                                  std::to_string(s) + "], got [" + std::to_string(array::rows(p)) + ", " +
                                  std::to_string(array::cols(p)) + "]");
    if (!array::all_finite(p)) throw std::domain_error("rto::finite_mdp: need finite transition probabilities");
    require_domain(array::item(array::min_coeff(p)) >= 0, "finite_mdp", "transition probabilities >= 0",
                   array::item(array::min_coeff(p)));
    const dense_t<P> ones = array::full(array::dense(array::row_slice(p, 0, 1)), s, 1, 1.0);
    const dense_t<P> sums = array::product(p, ones);
    const double error = array::item(array::max_coeff(array::abs(array::elementwise(sums) - 1.0)));
    require_domain(error <= probability_tolerance(array::elementwise(ones)), "finite_mdp",
                   "transition probabilities that sum to 1, largest deviation", error);
  }

  std::int64_t actions_, horizon_;
  std::vector<double> start_;
  std::vector<P> transitions_;
};

}  // namespace rto
