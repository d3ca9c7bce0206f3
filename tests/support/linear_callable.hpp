#pragma once
// r = <theta, phi> as a callable for `autodiff_reward`: what must agree with the linear path.
#include <cstddef>
#include <cstdint>
#include <span>

#include <rto/array/eigen_matrix.hpp>

namespace rto::test {

struct linear_callable {
  eigen_matrix<double> phi;  // [m, d]
  template <class S> S operator()(std::int64_t edge, std::span<const S> theta) const {
    S total = theta[0] * phi(edge, 0);
    for (std::size_t k = 1; k < theta.size(); ++k) total += theta[k] * phi(edge, static_cast<Eigen::Index>(k));
    return total;
  }
};

}  // namespace rto::test
