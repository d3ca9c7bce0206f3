#pragma once
// Batches of tokens [batch, time] as problem files state them, for any array type.
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <rto/array/array.hpp>
#include <rto/array/mask.hpp>

#include "sim/solve/array_fields.hpp"
#include "sim/solve/registry.hpp"

namespace rto::sim {

/// The fields of one batch; the shape is fixed by the mask, which every family has.
template <Array A> struct token_batch {
  const reader& input;
  A mask;
  std::vector<double> host_mask;
  std::int64_t batch, time;

  token_batch(const reader& from, const A& like, const std::string& field = "mask") : input(from) {
    const ndarray m = input.array(field, {any_length, any_length});
    host_mask = m.data;
    batch = static_cast<std::int64_t>(m.shape[0]), time = static_cast<std::int64_t>(m.shape[1]);
    mask = array::from_host(like, host_mask, batch, time);
    validate_mask("solve", mask);
  }
  /// [batch, time], finite where the mask is 1.
  A tokens(const std::string& field) const {
    const A x = array::from_host(mask, input.array(field, {batch, time}).data, batch, time);
    require_finite("solve", field.c_str(), x, mask);
    return x;
  }
  /// [batch, 1], finite but in empty rows, where it is not read.
  A rows(const std::string& field) const {
    const std::vector<double> x = input.numbers(field, batch);
    for (std::size_t b = 0; b < x.size(); ++b)
      if (host_mask[b * static_cast<std::size_t>(time)] != 0 && !std::isfinite(x[b]))
        input.fail(field, fmt::format("expected finite numbers, found {} at row {}", x[b], b));
    return array::from_host(mask, x, batch, 1);
  }
  /// x with 0 in the padding.
  A masked(const A& x) const { return array::select(mask, x, 0.0); }
};

}  // namespace rto::sim
