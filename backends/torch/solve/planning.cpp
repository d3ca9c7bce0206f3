// Planning on tensors.
#include <rto/torch/array.hpp>

#include "backends/torch/solve/tensor_families.hpp"
#include "sim/solve/approximate_planning.hpp"
#include "sim/solve/planning.hpp"
#include "sim/solve/rto_tree.hpp"

namespace rto::sim {

family_table planning_families(const at::Tensor& like) {
  return {{"tree_plan", [like](const problem& p) { return solve_tree_plan(p, like); }},
          {"mdp_plan", [like](const problem& p) { return solve_mdp_plan(p, like); }},
          {"npg", [like](const problem& p) { return solve_npg(p, like); }},
          {"prop_c2", [like](const problem& p) { return solve_prop_c2(p, like); }},
          {"rto_tree", [like](const problem& p) { return solve_rto_tree(p, like); }}};
}

}  // namespace rto::sim
