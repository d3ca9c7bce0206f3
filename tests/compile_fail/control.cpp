// expect: success
#include <Eigen/Core>
#include <rto/array/eigen.hpp>
#include <rto/array/eigen_matrix.hpp>
#include <rto/array/scalar.hpp>

template <rto::Elementwise A> void needs_elementwise(const A&) {}
template <rto::Array A> void needs_array(const A&) {}
template <rto::Array A, rto::GoesWith<A> B> void needs_a_pair(const A&, const B&) {}

int main() {
  needs_elementwise(1.0);
  needs_array(rto::eigen_array<double>(2, 3));
  needs_a_pair(rto::eigen_array<float>(2, 3), rto::eigen_array<float>(2, 3));
}
