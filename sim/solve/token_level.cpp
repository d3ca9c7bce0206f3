// The families of problem files about batches of tokens: gae, ppo, dpo, token_rewards.
#include <rto/array/autodiff.hpp>
#include <rto/array/eigen.hpp>

#include "sim/solve/dpo.hpp"
#include "sim/solve/gae.hpp"
#include "sim/solve/ppo.hpp"
#include "sim/solve/token_rewards.hpp"

namespace rto::sim {
namespace {

using real_array = eigen_array<double>;

// Every token's loss depends on that token's entry alone, so one derivative per entry is the whole gradient.
struct autodiff_slope {
  using dual = Eigen::AutoDiffScalar<Eigen::Matrix<double, 1, 1>>;

  static eigen_array<dual> variables(const real_array& x) {
    return x.unaryExpr([](double value) { return dual(value, Eigen::Matrix<double, 1, 1>(1.0)); });
  }
  static eigen_array<dual> constants(const real_array& x) {
    return x.unaryExpr([](double value) { return dual(value); });
  }
  template <class F, class... C> real_array operator()(F&& f, const real_array& x, const C&... constant) const {
    const eigen_array<dual> y = f(variables(x), constants(constant)...);
    return y.unaryExpr([](const dual& entry) { return entry.derivatives()(0); });
  }
};

json solve_gae_on_cpu(const problem& p) { return solve_gae(p, real_array()); }
json solve_ppo_on_cpu(const problem& p) { return solve_ppo(p, real_array(), autodiff_slope()); }
json solve_dpo_on_cpu(const problem& p) { return solve_dpo(p, real_array(), autodiff_slope()); }
json solve_token_rewards_on_cpu(const problem& p) { return solve_token_rewards(p, real_array()); }

const registered_family gae{"gae", solve_gae_on_cpu};
const registered_family ppo{"ppo", solve_ppo_on_cpu};
const registered_family dpo{"dpo", solve_dpo_on_cpu};
const registered_family token_rewards{"token_rewards", solve_token_rewards_on_cpu};

}  // namespace
}  // namespace rto::sim
