// expect: 'rto::GoesWith<.*evaluated to false|satisfaction of 'GoesWith<
#include <rto/array/eigen.hpp>

template <rto::Array A, rto::GoesWith<A> B> void needs_a_pair(const A&, const B&) {}

int main() { needs_a_pair(rto::eigen_array<double>(2, 3), rto::eigen_array<float>(2, 3)); }
