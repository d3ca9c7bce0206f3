// expect: does not satisfy 'Elementwise'|satisfaction of 'Elementwise<
#include <rto/array/scalar.hpp>
#include <string>

template <rto::Elementwise A> void needs_elementwise(const A&) {}

int main() { needs_elementwise(std::string("0.5")); }
