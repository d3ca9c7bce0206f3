#pragma once
// The comparison model as the library's comparison set. The design is always a sparse matrix: contests and n-grams are
// mostly zeros, and a table of numbers loses little by it.
#include <Eigen/SparseCore>
#include <span>

#include "rto/array/eigen_matrix.hpp"
#include "rto/preference/comparison.hpp"
#include "rto/reward/reward_estimate.hpp"
#include "sim/fit/comparison_model.hpp"

namespace rto::sim {

using dense_matrix = eigen_matrix<double>;
using sparse_design = Eigen::SparseMatrix<double, Eigen::RowMajor>;
using sparse_comparisons = comparison_set<sparse_design>;

/// The chosen rows of the model.
sparse_comparisons comparisons_of(const comparison_model& model, std::span<const std::size_t> rows);

/// `reward_mle` for this design, compiled in a file of its own.
reward_estimate<dense_matrix> maximum_likelihood(const sparse_comparisons& comparisons,
                                                 const reward_mle_options& options);

}  // namespace rto::sim
