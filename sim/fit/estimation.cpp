// The numbers of a fit: estimates, inference, held-out accuracy, confidence.
#include <fmt/format.h>

#include <Eigen/Eigenvalues>
#include <cmath>
#include <limits>
#include <numeric>

#include "rto/preference/bradley_terry.hpp"
#include "rto/reward/confidence_set.hpp"
#include "rto/reward/inference.hpp"
#include "sim/engine/stream.hpp"
#include "sim/fit/design.hpp"
#include "sim/fit/result.hpp"
#include "sim/io/error.hpp"
#include "sim/solve/mle_status_text.hpp"
#include "sim/statistics/proportion.hpp"
#include "sim/statistics/shuffle.hpp"

namespace rto::sim {

namespace {

using M = dense_matrix;

class estimation {
 public:
  estimation(const comparison_model& model, const fit_options& options) : model_(model), options_(options) {}

  fit_result run() {
    std::vector<std::size_t> all(model_.rows());
    std::iota(all.begin(), all.end(), std::size_t{0});
    const sparse_comparisons comparisons = comparisons_of(model_, all);
    const reward_estimate<M> estimate = maximum_likelihood(comparisons, mle_options());
    summarise(comparisons, estimate);
    infer(comparisons, estimate);
    if (options_.holdout > 0 || options_.folds > 0) hold_out();
    confide(comparisons, estimate);
    return std::move(result_);
  }

 private:
  static constexpr std::int64_t largest_matrix = 200;      // a [d, d] matrix beyond this is not written
  static constexpr std::int64_t largest_inference = 2000;  // nor inverted beyond that
  static constexpr double none = std::numeric_limits<double>::quiet_NaN();

  reward_mle_options mle_options() const {
    reward_mle_options options;
    options.bound = options_.bound;
    options.tolerance = 1e-12;
    return options;
  }

  void summarise(const sparse_comparisons& comparisons, const reward_estimate<M>& estimate) {
    fit_result& r = result_;
    r.status = mle_status_text(estimate.status);
    r.separability = estimate.separability == separability_verdict::separable       ? "separable"
                     : estimate.separability == separability_verdict::not_separable ? "not separable"
                                                                                    : "undecided";
    r.converged = estimate.converged;
    r.iterations = estimate.iterations;
    r.rank = estimate.rank;
    r.gradient_norm = estimate.gradient_norm;
    r.multiplier = estimate.multiplier;
    r.norm = estimate.norm;
    r.log_likelihood = estimate.log_likelihood;
    r.log_likelihood_at_zero = -std::log(2.0) * model_.comparisons();
    r.test_of_zero = r.p_of_zero = none;
    const bool attained = estimate.status != mle_status::not_attained;
    for (std::size_t j = 0; j < model_.parameters.size(); ++j) {
      parameter_result p;
      p.name = model_.parameters[j];
      p.estimate = attained ? estimate.theta(static_cast<Eigen::Index>(j), 0) : none;
      p.std_error = p.z = p.p = none;
      r.parameters.push_back(std::move(p));
    }
    warn(comparisons, estimate);
  }

  // Names the columns with the largest entries of a direction.
  std::string columns_of(const M& direction) const {
    std::vector<Eigen::Index> order(static_cast<std::size_t>(direction.rows()));
    std::iota(order.begin(), order.end(), Eigen::Index{0});
    std::sort(order.begin(), order.end(),
              [&](Eigen::Index a, Eigen::Index b) { return std::abs(direction(a, 0)) > std::abs(direction(b, 0)); });
    std::string text;
    std::size_t shown = 0;
    for (const Eigen::Index j : order) {
      const double v = direction(j, 0);
      if (!(std::abs(v) > 1e-6 * std::abs(direction(order[0], 0)))) break;
      if (++shown > 8) return text + ", ...";
      text += fmt::format("{}{:+.3g} {}", shown > 1 ? ", " : "", v, model_.parameters[static_cast<std::size_t>(j)]);
    }
    return text;
  }

  void warn(const sparse_comparisons& comparisons, const reward_estimate<M>& estimate) {
    std::vector<std::string>& warnings = result_.warnings;
    const bool abilities = !model_.items.empty() && options_.predictors.empty();
    const bool deficient = estimate.rank >= 0 && estimate.rank < comparisons.dimension();
    if (estimate.status == mle_status::not_attained)
      warnings.push_back(
          "The data are separable: the likelihood grows for ever along a direction, and there is no estimate. "
          "--bound B gives the maximum over ||theta|| <= B.");
    if (deficient)
      warnings.push_back(
          fmt::format("The comparisons determine only {} of {} parameters; of all maximisers the one of "
                      "least norm is given.",
                      estimate.rank, comparisons.dimension()));
    if (abilities && !options_.order_effect && (deficient || estimate.status == mle_status::not_attained)) {
      const std::vector<std::string> findings = diagnose_contests(model_);
      warnings.insert(warnings.end(), findings.begin(), findings.end());
    }
    if (estimate.status == mle_status::not_attained && estimate.direction.size() > 0)
      warnings.push_back("Separating direction: " + columns_of(estimate.direction) + ".");
    if (deficient && comparisons.dimension() <= 500) {
      const Eigen::SelfAdjointEigenSolver<M> spectrum(array::gram(comparisons.features));
      warnings.push_back("Not determined, for one: " + columns_of(spectrum.eigenvectors().col(0)) + ".");
    }
    if (estimate.status == mle_status::boundary)
      warnings.push_back(
          fmt::format("The estimate lies on the boundary ||theta|| = {:g}: standard errors, p-values and "
                      "likelihood-ratio intervals are those of an unconstrained maximum and are left "
                      "out.",
                      options_.bound));
    if (!estimate.converged && estimate.status != mle_status::not_attained)
      warnings.push_back(fmt::format("Not converged after {} iterations: gradient norm {:.3g}.", estimate.iterations,
                                     estimate.gradient_norm));
  }

  void infer(const sparse_comparisons& comparisons, const reward_estimate<M>& estimate);
  void hold_out();
  void confide(const sparse_comparisons& comparisons, const reward_estimate<M>& estimate);

  const comparison_model& model_;
  const fit_options& options_;
  fit_result result_;
};

void estimation::infer(const sparse_comparisons& comparisons, const reward_estimate<M>& estimate) {
  const bool identified = estimate.rank == comparisons.dimension() && comparisons.dimension() <= largest_inference;
  if (estimate.status != mle_status::interior || !identified) return;
  const likelihood_ratio_test_result zero =
      likelihood_ratio_test(result_.log_likelihood, result_.log_likelihood_at_zero, estimate.rank);
  result_.test_of_zero = zero.statistic;
  result_.p_of_zero = zero.p_value;
  wald_inference<M> inference;
  try {
    inference = make_wald_inference(comparisons, estimate.theta);
  } catch (const std::domain_error&) {
    result_.warnings.push_back("The information matrix is singular to rounding: no standard errors.");
    return;
  }
  for (std::size_t j = 0; j < result_.parameters.size(); ++j) {
    parameter_result& p = result_.parameters[j];
    p.std_error = inference.standard_error[j];
    p.z = inference.z[j];
    p.p = inference.p_value[j];
    const coefficient_interval wald = wald_interval(p.estimate, p.std_error, options_.level);
    p.wald = {wald.low, wald.high};
    if (!options_.likelihood_ratio) continue;
    const coefficient_interval ratio =
        likelihood_ratio_interval(comparisons, estimate.theta, inference, static_cast<std::int64_t>(j), options_.level);
    if (ratio.converged) {
      p.likelihood_ratio = {ratio.low, ratio.high};
    } else {
      result_.warnings.push_back(fmt::format("No likelihood-ratio interval found for {}.", p.name));
    }
  }
  if (inference.covariance.rows() <= largest_matrix)
    result_.covariance.assign(inference.covariance.data(), inference.covariance.data() + inference.covariance.size());
}

void estimation::hold_out() {
  const std::size_t n = model_.rows();
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  stream rng(options_.seed, 0x686f6c64);  // a stream of its own
  shuffle(order, rng);

  held_out_result held;
  std::vector<std::pair<std::size_t, std::size_t>> parts;  // of `order`
  if (options_.folds > 0) {
    const auto folds = static_cast<std::size_t>(options_.folds);
    if (folds > n) throw user_error(fmt::format("--folds: expected at most {} (the rows), found {}", n, folds));
    for (std::size_t k = 0; k < folds; ++k) parts.emplace_back(k * n / folds, (k + 1) * n / folds);
    held.scheme = fmt::format("{} folds of rows", folds);
  } else {
    const auto size = static_cast<std::size_t>(std::llround(options_.holdout * static_cast<double>(n)));
    if (size == 0 || size == n)
      throw user_error(
          fmt::format("--holdout: expected a share that leaves rows on both sides, found {} of {} rows", size, n));
    parts.emplace_back(0, size);
    held.scheme = fmt::format("{:g} % of the rows", 100 * options_.holdout);
  }

  double correct = 0, log_likelihood = 0;
  for (const auto& [from, to] : parts) {
    std::vector<std::size_t> training(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(from));
    training.insert(training.end(), order.begin() + static_cast<std::ptrdiff_t>(to), order.end());
    const std::vector<std::size_t> test(order.begin() + static_cast<std::ptrdiff_t>(from),
                                        order.begin() + static_cast<std::ptrdiff_t>(to));
    const reward_estimate<M> estimate = maximum_likelihood(comparisons_of(model_, training), mle_options());
    const sparse_comparisons unseen = comparisons_of(model_, test);
    const M margin = array::product(unseen.features, estimate.theta);
    ++held.fits;
    held.not_attained += estimate.status == mle_status::not_attained ? 1 : 0;
    log_likelihood += bradley_terry_log_likelihood(unseen, estimate.theta);
    for (Eigen::Index i = 0; i < margin.rows(); ++i) {
      const double y = unseen.label(i, 0), z = margin(i, 0);
      // A margin of 0 (an item never seen before) is a guess: right half of the time.
      correct += unseen.weight(i, 0) * (z > 0 ? y : z < 0 ? 1 - y : 0.5);
      held.comparisons += unseen.weight(i, 0);
    }
    held.rows += margin.rows();
  }
  held.log_likelihood = log_likelihood / held.comparisons;
  held.accuracy =
      wilson_interval(std::llround(correct), std::max<std::int64_t>(std::llround(held.comparisons), 1), options_.level);
  held.accuracy.value = correct / held.comparisons;
  if (held.not_attained > 0)
    result_.warnings.push_back(
        fmt::format("{} of {} fits for held-out accuracy had separable data: their last iterate "
                    "was used.",
                    held.not_attained, held.fits));
  result_.held_out = held;
}

void estimation::confide(const sparse_comparisons& comparisons, const reward_estimate<M>& estimate) {
  const std::int64_t d = comparisons.dimension();
  if (d > largest_inference) return;
  confidence_result c;
  c.bound = options_.bound;
  c.lambda = options_.lambda;
  c.delta = options_.delta;
  const M norms = array::row_squared_norms(comparisons.features);
  c.max_row_norm = norms.size() > 0 ? std::sqrt(norms.maxCoeff()) : 0.0;
  if (std::isfinite(options_.bound) && estimate.rank >= 0)
    c.radius = confidence_radius({.rank = estimate.rank,
                                  .max_row_norm = c.max_row_norm,
                                  .bound = options_.bound,
                                  .lambda = options_.lambda,
                                  .delta = options_.delta});
  // A row of weight w stands for w comparisons of the same pair.
  const M sigma = array::add_to_diagonal(M(array::weighted_gram(comparisons.features, comparisons.weight)), c.lambda);
  try {
    c.log_determinant_ratio = log_determinant_ratio(factorize_covariance(sigma, c.lambda));
  } catch (const std::domain_error&) {
    throw user_error(
        fmt::format("--lambda: expected a ridge that makes Sigma_D positive definite beside features of norm "
                    "{:.3g}, found {:g}",
                    c.max_row_norm, c.lambda));
  }
  const Eigen::SelfAdjointEigenSolver<M> spectrum(sigma, Eigen::EigenvaluesOnly);
  c.smallest_eigenvalue = spectrum.eigenvalues()(0);
  c.largest_eigenvalue = spectrum.eigenvalues()(d - 1);
  if (d <= largest_matrix) c.sigma.assign(sigma.data(), sigma.data() + sigma.size());
  if (c.radius) {
    const bool whole =
        std::all_of(model_.weight.begin(), model_.weight.end(), [](double w) { return w == std::floor(w); });
    if (!whole)
      result_.warnings.push_back(
          "The confidence radius is proved for whole numbers of comparisons; some weights are not whole.");
  }
  result_.confidence = std::move(c);
}

}  // namespace

fit_result fit(const comparison_model& model, const fit_options& options) { return estimation(model, options).run(); }

}  // namespace rto::sim
