// expect: does not satisfy 'Array'|satisfaction of 'Array<
#include <rto/array/eigen.hpp>
#include <rto/array/scalar.hpp>

template <rto::Array A> void needs_array(const A&) {}

int main() { needs_array(0.5); }
