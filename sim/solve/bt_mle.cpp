// The family bt_mle: maximum likelihood, covariance, confidence radius and pessimistic rewards of given comparisons.
#include "sim/solve/bt_mle.hpp"

#include <rto/array/eigen.hpp>
#include <rto/array/eigen_matrix.hpp>

namespace rto::sim {
namespace {

json solve_bt_mle_on_cpu(const problem& p) { return solve_bt_mle(p, eigen_array<double>()); }

const registered_family bt_mle{"bt_mle", solve_bt_mle_on_cpu};

}  // namespace
}  // namespace rto::sim
