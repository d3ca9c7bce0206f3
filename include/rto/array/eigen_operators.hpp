// Entry-wise operators that Eigen has not, or not on whole packets: what the verbs of eigen.hpp are made of.
#pragma once

#include <Eigen/Core>

namespace rto::detail {

/// x shifted by one column, read lazily: holds plain arrays by reference and expressions by value, as Eigen does.
template <class D> struct next_step_op {
  typename Eigen::internal::ref_selector<D>::type x;
  typename D::Scalar operator()(Eigen::Index i, Eigen::Index t) const {
    return t + 1 < x.cols() ? typename D::Scalar(x.coeff(i, t + 1)) : typename D::Scalar(0);
  }
};

/// A column at every column, of a plain array. Eigen's Replicate finds each entry by two integer divisions.
template <class D> struct first_column_op {
  const D& x;
  const typename D::Scalar& operator()(Eigen::Index i, Eigen::Index) const { return x.coeff(i, 0); }
};

// Choices as arithmetic on whole packets. Eigen's own select reads one entry at a time, and so does everything
// fused with it: the clipped surrogate loss took 900 us instead of 30 (256 x 512 float).
template <class S> struct less_equal_op {
  S operator()(const S& a, const S& b) const { return a <= b ? S(1) : S(0); }
  template <class P> P packetOp(const P& a, const P& b) const {
    return Eigen::internal::pand(Eigen::internal::pcmp_le(a, b), Eigen::internal::pset1<P>(S(1)));
  }
};
template <class S> struct select_op {
  S operator()(const S& mask, const S& x, const S& y) const { return mask > S(0.5) ? x : y; }
  template <class P> P packetOp(const P& mask, const P& x, const P& y) const {
    return Eigen::internal::pselect(Eigen::internal::pcmp_lt(Eigen::internal::pset1<P>(S(0.5)), mask), x, y);
  }
};

}  // namespace rto::detail

template <class S> struct Eigen::internal::functor_traits<rto::detail::less_equal_op<S>> {
  enum { Cost = NumTraits<S>::AddCost, PacketAccess = packet_traits<S>::HasCmp };
};
template <class S> struct Eigen::internal::functor_traits<rto::detail::select_op<S>> {
  enum { Cost = 2 * NumTraits<S>::AddCost, PacketAccess = packet_traits<S>::HasCmp };
};
