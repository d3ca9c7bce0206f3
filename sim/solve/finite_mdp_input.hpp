#pragma once
// Tabular MDPs as problem files state them: S, A, H, P, rho, and tables [H, S, A].
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <rto/array/array.hpp>
#include <rto/array/linear_algebra.hpp>
#include <rto/mdp/finite_mdp.hpp>

#include "sim/io/ndarray.hpp"
#include "sim/io/reader.hpp"

namespace rto::sim {

/// Shapes in a file: states may have several dimensions ([n] in trees, [H, S] in MDPs).
using state_shape = std::vector<std::size_t>;

/// A field with one number a state and action, as an array [states, A] of the kind of `like`.
template <Array A>
array_t<A> read_table(const reader& input, const std::string& field, const state_shape& states, std::int64_t actions,
                      const A& like) {
  std::vector<std::int64_t> pattern(states.begin(), states.end());
  pattern.push_back(actions);
  const ndarray x = input.array(field, pattern);
  return array::from_host(like, x.data, static_cast<std::int64_t>(x.data.size()) / actions, actions);
}

/// Numbers of a file as a matrix [rows, cols] of the kind that goes with `like`.
template <Array A>
matrix_t<A> read_matrix(const A& like, std::span<const double> data, std::int64_t rows, std::int64_t cols) {
  const array_t<A> x = array::from_host(like, data, rows, cols);
  return array::dense(array::matrix(x));
}

/// [states, A] in the shape of the file.
template <Array A> json table_json(const A& x, state_shape shape) {
  shape.push_back(static_cast<std::size_t>(array::cols(x)));
  return array_json(shape, array::to_host(x).data());
}
/// [states, 1] in the shape of the file.
template <Array A> json column_json(const A& x, const state_shape& shape) {
  return array_json(shape, array::to_host(x).data());
}

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
