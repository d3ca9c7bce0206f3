// From trajectories to features: Phi(tau) = sum_h phi(s_h, a_h), and comparison sets of trajectory pairs.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <rto/array/array.hpp>
#include <rto/array/linear_algebra.hpp>
#include <rto/array/shape.hpp>
#include <rto/mdp/token_mdp.hpp>
#include <rto/mdp/trajectory.hpp>
#include <rto/preference/comparison.hpp>

namespace rto {

/// Two responses to one prompt and the label y in [0, 1]: 1 where the first was preferred, 1/2 for a tie.
struct trajectory_pair {
  trajectory first;
  trajectory second;
  double label = 1;
};

/// Rows s A + a of a [states x actions, d] array that a trajectory visits, in order.
/// \param mdp a TokenMdp whose states have rows (`row(state)`)
/// \throws std::invalid_argument for a prompt or token out of range, a token after the end, or a trajectory that has
///   not ended (its reward is not that of a response)
/// \cost O(T)
template <TokenMdp Mdp>
[[nodiscard]] std::vector<std::int64_t> visited_rows(const Mdp& mdp, const trajectory& response) {
  const auto path = replay(mdp, response.prompt, response.tokens);
  if (path.response.finish == finish_reason::unfinished)
    throw std::invalid_argument("rto::visited_rows: a trajectory must end (with an end-of-sequence token or at the " +
                                std::to_string(mdp.horizon()) + "th token), got one of " +
                                std::to_string(response.tokens.size()) + " tokens that does not");
  std::vector<std::int64_t> rows;
  rows.reserve(response.tokens.size());
  for (std::size_t h = 0; h < response.tokens.size(); ++h)
    rows.push_back(mdp.row(path.states[h]) * mdp.actions() + response.tokens[h]);
  return rows;
}

/// Sums of rows of `features`, one for every list of row numbers: Phi = sum_{k in list} phi_k.
/// \param features phi [m, d]
/// \param lists n lists of row numbers in [0, m); an empty one gives zeros
/// \returns [n, d]
/// \throws std::invalid_argument for a row number out of range
/// \cost O(n d T), T the longest list
template <Array A>
[[nodiscard]] value_t<A> sum_rows(const A& features, std::span<const std::vector<std::int64_t>> lists) {
  const auto m = array::rows(features), d = array::cols(features), n = static_cast<std::int64_t>(lists.size());
  std::size_t longest = 1;
  for (const auto& list : lists) longest = std::max(longest, list.size());
  std::vector<std::int64_t> padded(lists.size() * longest, -1);  // `take` gives 0 at a negative index
  for (std::size_t i = 0; i < lists.size(); ++i)
    for (std::size_t h = 0; h < lists[i].size(); ++h) {
      if (lists[i][h] < 0 || lists[i][h] >= m)
        throw std::invalid_argument("rto::sum_rows: row numbers must be in [0, " + std::to_string(m) + "), got " +
                                    std::to_string(lists[i][h]));
      padded[i * longest + h] = lists[i][h];
    }
  if (n == 0 || d == 0) return array::full(features, n, d, 0.0);
  const index_t<A> index = array::index_from_host(features, padded, n, static_cast<std::int64_t>(longest));
  std::vector<value_t<A>> columns;  // one feature each, as a row
  columns.reserve(static_cast<std::size_t>(d));
  for (std::int64_t k = 0; k < d; ++k) {
    const value_t<A> column = array::time_slice(features, k, k + 1);
    const value_t<A> sums = array::row_sum(array::take(column, index));
    columns.push_back(array::transpose(sums));
  }
  const value_t<A> transposed = array::stack_rows(features, columns);
  return array::transpose(transposed);
}

/// Phi(tau) = sum_h phi(s_h, a_h) of every trajectory.
/// \source Zhong et al. 2024, arXiv 2404.18922v1, Assumption 4.1: R(tau) = <theta, Phi(tau)>
/// \param features phi [states x actions, d], states outermost
/// \returns [n, d]
/// \throws std::invalid_argument as `visited_rows`, or when `features` has another number of rows
/// \cost O(n H d)
template <TokenMdp Mdp, Array A>
[[nodiscard]] value_t<A> trajectory_features(const Mdp& mdp, const A& features,
                                             std::span<const trajectory> trajectories) {
  require_shape("trajectory_features", "features", features, mdp.states() * mdp.actions(), array::cols(features));
  std::vector<std::vector<std::int64_t>> rows;
  rows.reserve(trajectories.size());
  for (const trajectory& response : trajectories) rows.push_back(visited_rows(mdp, response));
  return sum_rows(features, std::span<const std::vector<std::int64_t>>(rows));
}

/// The comparison set x_i = Phi(tau_i^1) - Phi(tau_i^2), y_i of trajectory pairs.
/// \source Zhong et al. 2024, arXiv 2404.18922v1, eq. (4.1)
/// \param features phi [states x actions, d]
/// \returns X [n, d], y [n, 1]
/// \throws std::invalid_argument when the responses of a pair belong to different prompts, or as `visited_rows`;
///   std::domain_error for a label outside [0, 1]
/// \cost O(n H d)
template <TokenMdp Mdp, Array A>
[[nodiscard]] comparison_set<matrix_t<A>> compare_trajectories(const Mdp& mdp, const A& features,
                                                               std::span<const trajectory_pair> pairs) {
  using M = matrix_t<A>;
  std::vector<trajectory> first, second;
  std::vector<double> labels;
  for (const trajectory_pair& pair : pairs) {
    if (pair.first.prompt != pair.second.prompt)
      throw std::invalid_argument("rto::compare_trajectories: the responses of a pair must have one prompt, got " +
                                  std::to_string(pair.first.prompt) + " and " + std::to_string(pair.second.prompt));
    require_domain(pair.label >= 0 && pair.label <= 1, "compare_trajectories", "label in [0, 1]", pair.label);
    first.push_back(pair.first);
    second.push_back(pair.second);
    labels.push_back(pair.label);
  }
  const value_t<A> first_features = trajectory_features(mdp, features, std::span<const trajectory>(first));
  const value_t<A> second_features = trajectory_features(mdp, features, std::span<const trajectory>(second));
  const M x = array::dense(array::matrix(first_features)), z = array::dense(array::matrix(second_features));
  const M y = array::from_host(x, std::span<const double>(labels), static_cast<std::int64_t>(labels.size()), 1);
  return difference(x, z, y);
}

}  // namespace rto
