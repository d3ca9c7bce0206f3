// Stiemke's alternative, decided by non-negative least squares: either a strictly positive combination of the rows of A
// vanishes, or some direction v has A v >= 0 and A v != 0.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include <Eigen/Core>
#include <Eigen/QR>

#include <rto/array/linear_algebra.hpp>
#include <rto/array/precision.hpp>

namespace rto {

enum class stiemke_verdict { positive_combination, direction, undecided };

struct stiemke_result {
  stiemke_verdict verdict = stiemke_verdict::undecided;
  std::vector<double> direction;  ///< [q], norm 1, where the verdict is `direction`
  std::int64_t iterations = 0;
};

/// Decides whether y >= 1 with A^T y = 0 exists, A = diag(scale) X diag(column_scale).
///
/// c = the shortest vector of {A^T (1 + z): z >= 0}, by the active-set method of Lawson & Hanson. If c = 0, y = 1 + z
/// is the positive combination. Otherwise optimality says A c >= 0, and <1 + z, A c> = ||c||^2 > 0: c is the direction.
/// Rounding in c is a backward error of y (the rows span the space), so that only instances within about 64 roundings
/// of the border between the cases can be misjudged.
/// \source Stiemke 1915; Lawson & Hanson 1974, chapter 23
/// \param features X [n, q] of rank q  \param scale [n, 1]; rows with scale 0 are not there; the others should have
/// norm
///   about 1 in A
/// \param count number of rows with scale != 0  \param max_iterations give up (`undecided`) after so many
/// \cost O(n q) an iteration and O(q p^2) with p <= q active rows; usually a few times q iterations
template <DesignMatrix X>
[[nodiscard]] stiemke_result decide_stiemke(const X& features, const dense_t<X>& scale, const dense_t<X>& column_scale,
                                            std::int64_t count, std::int64_t max_iterations) {
  using M = dense_t<X>;
  using E = elementwise_t<M>;
  const auto q = static_cast<Eigen::Index>(array::cols(features));
  const std::vector<double> row_scale = array::to_host(scale);
  const auto host_vector = [&](const M& m) -> Eigen::VectorXd {
    const std::vector<double> v = array::to_host(m);
    return Eigen::Map<const Eigen::VectorXd>(v.data(), static_cast<Eigen::Index>(v.size()));
  };
  const Eigen::VectorXd factor = host_vector(column_scale);
  const Eigen::VectorXd b = factor.cwiseProduct(host_vector(array::transposed_product(features, scale)));  // A^T 1
  Eigen::VectorXd c = b, z;
  Eigen::MatrixXd active(q, 0);  // columns: the rows of A with z > 0
  std::vector<std::int64_t> index;

  // argmin ||b + active z|| and its residual c, which is projected twice: its own digits count, not those of b.
  Eigen::VectorXd trial;
  const auto solve = [&] {
    const Eigen::HouseholderQR<Eigen::MatrixXd> qr(active);
    trial = -qr.solve(b);
  };
  const auto residual = [&] {
    if (active.cols() == 0) return b;
    const Eigen::HouseholderQR<Eigen::MatrixXd> qr(active);
    const Eigen::MatrixXd basis = qr.householderQ() * Eigen::MatrixXd::Identity(q, active.cols());
    Eigen::VectorXd r = b - basis * (basis.transpose() * b);
    r -= basis * (basis.transpose() * r);
    return r;
  };
  const auto remove = [&](Eigen::Index k) {
    const Eigen::Index p = active.cols() - 1;
    for (Eigen::Index j = k; j < p; ++j) active.col(j) = active.col(j + 1), z[j] = z[j + 1];
    active.conservativeResize(q, p);
    z.conservativeResize(p);
    index.erase(index.begin() + k);
  };

  stiemke_result result;
  const double eps = machine_epsilon(scale);  // of the products; what is solved here is in double
  std::vector<std::int64_t> refused;          // rows that rounding alone called improving, since the last real step
  for (; result.iterations < max_iterations; ++result.iterations) {
    const double mass = static_cast<double>(count) + (z.size() > 0 ? z.sum() : 0.0);
    const double rounding = 8.0 * eps * static_cast<double>(q + 1) * mass;
    if (c.norm() <= 8.0 * rounding) {
      result.verdict = stiemke_verdict::positive_combination;
      return result;
    }
    const Eigen::VectorXd v = factor.cwiseProduct(c);
    const M v_device = array::from_host(scale, std::span<const double>(v.data(), static_cast<std::size_t>(q)), q, 1);
    const M product = array::product(features, v_device);
    const std::vector<double> w =
        array::to_host(M(array::matrix(E(array::elementwise(scale) * array::elementwise(product)))));
    std::int64_t worst = -1;
    for (std::size_t i = 0; i < w.size(); ++i) {
      const auto k = static_cast<std::int64_t>(i);
      if (row_scale[i] == 0.0 || w[i] >= -rounding || (worst >= 0 && w[i] >= w[static_cast<std::size_t>(worst)]))
        continue;
      if (std::find(index.begin(), index.end(), k) != index.end()) continue;
      if (std::find(refused.begin(), refused.end(), k) != refused.end()) continue;
      worst = k;
    }
    if (worst < 0 || active.cols() == q) {
      result.verdict = stiemke_verdict::direction;
      result.direction.resize(static_cast<std::size_t>(q));
      Eigen::Map<Eigen::VectorXd>(result.direction.data(), q) = v / v.norm();
      return result;
    }
    const M row = array::dense(array::row_slice(features, worst, worst + 1));
    const std::vector<double> entries = array::to_host(row);
    active.conservativeResize(q, active.cols() + 1);
    active.rightCols(1) = row_scale[static_cast<std::size_t>(worst)] *
                          factor.cwiseProduct(Eigen::Map<const Eigen::VectorXd>(entries.data(), q));
    z.conservativeResize(active.cols());
    z[active.cols() - 1] = 0.0;
    index.push_back(worst);
    solve();
    if (!(trial[trial.size() - 1] > 0.0)) {  // not improving after all
      refused.push_back(worst);
      remove(active.cols() - 1);
      continue;
    }
    refused.clear();
    while (active.cols() > 0 && !(trial.minCoeff() > 0.0)) {
      double fraction = 1.0;
      for (Eigen::Index k = 0; k < z.size(); ++k)
        if (!(trial[k] > 0.0)) fraction = std::min(fraction, z[k] / (z[k] - trial[k]));
      z += fraction * (trial - z);
      bool removed = false;
      for (Eigen::Index k = z.size(); k-- > 0;)
        if (!(trial[k] > 0.0) && z[k] <= eps * mass) remove(k), removed = true;
      if (!removed) {
        Eigen::Index k = 0;
        z.minCoeff(&k);
        remove(k);
      }
      if (active.cols() > 0) solve();
    }
    if (active.cols() > 0) z = trial;
    c = residual();
  }
  return result;
}

}  // namespace rto
