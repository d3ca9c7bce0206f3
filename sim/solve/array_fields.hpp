#pragma once
// Fields of problem files as arrays of any kind, and arrays as fields.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <rto/array/array.hpp>
#include <rto/array/linear_algebra.hpp>

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
/// The same as a column [n, 1].
template <Array A> matrix_t<A> read_column(const A& like, std::span<const double> data) {
  return read_matrix(like, data, static_cast<std::int64_t>(data.size()), 1);
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
/// An array or a matrix as it is, [rows, cols].
template <class X> json rows_json(const X& x) {
  return array_json({static_cast<std::size_t>(array::rows(x)), static_cast<std::size_t>(array::cols(x))},
                    array::to_host(x).data());
}
/// A column [n, 1] as [n].
template <class X> json vector_json(const X& x) {
  return array_json({static_cast<std::size_t>(array::rows(x))}, array::to_host(x).data());
}

}  // namespace rto::sim
