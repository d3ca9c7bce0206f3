#include "rto/reward/reward_mle.hpp"
#include "sim/fit/design.hpp"

namespace rto::sim {

reward_estimate<dense_matrix> maximum_likelihood(const sparse_comparisons& comparisons,
                                                 const reward_mle_options& options) {
  return reward_mle(comparisons, options);
}

}  // namespace rto::sim
