#pragma once

// One statement for every array type: a formula, written once as a generic lambda over its inputs, gives on each type
// the values of eigen_array<double>, by automatic differentiation the derivatives of its finite differences, and throws
// on each type or on none.

#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <ATen/ATen.h>

#include <rto/array/autodiff.hpp>
#include <rto/array/eigen.hpp>
#include <rto/array/eigen_matrix.hpp>
#include <rto/torch/array.hpp>

#include "support/array_types.hpp"
#include "support/catch.hpp"
#include "support/tolerance.hpp"

namespace rto::test {

/// The entries of an input, row by row.
struct sample {
  std::int64_t rows = 0, cols = 0;
  std::vector<double> entries = {};
};

/// Standard normal entries, the same for the same seed; `scale` times them plus `shift`.
[[nodiscard]] sample normal_sample(std::int64_t rows, std::int64_t cols, unsigned seed, double scale = 1,
                                   double shift = 0);
/// 1 on the first lengths[i] entries of row i.
[[nodiscard]] sample prefix_mask(const std::vector<std::int64_t>& lengths, std::int64_t cols);
/// x with NaN where the mask is 0.
[[nodiscard]] sample with_padding(sample x, const sample& mask);
/// Logarithms of a random policy [rows, cols]; of each row but the first, the first token is forbidden where asked.
[[nodiscard]] sample policy_sample(std::int64_t rows, std::int64_t cols, unsigned seed, bool forbid = false);

/// A kind of tensor that is tested: the entries' type, the device, and how they lie in memory.
struct tensor_kind {
  std::string name;
  at::TensorOptions options;
  bool strided = false;  // every second entry of a larger, transposed block
};
/// CPU in double and float and not contiguous; the same on CUDA, or a line of output that says why that was skipped.
[[nodiscard]] const std::vector<tensor_kind>& tensor_kinds();
[[nodiscard]] at::Tensor tensor_of(const tensor_kind& kind, const sample& x);

/// Twelve derivatives at once.
using dual12 = Eigen::AutoDiffScalar<Eigen::Matrix<double, 12, 1>>;

/// The matrix of the LinearAlgebra tier with the entries of an array.
template <class A> [[nodiscard]] matrix_t<A> as_matrix(const A& x) { return array::matrix(x); }

/// Arrays, numbers of a library and C++ numbers, one after the other.
template <class... R> [[nodiscard]] std::vector<double> together(const R&... results);

namespace conformance {

template <class R> std::vector<double> flat(const R& r) {
  if constexpr (std::is_same_v<R, std::vector<double>>)
    return r;
  else if constexpr (std::is_arithmetic_v<R>)
    return {static_cast<double>(r)};
  else if constexpr (requires { array::to_host(value_t<R>(r)); })
    return array::to_host(value_t<R>(r));
  else
    return {array::item(r)};
}

template <class A> std::vector<A> inputs(const std::vector<sample>& in) {
  std::vector<A> x;
  for (const sample& s : in) x.push_back(A(array::from_host(A(), s.entries, s.rows, s.cols)));
  return x;
}
inline std::vector<at::Tensor> inputs(const tensor_kind& kind, const std::vector<sample>& in) {
  std::vector<at::Tensor> x;
  for (const sample& s : in) x.push_back(tensor_of(kind, s));
  return x;
}

inline double tier(const tensor_kind& kind, double for_double, double for_float) {
  return kind.options.dtype() == at::kDouble ? for_double : for_float;
}

/// The message up to the digits behind the point of a number: those differ by rounding.
inline std::string without_digits(const std::string& message) {
  const std::size_t got = message.rfind(", got "), point = got == std::string::npos ? got : message.find('.', got);
  return point == std::string::npos ? message : message.substr(0, point);
}

/// True for arrays of double: what an iteration can be asked to converge to depends on it.
template <class A> bool in_double(const A& like) { return array::item(array::full(like, 1, 1, 1 + 1e-9)) > 1; }

/// Weights of the entries of a result, so that one number depends on all of them.
inline double weight(std::size_t k) { return std::cos(1.0 + static_cast<double>(k)); }
inline double weighted_sum(const std::vector<double>& r) {
  double total = 0;
  for (std::size_t k = 0; k < r.size(); ++k) total += weight(k) * r[k];
  return total;
}

/// d weighted_sum(f) / d input by autograd.
template <class F>
std::vector<double> autograd(const tensor_kind& kind, const std::vector<sample>& in, std::size_t input, F&& f) {
  std::vector<at::Tensor> x = inputs(kind, in);
  const at::Tensor leaf = x[input].clone().requires_grad_(true);
  x[input] = kind.strided ? leaf.t().contiguous().t() : leaf;
  const at::Tensor result = f(x);
  std::vector<double> w(static_cast<std::size_t>(result.numel()));
  for (std::size_t k = 0; k < w.size(); ++k) w[k] = weight(k);
  const at::Tensor weights = at::from_blob(w.data(), result.sizes(), at::kDouble).to(result.options());
  const at::Tensor total = (result * weights).sum();
  if (!total.requires_grad()) return std::vector<double>(static_cast<std::size_t>(leaf.numel()), 0.0);
  total.backward();
  return array::to_host(leaf.grad().defined() ? leaf.grad() : at::zeros_like(leaf));
}

/// The same by forward-mode autodiff scalars, twelve entries at a time.
template <class F> std::vector<double> autodiff(const std::vector<sample>& in, std::size_t input, F&& f) {
  std::vector<double> gradient;
  for (std::size_t from = 0; from < in[input].entries.size(); from += 12) {
    std::vector<eigen_array<dual12>> x = inputs<eigen_array<dual12>>(in);
    const std::size_t to = std::min(from + 12, in[input].entries.size());
    for (auto& one : x)
      for (Eigen::Index k = 0; k < one.size(); ++k) one.data()[k].derivatives().setZero();
    for (std::size_t k = from; k < to; ++k) x[input].data()[k].derivatives()(static_cast<Eigen::Index>(k - from)) = 1;
    const auto result = f(x);
    Eigen::Matrix<double, 12, 1> total = Eigen::Matrix<double, 12, 1>::Zero();
    if constexpr (requires { result.derivatives(); })
      total = weight(0) * result.derivatives();
    else
      for (Eigen::Index i = 0; i < result.rows(); ++i)
        for (Eigen::Index j = 0; j < result.cols(); ++j)
          total += weight(static_cast<std::size_t>(i * result.cols() + j)) * result.coeff(i, j).derivatives();
    for (std::size_t k = from; k < to; ++k) gradient.push_back(total(static_cast<Eigen::Index>(k - from)));
  }
  return gradient;
}

/// The same by central differences of the double instantiation; an entry that is not finite is not moved.
template <class F> std::vector<double> differences(const std::vector<sample>& in, std::size_t input, F&& f) {
  constexpr double h = tolerance<double>::step;
  std::vector<double> gradient;
  for (std::size_t k = 0; k < in[input].entries.size(); ++k) {
    if (!std::isfinite(in[input].entries[k])) {
      gradient.push_back(0);
      continue;
    }
    const auto moved = [&](double by) {
      std::vector<sample> x = in;
      x[input].entries[k] += by;
      return flat(f(inputs<eigen_array<double>>(x)));
    };
    const std::vector<double> up = moved(h), down = moved(-h);
    double slope = 0;
    for (std::size_t r = 0; r < up.size(); ++r)
      if (up[r] != down[r]) slope += weight(r) * (up[r] - down[r]);
    gradient.push_back(slope / (2 * h));
  }
  return gradient;
}

}  // namespace conformance

template <class... R> std::vector<double> together(const R&... results) {
  std::vector<double> all;
  const auto add = [&](const std::vector<double>& some) { all.insert(all.end(), some.begin(), some.end()); };
  (add(conformance::flat(results)), ...);
  return all;
}

struct derivatives {
  std::vector<std::size_t> of = {};        // inputs with respect to which derivatives are compared
  std::vector<std::size_t> constant = {};  // inputs through which no derivative goes, though the values depend on them
};

struct values {
  double amplification = 1;      // by how much the problem amplifies a rounding of its inputs: its condition number
  bool single_precision = true;  // also in float
};

/// The values of f are the same on every array type. f takes std::vector<A> of the inputs and returns an array, a
/// single number, or `together(...)`.
template <class F> void conforms(const std::vector<sample>& in, F&& f, const values& options = {}) {
  using namespace conformance;
  const double amplification = options.amplification;
  const std::vector<double> want = flat(f(inputs<eigen_array<double>>(in)));
  REQUIRE(!want.empty());
  {
    INFO("column-major Eigen double");
    CHECK(distance(flat(f(inputs<Eigen::ArrayXXd>(in))), want) <= amplification * tolerance<double>::cross_backend);
  }
  if (options.single_precision) {
    INFO("Eigen float");
    CHECK(distance(flat(f(inputs<eigen_array<float>>(in))), want) <= amplification * tolerance<float>::cross_backend);
  }
  for (const tensor_kind& kind : tensor_kinds()) {
    if (!options.single_precision && kind.options.dtype() != at::kDouble) continue;
    INFO("tensor " << kind.name);
    CHECK(distance(flat(f(inputs(kind, in))), want) <=
          amplification * tier(kind, tolerance<double>::cross_backend, tolerance<float>::cross_backend));
  }
}

/// And so are its derivatives: autograd's those of the double instantiation by differences, and with Autodiff those of
/// autodiff scalars, to rounding.
template <bool Autodiff = true, class F>
void conforms(const std::vector<sample>& in, F&& f, const derivatives& with_respect_to) {
  using namespace conformance;
  conforms(in, f);
  for (const std::size_t input : with_respect_to.constant) {
    INFO("no gradient with respect to input " << input);
    const std::vector<double> none(in[input].entries.size(), 0.0);
    if constexpr (Autodiff) CHECK(autodiff(in, input, f) == none);
    for (const tensor_kind& kind : tensor_kinds()) CHECK(autograd(kind, in, input, f) == none);
  }
  for (const std::size_t input : with_respect_to.of) {
    INFO("gradient with respect to input " << input);
    std::vector<double> exact = differences(in, input, f);
    if constexpr (Autodiff) {
      const std::vector<double> slopes = autodiff(in, input, f);
      CHECK(distance(slopes, exact) <= tolerance<double>::gradient);
      exact = slopes;
    }
    const double own = Autodiff ? tolerance<double>::cross_backend : tolerance<double>::gradient;
    for (const tensor_kind& kind : tensor_kinds()) {
      INFO("tensor " << kind.name);
      CHECK(distance(autograd(kind, in, input, f), exact) <= tier(kind, own, tolerance<float>::gradient));
    }
  }
}

/// The formula entry by entry on numbers, beside all of `conforms`: for those of the element-wise tier.
template <class F, class... Options>
void conforms_entrywise(const std::vector<sample>& in, F&& f, const Options&... options) {
  conforms(in, f, options...);
  std::vector<double> single;
  for (std::size_t k = 0; k < in.front().entries.size(); ++k) {
    std::vector<double> x;
    for (const sample& s : in) x.push_back(s.entries[k]);
    single.push_back(f(x));
  }
  const std::vector<double> whole = conformance::flat(f(conformance::inputs<eigen_array<double>>(in)));
  CHECK(distance(whole, single) <= tolerance<double>::cross_backend);
}

/// f throws the same on every array type: the same class of exception, with the same message but for the digits of what
/// was got.
template <class F> void throws_alike(const std::vector<sample>& in, F&& f) {
  using namespace conformance;
  const auto thrown = [&](auto&& x) -> std::string {
    try {
      f(x);
    } catch (const std::invalid_argument& e) {
      return "invalid_argument " + without_digits(e.what());
    } catch (const std::domain_error& e) {
      return "domain_error " + without_digits(e.what());
    } catch (const std::exception& e) {
      return std::string("another exception ") + e.what();
    }
    return "nothing";
  };
  const std::string want = thrown(inputs<eigen_array<double>>(in));
  CHECK(want != "nothing");
  CHECK(thrown(inputs<Eigen::ArrayXXd>(in)) == want);
  CHECK(thrown(inputs<eigen_array<float>>(in)) == want);
  for (const tensor_kind& kind : tensor_kinds()) {
    INFO("tensor " << kind.name);
    CHECK(thrown(inputs(kind, in)) == want);
  }
}

}  // namespace rto::test
