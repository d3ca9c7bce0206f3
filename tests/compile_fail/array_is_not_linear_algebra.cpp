// expect: does not satisfy 'LinearAlgebra'|satisfaction of 'LinearAlgebra<
#include <rto/array/eigen.hpp>
#include <rto/array/eigen_matrix.hpp>

template <rto::LinearAlgebra M> void needs_linear_algebra(const M&) {}

int main() { needs_linear_algebra(rto::eigen_array<double>(2, 3)); }
