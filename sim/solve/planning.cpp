// The families tree_plan and mdp_plan: optimal plans, values of a given policy, and Lemma A.2.
#include "sim/solve/planning.hpp"

#include <rto/array/eigen.hpp>
#include <rto/array/eigen_matrix.hpp>

#include "sim/solve/registry.hpp"

namespace rto::sim {
namespace {

json solve_tree_plan_on_cpu(const problem& p) { return solve_tree_plan(p, eigen_array<double>()); }
json solve_mdp_plan_on_cpu(const problem& p) { return solve_mdp_plan(p, eigen_array<double>()); }

const registered_family tree_plan{"tree_plan", solve_tree_plan_on_cpu};
const registered_family mdp_plan{"mdp_plan", solve_mdp_plan_on_cpu};

}  // namespace
}  // namespace rto::sim
