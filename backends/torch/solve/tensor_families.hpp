#pragma once
// The families of problem files on tensors of the type and device of `like`; a function for each file that has some.
#include <ATen/ATen.h>

#include "sim/solve/registry.hpp"

namespace rto::sim {

family_table planning_families(const at::Tensor& like);    // tree_plan, mdp_plan, npg, prop_c2, rto_tree
family_table estimation_families(const at::Tensor& like);  // bt_mle, algo1, unknown_p
family_table token_families(const at::Tensor& like);       // gae, ppo, dpo, token_rewards

}  // namespace rto::sim
