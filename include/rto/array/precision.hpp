// What the entries of an array can hold: numbers as they are rounded, and the unit of that rounding. Iterations stop,
// and ranks are counted, by multiples of it; a tensor library decides its precision at run time.
#pragma once

#include <concepts>
#include <limits>

#include <rto/array/array.hpp>

namespace rto {

/// c as the entries of an array of this kind hold it: rounded to their type, infinite beyond its range. Where the type
/// does not say (its scalar is no C++ number) the traits may have `rounded(like, c)`; else one number is made and read.
/// \cost O(1), without synchronisation where the type or the traits know
template <class A> [[nodiscard]] double rounded(const A& like, double c) {
  if constexpr (std::floating_point<scalar_t<A>>)
    return static_cast<double>(static_cast<scalar_t<A>>(c));
  else if constexpr (requires { typename traits_of<scalar_t<A>>::number; })  // an autodiff scalar
    return static_cast<double>(static_cast<typename traits_of<scalar_t<A>>::number>(c));
  else if constexpr (requires { traits_of<A>::rounded(like, c); })
    return traits_of<A>::rounded(like, c);
  else
    return array::item(array::full(like, 1, 1, c));
}

/// The distance from 1 to the next number that the entries can hold: 2.2e-16 for double, 1.2e-7 for float.
/// \cost as `rounded`
template <class A> [[nodiscard]] double machine_epsilon(const A& like) {
  if constexpr (std::floating_point<scalar_t<A>>) {
    return static_cast<double>(std::numeric_limits<scalar_t<A>>::epsilon());
  } else {
    double epsilon = 1;
    while (rounded(like, 1 + epsilon / 2) > 1) epsilon /= 2;  // halfway to the next number is rounded to 1
    return epsilon;
  }
}

}  // namespace rto
