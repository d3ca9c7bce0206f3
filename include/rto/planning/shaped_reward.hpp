// Rewards that differ by a potential.
#pragma once

#include <cstdint>

#include <rto/array/array.hpp>
#include <rto/array/shape.hpp>
#include <rto/mdp/token_mdp.hpp>

namespace rto {

/// r'(s,a) = r(s,a) + E[Psi(s') | s, a] - Psi(s), Psi = 0 where the trajectory has ended: changes the value of every
/// policy in s by -Psi(s), whatever the KL coefficient, and so no optimal policy. With Psi = V* of r at coefficient
/// beta it is beta log(pi* / pi_ref), the implicit reward. \source Ng, Harada and Russell 1999;
/// docs/mathematics.md 13.3 \param reward r [N, A]  \param potential Psi [N, 1], finite, reward units \returns [N, A]
/// \throws std::invalid_argument for shapes
/// \cost O(edges), a few array operations a layer
template <class Mdp, Array R, GoesWith<R> V>
requires TabularMdp<Mdp, R>
[[nodiscard]] array_t<R> shaped_reward(const Mdp& mdp, const R& reward, const V& potential) {
  using A = array_t<R>;
  require_shape("shaped_reward", "reward", reward, mdp.states(), mdp.actions());
  require_shape("shaped_reward", "potential", potential, mdp.states(), 1);
  A shaped = reward - array::broadcast_columns(potential, mdp.actions());
  for (std::int64_t h = 0; h + 1 < mdp.layers(); ++h) {
    const A next = array::row_slice(potential, mdp.layer_begin(h + 1), mdp.layer_begin(h + 2));
    const A here = array::row_slice(shaped, mdp.layer_begin(h), mdp.layer_begin(h + 1));
    array::assign_rows(shaped, mdp.layer_begin(h), A(here + mdp.expected_next(h, next)));
  }
  return shaped;
}

}  // namespace rto
