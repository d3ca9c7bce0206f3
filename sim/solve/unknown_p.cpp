// The family unknown_p: likelihoods of transition kernels, and values that are pessimistic in kernel and reward.
#include "sim/solve/unknown_p.hpp"

#include <rto/array/eigen.hpp>
#include <rto/array/eigen_matrix.hpp>

#include "sim/solve/registry.hpp"

namespace rto::sim {
namespace {

json solve_unknown_p_on_cpu(const problem& p) { return solve_unknown_p(p, eigen_array<double>()); }

const registered_family unknown_p{"unknown_p", solve_unknown_p_on_cpu};

}  // namespace
}  // namespace rto::sim
