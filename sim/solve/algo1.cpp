// The family algo1: Algorithm 1 and value pessimism on a token tree with linear features.
#include "sim/solve/algo1.hpp"

#include <rto/array/eigen.hpp>
#include <rto/array/eigen_matrix.hpp>

namespace rto::sim {
namespace {

json solve_algo1_on_cpu(const problem& p) { return solve_algo1(p, eigen_array<double>()); }

const registered_family algo1{"algo1", solve_algo1_on_cpu};

}  // namespace
}  // namespace rto::sim
