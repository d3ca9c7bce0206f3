// Fits a Bradley-Terry model to a small tournament: strengths with standard errors, intervals and a test.
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include <rto/array/eigen_matrix.hpp>
#include <rto/reward/inference.hpp>
#include <rto/reward/reward_mle.hpp>

using matrix = rto::eigen_matrix<double>;

int main() {
  // Wins of the first named team over the second, and the other way round; draws would be half a win for each.
  struct pairing {
    int first, second;
    double wins, losses;
  };
  const std::vector<std::string> teams = {"Ash", "Birch", "Cedar", "Dogwood"};
  const std::vector<pairing> season = {{0, 1, 7, 3}, {0, 2, 6, 4}, {0, 3, 9, 1},
                                       {1, 2, 5, 5}, {1, 3, 7, 3}, {2, 3, 6, 4}};

  // Only differences of strengths are identified: the last team is the baseline, with strength 0.
  const auto baseline = static_cast<Eigen::Index>(teams.size()) - 1;
  const auto rows = static_cast<Eigen::Index>(season.size());
  rto::comparison_set<matrix> games{matrix::Zero(rows, baseline), matrix(rows, 1), matrix(rows, 1)};
  for (Eigen::Index i = 0; i < rows; ++i) {
    const pairing& p = season[static_cast<std::size_t>(i)];
    if (p.first < baseline) games.features(i, p.first) += 1;
    if (p.second < baseline) games.features(i, p.second) -= 1;
    games.weight(i, 0) = p.wins + p.losses;
    games.label(i, 0) = p.wins / games.weight(i, 0);
  }

  const auto fit = rto::reward_mle(games);
  if (fit.status != rto::mle_status::interior || !fit.converged) {
    std::puts("no finite maximum-likelihood estimate: some teams have won everything against the rest");
    return 1;
  }
  const auto inference = rto::make_wald_inference(games, fit.theta);
  std::printf("log-likelihood %.6f after %d steps, gradient %.1e\n", fit.log_likelihood,
              static_cast<int>(fit.iterations), fit.gradient_norm);
  std::printf("%-8s %9s %9s  %s\n", "team", "strength", "error", "95 % likelihood-ratio interval");
  for (Eigen::Index j = 0; j < baseline; ++j) {
    const auto range = rto::likelihood_ratio_interval(games, fit.theta, inference, j, 0.95);
    std::printf("%-8s %9.4f %9.4f  [%.4f, %.4f]\n", teams[static_cast<std::size_t>(j)].c_str(), fit.theta(j, 0),
                inference.standard_error[static_cast<std::size_t>(j)], range.low, range.high);
  }
  const double equal = rto::bradley_terry_log_likelihood(games, matrix(matrix::Zero(baseline, 1)));
  const auto test = rto::likelihood_ratio_test(fit.log_likelihood, equal, baseline);
  std::printf("all teams equal: chi-squared %.3f on %d degrees of freedom, p = %.4f\n", test.statistic,
              static_cast<int>(test.degrees_of_freedom), test.p_value);
  return 0;
}
