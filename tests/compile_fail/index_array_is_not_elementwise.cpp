// expect: does not satisfy 'Elementwise'|satisfaction of 'Elementwise<
#include <rto/array/eigen.hpp>

template <rto::Elementwise A> void needs_elementwise(const A&) {}

int main() { needs_elementwise(rto::eigen_array<int>(2, 3)); }
