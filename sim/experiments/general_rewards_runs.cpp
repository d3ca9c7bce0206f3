#include "sim/experiments/general_rewards_runs.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include <Eigen/SparseCore>

#include <boost/random/normal_distribution.hpp>
#include <boost/random/uniform_int_distribution.hpp>
#include <boost/random/uniform_real_distribution.hpp>

#include <rto/algorithm/differentiable_reward_planning.hpp>
#include <rto/algorithm/reward_class_pessimism.hpp>
#include <rto/planning/suboptimality_gap.hpp>
#include <rto/reward/autodiff_reward.hpp>
#include <rto/reward/likelihood_confidence_set.hpp>
#include <rto/reward/reward_mle.hpp>
#include <rto/reward/tanh_network.hpp>

#include "sim/experiments/preference_tree.hpp"

namespace rto::sim {
namespace {

using table_2d = eigen_array<double>;
using matrix = eigen_matrix<double>;
using sparse = Eigen::SparseMatrix<double, Eigen::RowMajor>;

matrix normal_matrix(Eigen::Index rows, Eigen::Index cols, stream& rng) {
  boost::random::normal_distribution<double> normal;
  matrix x(rows, cols);
  for (double& v : x.reshaped<Eigen::RowMajor>()) v = normal(rng);
  return x;
}

// A token tree with one-hot features, so that its comparisons count visits and its parameter is the table of rewards:
// that of a random network.
struct network_world {
  preference_tree tree;
  matrix inputs;  // [m, d]
  tanh_network network;
  autodiff_reward<tanh_network> reward;
  matrix theta;                   // theta* [p, 1]
  double bound;                   // B
  std::vector<double> data = {};  // probability of every trajectory in the data

  explicit network_world(const json& point, stream& rng)
      : tree(make_preference_tree(
            {.actions = point["A"], .horizon = point["H"], .features = edge_features::tabular, .beta = point["beta"]},
            rng)),
        inputs(normal_matrix(tree.features.rows(), point["inputs"], rng)),
        network(inputs, point["units"]),
        reward(network, network.edges(), network.parameters()),
        theta(normal_matrix(network.parameters(), 1, rng)),
        bound(point["margin"].get<double>() * theta.norm()) {
    tree.theta = reward.values(theta);
    tree.reward = as_table(tree.theta);
    tree.optimum = plan(tree.tree, tree.log_reference, tree.reward, {.beta = tree.beta});
    tree.visits = occupancy(tree.tree, tree.optimum.log_policy);
    data = tree.probability;
    for (std::size_t i = 0; i < data.size(); ++i)
      data[i] *= std::pow(point["coverage"].get<double>(), tree.last_tokens[i]);
  }

  table_2d as_table(const matrix& values) const {
    return values.array().reshaped<Eigen::RowMajor>(tree.tree.states(), tree.tree.actions());
  }
  double suboptimality(const table_2d& log_policy) const {
    return suboptimality_gap_divergence(tree.tree, tree.optimum, log_policy, tree.beta);
  }
  double plug_in(const matrix& values) const {
    return suboptimality(plan(tree.tree, tree.log_reference, as_table(values), {.beta = tree.beta}).log_policy);
  }
  double kl_of_optimum(const table_2d& log_policy) const {
    return expected_sum(tree.visits.visits, kl_divergence(tree.optimum.log_policy, log_policy));
  }
};

}  // namespace

json run_finite_class(const json& point, replicate_context& context) {
  stream& rng = context.rng;
  const network_world world(point, rng);
  const preference_tree& t = world.tree;
  const std::int64_t size = point["candidates"];
  const std::int64_t truth = boost::random::uniform_int_distribution<std::int64_t>(0, size - 1)(rng);
  boost::random::uniform_real_distribution<double> log_distance(std::log(0.05), std::log(1.0));
  std::vector<table_2d> rewards;  // the truth, and networks from near it to unlike it
  for (std::int64_t k = 0; k < size; ++k) {
    const double distance = k == truth ? 0 : std::exp(log_distance(rng));
    const matrix other = world.theta + distance * normal_matrix(world.theta.rows(), 1, rng);
    rewards.push_back(world.as_table(world.reward.values(other)));
  }
  const std::span<const table_2d> all(rewards);
  const double zeta = finite_class_zeta(size, point["delta"]);
  json result;
  for (const std::int64_t n : point["n"]) {
    const auto data = draw_comparisons(t, world.data, n, rng);
    const auto set = make_likelihood_confidence_set(reward_log_likelihoods(data, all), zeta);
    std::vector<table_2d> members;
    for (const std::int64_t k : set.members) members.push_back(rewards[static_cast<std::size_t>(k)]);
    const std::span<const table_2d> list(members);
    const auto saddle = reward_class_pessimism(t.tree, t.log_reference, list, {.beta = t.beta});
    const table_2d least = pointwise_pessimistic_reward(t.tree, t.log_reference, list);
    const table_2d pointwise = plan(t.tree, t.log_reference, least, {.beta = t.beta}).log_policy;
    const bool member = set.contains(truth);
    const double value_gap = world.suboptimality(saddle.plan.log_policy), point_gap = world.suboptimality(pointwise);
    result["member"].push_back(member ? 1.0 : 0.0);
    result["members"].push_back(set.members.size());
    result["plug_in"].push_back(world.suboptimality(
        plan(t.tree, t.log_reference, all[static_cast<std::size_t>(set.best)], {.beta = t.beta}).log_policy));
    result["value"].push_back(value_gap);
    result["pointwise"].push_back(point_gap);
    result["converged"].push_back(saddle.converged ? 1.0 : 0.0);
    if (!member) {  // no bound is claimed
      result["bound"].push_back(0.0);
      result["violation"].push_back(-1.0);
      continue;
    }
    const auto place = std::lower_bound(set.members.begin(), set.members.end(), truth) - set.members.begin();
    const auto bound = bound_reward_class(t.tree, t.log_reference, t.visits.state_action_visits, list, place);
    result["bound"].push_back(bound.value);
    result["violation"].push_back(
        std::max(value_gap - (bound.value - t.beta * world.kl_of_optimum(saddle.plan.log_policy)),
                 point_gap - (bound.pointwise - t.beta * world.kl_of_optimum(pointwise))));
  }
  return result;
}

namespace {

// Whether Laplace's band holds the true difference of every two responses to one prompt: |R_hat - R*| <= rho ||x||.
bool band_holds(const network_world& world, const linearized_reward<matrix>& linear,
                const regularized_covariance<matrix>& covariance, double radius) {
  const preference_tree& t = world.tree;
  const auto count = t.trajectory_features.rows();
  std::vector<Eigen::Triplet<double>> entries;
  Eigen::Index rows = 0;
  for (Eigen::Index i = 0; i < count; ++i)
    for (Eigen::Index j = i + 1; j < count; ++j)
      if (t.prompt[static_cast<std::size_t>(i)] == t.prompt[static_cast<std::size_t>(j)]) {
        entries.emplace_back(rows, i, 1.0);
        entries.emplace_back(rows++, j, -1.0);
      }
  sparse differences(rows, count);
  differences.setFromTriplets(entries.begin(), entries.end());
  const matrix visits = differences * t.trajectory_features;
  const matrix error = visits * (linear.value - t.theta);
  const matrix norms = elliptical_norms(matrix(visits * linear.features), covariance);
  return (error.array().abs() <= radius * norms.array()).all();
}

}  // namespace

json run_network(const json& point, replicate_context& context) {
  stream& rng = context.rng;
  const network_world world(point, rng);
  const preference_tree& t = world.tree;
  const double delta = point["delta"], bound = world.bound;
  const std::int64_t parameters = world.network.parameters(), starts = point["starts"];
  const double lipschitz = 2 * static_cast<double>(t.tree.horizon()) * world.network.gradient_bound(bound);
  std::vector<matrix> from = random_starts(matrix(), parameters, 2 * starts, 1.0, rng);
  json result;
  for (const std::int64_t n : point["n"]) {
    const auto dense = draw_comparisons(t, world.data, n, rng);
    const comparison_set<sparse> visits{sparse(dense.features.sparseView()), dense.label, dense.weight};
    const auto fit = [&](std::span<const matrix> starting) {
      return differentiable_reward_planning(
          t.tree, t.log_reference, world.reward, visits, starting,
          {.beta = t.beta, .lambda = point["lambda"], .bound = bound, .delta = delta, .mle = {.tolerance = 1e-6}});
    };
    const auto holds = [&](const auto& plan) {
      return band_holds(world, plan.linear, plan.pessimistic.covariance, plan.pessimistic.radius) ? 1.0 : 0.0;
    };
    const auto run = fit(from);
    const auto near = fit({&world.theta, 1});  // the maximum that a search from the truth finds: for comparison only
    const auto& best = run.estimate.best;
    const double likelihood_of_truth = reward_log_likelihood(world.reward, visits, world.theta);
    const double lead = best.log_likelihood - likelihood_of_truth;
    const double wilks = smooth_class_zeta(std::max<std::int64_t>(best.rank, 1), delta);
    const double zeta = lipschitz_class_zeta(parameters, bound, lipschitz, static_cast<double>(n), delta);
    result["plug_in"].push_back(world.plug_in(run.linear.value));
    result["pessimistic"].push_back(world.suboptimality(run.pessimistic.plan.log_policy));
    result["set"].push_back(lead <= wilks ? 1.0 : 0.0);
    result["band"].push_back(holds(run));
    result["near_band"].push_back(holds(near));
    result["near_plug_in"].push_back(world.plug_in(near.linear.value));
    result["lipschitz"].push_back(lead <= zeta ? 1.0 : 0.0);
    result["looseness"].push_back(zeta / wilks);
    result["missed"].push_back(lead < 0 ? 1.0 : 0.0);
    result["converged"].push_back(best.converged ? 1.0 : 0.0);
    result["agreeing"].push_back(static_cast<double>(run.estimate.agreeing) / static_cast<double>(from.size()));
    result["boundary"].push_back(best.status == mle_status::boundary ? 1.0 : 0.0);
    result["rank"].push_back(best.rank);

    // The same data: a reward linear in the same features, and a table of rewards.
    const comparison_set<matrix> features{visits.features * world.inputs, dense.label, dense.weight};
    result["linear"].push_back(
        world.plug_in(linear_reward(world.inputs, reward_mle(features, {.bound = bound}).theta)));
    const double size = point["margin"].get<double>() * t.theta.norm();
    result["tabular"].push_back(world.plug_in(reward_mle(visits, {.bound = size}).theta));

    from = random_starts(matrix(), parameters, starts, 1.0, rng);  // next n: beside what has been found so far
    from.push_back(best.theta);
  }
  return result;
}

}  // namespace rto::sim
