#include "sim/training/rollout.hpp"

#include <algorithm>
#include <numeric>

#include <boost/random/uniform_01.hpp>

namespace rto::sim {

answer_sampler::answer_sampler(const token_world& world)
    : world_(&world),
      visited_(world.tree.states()),
      log_pi_(world.tree.states(), world.tree.actions()),
      cumulative_(world.tree.states(), world.tree.actions()) {}

sampled_answers answer_sampler::sample(const softmax_policy& policy, std::int64_t batch, stream& rng) {
  const token_trie& tree = world_->tree;
  const std::int64_t actions = tree.actions(), time = tree.horizon();
  sampled_answers out;
  out.batch = batch;
  out.time = time;
  const auto size = static_cast<std::size_t>(batch * time);
  out.state.assign(size, -1);
  out.token.assign(size, -1);
  out.length.assign(static_cast<std::size_t>(batch), 0);
  out.mask = edge_table::Zero(batch, time);
  out.log_policy = edge_table::Zero(batch, time);

  // The answers that go on, and where each stands.
  struct unfinished {
    std::int64_t answer, state, row;
  };
  std::vector<unfinished> going(static_cast<std::size_t>(batch));
  for (std::int64_t b = 0; b < batch; ++b)
    going[static_cast<std::size_t>(b)] = {b, draw_index(tree.start_distribution(), rng), 0};

  // Step by step over the whole batch: the rows of all states first met at a step are computed together.
  boost::random::uniform_01<double> uniform;
  visited_.clear();
  for (std::int64_t t = 0; t < time && !going.empty(); ++t) {
    const std::int64_t known = visited_.size();
    for (unfinished& x : going) x.row = visited_.add(x.state);
    const std::int64_t fresh = visited_.size() - known;
    policy.evaluate(visited_.list().subspan(static_cast<std::size_t>(known)),
                    {log_pi_.data() + known * actions, fresh, actions},
                    {cumulative_.data() + known * actions, fresh, actions});
    for (std::int64_t row = known; row < visited_.size(); ++row)
      std::partial_sum(&cumulative_(row, 0), &cumulative_(row, 0) + actions, &cumulative_(row, 0));
    std::size_t left = 0;
    for (const unfinished& x : going) {
      const double* const cumulative = &cumulative_(x.row, 0);
      const double u = uniform(rng) * cumulative[actions - 1];
      const std::int64_t a = std::count_if(cumulative, cumulative + actions - 1, [u](double c) { return u >= c; });
      const std::size_t at = out.at(x.answer, t);
      out.state[at] = x.state;
      out.token[at] = a;
      out.length[static_cast<std::size_t>(x.answer)] = t + 1;
      out.mask.data()[at] = 1;
      out.log_policy.data()[at] = log_pi_(x.row, a);
      const std::int64_t next = tree.child(x.state, a);
      going[left] = {x.answer, next, 0};
      left += next == token_trie::ended ? 0 : 1;
    }
    going.resize(left);
  }
  return out;
}

}  // namespace rto::sim
