#include "sim/training/rollout.hpp"

#include <cmath>

#include <boost/random/uniform_01.hpp>

namespace rto::sim {

edge_table sampled_answers::along(const edge_table& edge) const {
  edge_table out = edge_table::Zero(batch, time);
  const std::int64_t actions = edge.cols();
  for (std::size_t i = 0; i < state.size(); ++i)
    if (state[i] >= 0) out.data()[i] = edge.data()[state[i] * actions + token[i]];
  return out;
}

answer_sampler::answer_sampler(const token_world& world)
    : world_(&world),
      log_pi_(static_cast<std::size_t>(world.tree.states() * world.tree.actions())),
      cumulative_(log_pi_.size()),
      round_(static_cast<std::size_t>(world.tree.states()), -1) {}

sampled_answers answer_sampler::sample(const softmax_policy& policy, std::int64_t batch, stream& rng) {
  const token_trie& tree = world_->tree;
  const std::int64_t actions = tree.actions(), time = tree.horizon();
  sampled_answers out;
  out.batch = batch;
  out.time = time;
  const auto size = static_cast<std::size_t>(batch * time);
  out.state.assign(size, -1);
  out.token.assign(size, -1);
  out.mask = edge_table::Zero(batch, time);
  out.log_policy = edge_table::Zero(batch, time);
  ++now_;

  // Step by step over the whole batch: the rows of all states first met at a step are computed together.
  boost::random::uniform_01<double> uniform;
  const auto draw_token = [&](const double* cumulative) {
    const double u = uniform(rng) * cumulative[actions - 1];
    std::int64_t a = 0;
    while (a + 1 < actions && u >= cumulative[a]) ++a;
    return a;
  };
  std::vector<std::int64_t> state(static_cast<std::size_t>(batch));
  for (std::int64_t& s : state) s = draw_index(tree.start_distribution(), rng);

  std::vector<std::int64_t> fresh;
  edge_table rows;
  for (std::int64_t t = 0; t < time; ++t) {
    fresh.clear();
    for (const std::int64_t s : state)
      if (s >= 0 && round_[static_cast<std::size_t>(s)] != now_) {
        round_[static_cast<std::size_t>(s)] = now_;
        fresh.push_back(s);
      }
    if (!fresh.empty()) {
      policy.log_probabilities(fresh, rows);
      const edge_table p = rows.exp();
      for (std::size_t i = 0; i < fresh.size(); ++i) {
        double sum = 0;
        for (std::int64_t a = 0; a < actions; ++a) {
          const auto item = static_cast<std::size_t>(fresh[i] * actions + a);
          log_pi_[item] = rows(static_cast<std::int64_t>(i), a);
          cumulative_[item] = sum += p(static_cast<std::int64_t>(i), a);
        }
      }
    }
    for (std::int64_t b = 0; b < batch; ++b) {
      const std::int64_t s = state[static_cast<std::size_t>(b)];
      if (s < 0) continue;
      const auto row = static_cast<std::size_t>(s * actions);
      const std::int64_t a = draw_token(&cumulative_[row]);
      out.state[out.at(b, t)] = s;
      out.token[out.at(b, t)] = a;
      out.mask(b, t) = 1;
      out.log_policy(b, t) = log_pi_[row + static_cast<std::size_t>(a)];
      state[static_cast<std::size_t>(b)] = tree.child(s, a);
    }
  }
  return out;
}

}  // namespace rto::sim
