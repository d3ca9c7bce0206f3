#include "sim/training/softmax_policy.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include <rto/mdp/policy.hpp>

namespace rto::sim {

softmax_policy::softmax_policy(const edge_table& base, const indexed_features& features)
    : base_(&base), features_(&features), weights_(features.parameters(), features.width) {
  if (features.items != base.rows() || features.width != base.cols())
    throw std::invalid_argument("rto::softmax_policy: features must give the numbers of base " + shape_text(base) +
                                ", got [" + std::to_string(features.items) + ", " + std::to_string(features.width) +
                                "]");
}

void softmax_policy::evaluate(std::span<const std::int64_t> states, Eigen::Map<edge_table> log_pi,
                              Eigen::Map<edge_table> pi) const {
  const std::int64_t a = actions();
  double* z = pi.data();  // the logits first
  for (const std::int64_t s : states) {
    const double* base = &(*base_)(s, 0);
    features_->for_each_row(s, [&](std::int64_t row) {
      const double* const w = weights_.row(row).data();
      for (std::int64_t b = 0; b < a; ++b) z[b] = base[b] + w[b];
      base = z;
    });
    z += a;
  }
  log_softmax(pi, log_pi, pi);
}

edge_table softmax_policy::log_policy() const {
  std::vector<std::int64_t> all(static_cast<std::size_t>(states()));
  std::iota(all.begin(), all.end(), 0);
  edge_table log_pi(states(), actions()), pi(states(), actions());
  evaluate(all, {log_pi.data(), states(), actions()}, {pi.data(), states(), actions()});
  return log_pi;
}

void softmax_policy::add_logit_gradient(std::int64_t state, const double* slope) {
  features_->for_each_row(state, [&](std::int64_t row) {
    double* const g = weights_.touch(row).data();
    for (std::int64_t b = 0; b < actions(); ++b) g[b] += slope[b];
  });
}

void policy_rows::evaluate() {
  const std::int64_t n = states_.size(), a = policy_->actions();
  policy_->evaluate(states_.list(), {log_pi_.data(), n, a}, {pi_.data(), n, a});
  taken_.topRows(n).setZero();
  std::fill_n(total_.begin(), n, row_total{});
}

void policy_rows::add_reference_kl_gradient(std::int64_t row, double slope, const double* log_reference) {
  for (std::int64_t b = 0; b < taken_.cols(); ++b) taken_(row, b) -= slope * std::exp(log_reference[b]);
  total_[static_cast<std::size_t>(row)].add(-slope);
}

void policy_rows::add_gradient_to_policy() {
  for (std::int64_t row = 0; row < states_.size(); ++row) {
    const row_total& total = total_[static_cast<std::size_t>(row)];
    if (!total.touched) continue;
    taken_.row(row) -= total.sum * pi_.row(row);
    policy_->add_logit_gradient(states_.list()[static_cast<std::size_t>(row)], &taken_(row, 0));
  }
}

}  // namespace rto::sim
