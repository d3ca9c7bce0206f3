// The family rto_tree: what RTO optimises on a token tree.
#include "sim/solve/rto_tree.hpp"

#include <rto/array/eigen.hpp>
#include <rto/array/eigen_matrix.hpp>

#include "sim/solve/registry.hpp"

namespace rto::sim {
namespace {

json solve_rto_tree_on_cpu(const problem& p) { return solve_rto_tree(p, eigen_array<double>()); }

const registered_family rto_tree{"rto_tree", solve_rto_tree_on_cpu};

}  // namespace
}  // namespace rto::sim
