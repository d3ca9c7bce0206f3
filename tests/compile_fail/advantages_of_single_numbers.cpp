// expect: does not satisfy 'Array'|satisfaction of 'Array<
#include <rto/advantage/generalized_advantage_estimates.hpp>
#include <rto/array/scalar.hpp>

int main() { return static_cast<int>(rto::generalized_advantage_estimates(1.0, 1.0, 1.0)); }
