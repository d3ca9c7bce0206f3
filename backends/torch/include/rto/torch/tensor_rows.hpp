// Rows of a tensor on the CPU as an Eigen array, without a copy: how the templates of rto run natively on tensors.
#pragma once

#include <algorithm>
#include <cstdint>

#include <ATen/ATen.h>
#include <Eigen/Core>

#include <rto/array/eigen.hpp>

namespace rto::detail {

/// [to - from, cols] of a tensor of S, read in place.
template <class S> using tensor_rows = Eigen::Map<const eigen_array<S>, Eigen::Unaligned, Eigen::OuterStride<>>;

/// The same to write into.
template <class S> using writable_tensor_rows = Eigen::Map<eigen_array<S>, Eigen::Unaligned, Eigen::OuterStride<>>;

/// \param x [rows, cols] of S on the CPU, the entries of a row one after the other (`packed_rows`); not owned
template <class S> [[nodiscard]] tensor_rows<S> rows_of(const at::Tensor& x, std::int64_t from, std::int64_t to) {
  return {x.const_data_ptr<S>() + from * x.stride(0), to - from, x.size(1), Eigen::OuterStride<>(x.stride(0))};
}

template <class S>
[[nodiscard]] writable_tensor_rows<S> writable_rows_of(const at::Tensor& x, std::int64_t from, std::int64_t to) {
  return {x.mutable_data_ptr<S>() + from * x.stride(0), to - from, x.size(1), Eigen::OuterStride<>(x.stride(0))};
}

/// x where its rows lie one after the other, else a copy of which they do. \param x [rows, cols]
[[nodiscard]] inline at::Tensor packed_rows(const at::Tensor& x) {
  const bool packed = (x.size(1) <= 1 || x.stride(1) == 1) && (x.size(0) <= 1 || x.stride(0) >= x.size(1));
  return packed && !x.is_neg() ? x : x.contiguous().resolve_neg();
}

/// True for entries and a place that native loops serve.
[[nodiscard]] inline bool is_native(const at::Tensor& x) {
  return x.defined() && x.device().is_cpu() && x.layout() == at::kStrided && x.dim() == 2 && x.numel() > 0 &&
         (x.scalar_type() == at::kDouble || x.scalar_type() == at::kFloat);
}

/// The same, with the entries and the shape of `like`.
[[nodiscard]] inline bool is_native_like(const at::Tensor& like, const at::Tensor& x) {
  return is_native(x) && x.scalar_type() == like.scalar_type() && x.sizes() == like.sizes();
}

/// Rows of a block whose arrays, a few dozen of them, stay in cache: multiples of eight, which recurrences take at a
/// time.
[[nodiscard]] inline std::int64_t native_block_rows(std::int64_t cols) {
  constexpr std::int64_t entries = std::int64_t{1} << 13;
  return std::max<std::int64_t>(8, entries / cols / 8 * 8);
}

}  // namespace rto::detail
