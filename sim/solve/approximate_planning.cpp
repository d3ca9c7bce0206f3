// The families npg and prop_c2: policy iteration and open-loop planning.
#include "sim/solve/approximate_planning.hpp"

#include <rto/array/eigen.hpp>
#include <rto/array/eigen_matrix.hpp>

#include "sim/solve/registry.hpp"

namespace rto::sim {
namespace {

json solve_npg_on_cpu(const problem& p) { return solve_npg(p, eigen_array<double>()); }
json solve_prop_c2_on_cpu(const problem& p) { return solve_prop_c2(p, eigen_array<double>()); }

const registered_family npg{"npg", solve_npg_on_cpu};
const registered_family prop_c2{"prop_c2", solve_prop_c2_on_cpu};

}  // namespace
}  // namespace rto::sim
