#pragma once
// Tabular MDPs as problem files state them: S, A, H, P, rho, and tables [H, S, A].
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <rto/array/array.hpp>
#include <rto/array/linear_algebra.hpp>
#include <rto/mdp/finite_mdp.hpp>

#include "sim/io/ndarray.hpp"
#include "sim/io/reader.hpp"
#include "sim/solve/array_fields.hpp"

namespace rto::sim {

/// The model of a file and the shape [H, S] of its states.
template <Array A> struct finite_mdp_input {
  finite_mdp<matrix_t<A>> mdp;
  state_shape shape;
};

/// Reads `S`, `A`, `H`, `P[H, S, A, S]` (the last layer leads nowhere) and `rho`.
/// \throws field_error for a field, std::invalid_argument or std::domain_error where they are no model
template <Array A> finite_mdp_input<A> read_finite_mdp(const reader& input, const A& like) {
  for (const char* field : {"S", "A", "H"})
    if (input.integer(field) < 1) input.fail(field, "expected an integer >= 1");
  const std::int64_t states = input.integer("S"), actions = input.integer("A"), horizon = input.integer("H");
  const ndarray probability = input.array("P", {horizon, states, actions, states});
  const auto layer = static_cast<std::size_t>(states * actions * states);
  std::vector<matrix_t<A>> transitions;
  for (std::size_t h = 0; h + 1 < static_cast<std::size_t>(horizon); ++h)
    transitions.push_back(
        read_matrix(like, std::span(probability.data).subspan(h * layer, layer), states * actions, states));
  return {finite_mdp<matrix_t<A>>(actions, horizon, input.numbers("rho", states), std::move(transitions)),
          {static_cast<std::size_t>(horizon), static_cast<std::size_t>(states)}};
}

}  // namespace rto::sim
