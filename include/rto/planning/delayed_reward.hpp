// Rewards that are paid later than they accrue, on a token tree.
#pragma once

#include <cstdint>

#include <rto/array/array.hpp>
#include <rto/array/shape.hpp>
#include <rto/mdp/token_mdp.hpp>

namespace rto {

/// A reward that is paid late, and what is still owed in every state.
template <class A> struct delayed_reward {
  A reward;   // [N, A]
  A pending;  // [N, 1], accrued on the way to the state and not paid: V of the late reward is V of the early one + this
};

/// Pays what has accrued since the last payment where `pays` is 1, and at the end of the trajectory in any case: with
/// zeros the sum of the trajectory at its last token (DPPO made of RTO), with ones the reward itself.
/// \source docs/mathematics.md 13.5.3, 13.8; on batches of sampled answers: `reward_placement`
/// \param mdp a token tree: a state is reached by one path only
/// \param reward what accrues [N, A], finite also where a token is forbidden
/// \param pays [N, A], 0 or 1
/// \throws std::invalid_argument for shapes
/// \cost O(edges), a few array operations a layer
template <class Mdp, Array R, GoesWith<R> P>
requires TabularMdp<Mdp, R> && TokenMdp<Mdp>
[[nodiscard]] delayed_reward<array_t<R>> delay_reward(const Mdp& mdp, const R& reward, const P& pays) {
  using A = array_t<R>;
  require_shape("delay_reward", "reward", reward, mdp.states(), mdp.actions());
  require_same_shape("delay_reward", "reward", reward, "pays", pays);
  delayed_reward<A> late{.reward = array::full(reward, mdp.states(), mdp.actions(), 0.0),
                         .pending = array::full(reward, mdp.states(), 1, 0.0)};
  A pending = array::full(reward, mdp.layer_begin(1), 1, 0.0);
  for (std::int64_t h = 0; h < mdp.layers(); ++h) {
    const std::int64_t from = mdp.layer_begin(h), to = mdp.layer_begin(h + 1);
    array::assign_rows(late.pending, from, pending);
    const A owed = array::row_slice(reward, from, to) + array::broadcast_columns(pending, mdp.actions());
    if (h + 1 == mdp.layers()) {
      array::assign_rows(late.reward, from, owed);
      break;
    }
    const A paid = array::row_slice(pays, from, to);
    const A goes_on = mdp.expected_next(h, array::full(reward, mdp.layer_begin(h + 2) - to, 1, 1.0));
    const A due = array::select(paid, owed, A(array::select(goes_on, array::full_like(owed, 0.0), owed)));
    array::assign_rows(late.reward, from, due);
    pending = mdp.next_visits(h, A(owed - due));
  }
  return late;
}

}  // namespace rto
