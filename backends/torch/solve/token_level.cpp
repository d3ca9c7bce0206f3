// Token rewards, advantages and losses on tensors, their derivatives by autograd.
#include <rto/torch/array.hpp>

#include "backends/torch/solve/tensor_families.hpp"
#include "sim/solve/dpo.hpp"
#include "sim/solve/gae.hpp"
#include "sim/solve/ppo.hpp"
#include "sim/solve/token_rewards.hpp"

namespace rto::sim {
namespace {

struct autograd_slope {
  template <class F, class... C> at::Tensor operator()(F&& f, const at::Tensor& x, const C&... constant) const {
    const at::Tensor leaf = x.detach().clone().requires_grad_(true);
    f(leaf, constant...).sum().backward();
    return leaf.grad();
  }
};

}  // namespace

family_table token_families(const at::Tensor& like) {
  return {{"gae", [like](const problem& p) { return solve_gae(p, like); }},
          {"ppo", [like](const problem& p) { return solve_ppo(p, like, autograd_slope()); }},
          {"dpo", [like](const problem& p) { return solve_dpo(p, like, autograd_slope()); }},
          {"token_rewards", [like](const problem& p) { return solve_token_rewards(p, like); }}};
}

}  // namespace rto::sim
