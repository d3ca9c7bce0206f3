// Sums forward in time along the rows of a ragged batch.
#pragma once

#include <rto/array/array.hpp>
#include <rto/array/mask.hpp>
#include <rto/array/shape.hpp>

namespace rto {

/// y_t = x_{t-1} along a row, 0 in the first column. \returns [batch, time]
template <Array A> [[nodiscard]] value_t<A> previous_step(const A& x) {
  using namespace array;
  const value_t<A> backward = reverse_time(x), shifted = next_step(backward);
  return reverse_time(shifted);
}

/// y_t = x_1 + ... + x_t over the valid tokens of each row; 0 in the padding.
/// \param x [batch, time]; padding is never read  \param mask [batch, time], 1 on a prefix of each row
/// \throws std::invalid_argument where shapes differ. \cost O(batch time)
template <Array A, GoesWith<A> M> [[nodiscard]] value_t<A> running_sum(const A& x, const M& mask) {
  using namespace array;
  require_same_shape("running_sum", "x", x, "mask", mask);
  const value_t<A> valid = select(mask, x, 0.0);
  const value_t<A> sums = linear_recurrence(reverse_time(valid), full_like(valid, 1.0));
  return select(mask, reverse_time(sums), 0.0);
}

/// y_t = x_1 + ... + x_{t-1}, what a row has collected before token t; 0 at the first token and in the padding.
///
/// An exact critic of a reward that pays later what another pays as it accrues differs by what is still owed:
/// V_late(s_t) = V_early(s_t) + sum_before(early - late) (docs/mathematics.md 13.5.3 for DPPO and RTO).
///
/// \param x [batch, time]; padding is never read  \param mask [batch, time], 1 on a prefix of each row
/// \throws std::invalid_argument where shapes differ. \cost O(batch time)
template <Array A, GoesWith<A> M> [[nodiscard]] value_t<A> sum_before(const A& x, const M& mask) {
  return array::select(mask, previous_step(running_sum(x, mask)), 0.0);
}

/// 1 at the last token of every segment, 0 elsewhere: `segment_end` at the valid tokens, and the last one in any case.
/// \param segment_end [batch, time], 0/1; padding is never read  \param mask [batch, time], 1 on a prefix of each row
/// \throws std::invalid_argument where shapes differ. \cost O(batch time)
template <Array A, GoesWith<A> M> [[nodiscard]] value_t<A> segment_ends(const A& segment_end, const M& mask) {
  using namespace array;
  require_same_shape("segment_ends", "segment_end", segment_end, "mask", mask);
  const value_t<A> inside = select(mask, segment_end, 0.0);
  return select(last_valid_step(mask), full_like(inside, 1.0), inside);
}

/// The sum of x over each segment, at the segment's last token; 0 at its other tokens and in the padding.
///
/// c_t = x_t + (1 - end_{t-1}) c_{t-1}, so a segment's sum does not depend on the ones before it (a difference of
/// running sums would lose digits).
///
/// \param x [batch, time]; padding is never read
/// \param segment_end [batch, time], 1 at the last token of each segment; the last valid token ends one in any case
/// \param mask [batch, time], 1 on a prefix of each row
/// \throws std::invalid_argument where shapes differ. \cost O(batch time)
template <Array A, GoesWith<A> E, GoesWith<A> M>
[[nodiscard]] value_t<A> segment_sum(const A& x, const E& segment_end, const M& mask) {
  using namespace array;
  require_same_shape("segment_sum", "x", x, "mask", mask);
  const value_t<A> ends = segment_ends(segment_end, mask);
  const value_t<A> valid = select(mask, x, 0.0), goes_on = 1.0 - previous_step(ends);
  const value_t<A> sums = linear_recurrence(reverse_time(valid), reverse_time(goes_on));
  return select(ends, reverse_time(sums), 0.0);
}

}  // namespace rto
