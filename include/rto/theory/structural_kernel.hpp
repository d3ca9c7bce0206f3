// The directions of the parameter that no Bradley-Terry comparison can ever see, and features without them.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include <rto/array/array.hpp>
#include <rto/array/linear_algebra.hpp>
#include <rto/array/precision.hpp>
#include <rto/array/shape.hpp>
#include <rto/mdp/token_mdp.hpp>
#include <rto/reward/row_space.hpp>
#include <rto/theory/feature_evaluation.hpp>

namespace rto {

/// K = {z : <z, Phi(tau) - Phi(tau')> = 0 for all trajectories of one prompt}.
template <LinearAlgebra M> struct structural_kernel {
  std::int64_t dimension = 0;  ///< dim K
  M complement;                ///< P_{K^perp}, the orthogonal projector off K [d, d]
};

/// Computes K from the tree, not from data.
///
/// Under any fixed policy, Phi(tau) - Psi(x) is the sum of the feature advantages phi(s,a) + Psi(s') - Psi(s) along
/// tau; and each advantage is an average of differences of trajectories that share their prefix. So the rows of the
/// advantages of the uniform policy span K^perp. For one-hot features dim K is the number of states: the potential
/// directions.
/// \source docs/mathematics.md 7.2; the shaping invariance of Ng, Harada, Russell 1999 seen from preference data
/// \assumes a deterministic kernel; every token of every state counts, whatever its probability
/// \param features phi [states x actions, d], finite
/// \throws std::invalid_argument for shapes, std::domain_error for features not finite
/// \cost O(states x actions x d^2 + d^3)
template <class Mdp, Array F>
requires TabularMdp<Mdp, F>
[[nodiscard]] structural_kernel<matrix_t<F>> find_structural_kernel(const Mdp& mdp, const F& features) {
  using A = array_t<F>;
  using M = matrix_t<F>;
  const std::int64_t states = mdp.states(), actions = mdp.actions(), d = array::cols(features);
  const A uniform = array::full(features, states, actions, -std::log(static_cast<double>(actions)));
  const M advantage = evaluate_features(mdp, uniform, features).advantage;

  // A feature whose advantages vanish leaves rounding errors, which must not count as a direction.
  const double rounding = 16 * machine_epsilon(features) * static_cast<double>(mdp.horizon() * actions);
  std::vector<A> rows;
  const A rotated = array::transpose(A(array::elementwise(advantage)));
  for (std::int64_t k = 0; k < d; ++k) {
    const A row = array::row_slice(rotated, k, k + 1);
    const A size = array::abs(array::time_slice(features, k, k + 1));
    const A least = array::full_like(row, rounding * array::item(array::max_coeff(size)));
    rows.push_back(array::where_le(array::abs(row), least, array::full_like(row, 0.0), row));
  }
  if (d == 0) return {0, advantage};
  const M transposed = array::dense(array::matrix(A(array::stack_rows(features, rows))));
  const M directions = array::transpose(transposed);
  const row_space<M> visible = make_row_space(directions, M(array::full(directions, states * actions, 1, 1.0)));
  if (visible.rank == d) return {0, array::add_to_diagonal(M(array::full(directions, d, d, 0.0)), 1.0)};
  const M basis = visible.basis, basis_transposed = array::transpose(basis);
  return {d - visible.rank, array::product(basis, basis_transposed)};
}

/// P_{K^perp} phi: rewards of trajectories change by a constant for each prompt, so optimal policies, comparisons and
/// Theorem 4.2 are as before, and the bonus no longer contains what no data can reduce.
/// \param features phi [m, d]
/// \returns [m, d]
template <LinearAlgebra M> [[nodiscard]] M quotient_features(const structural_kernel<M>& kernel, const M& features) {
  require_shape("quotient_features", "features", features, array::rows(features), array::rows(kernel.complement));
  return array::product(features, kernel.complement);
}

}  // namespace rto
