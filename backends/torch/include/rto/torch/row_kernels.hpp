// The loops over a row of logits on the CPU, of backends/torch/kernels/row_kernels.cpp. No tensors here.
#pragma once

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include <cstdint>

namespace rto::detail {

/// log sum_j e^x_j, and the entropy of softmax(x) where it is asked for.
struct row_sums {
  float log_total, entropy;
};

/// One pass over a row, sums in float by pieces that stay in cache, within 1e-6 relative; -infinity forbids an entry.
row_sums sums_of_row(const float* x, std::int64_t n, bool entropy);
row_sums sums_of_row(const c10::Half* x, std::int64_t n, bool entropy);
row_sums sums_of_row(const c10::BFloat16* x, std::int64_t n, bool entropy);

/// dL/dx_j = -p_j (d_log_probability + d_entropy (log p_j + entropy)), p = softmax(x), but for the term of the token
/// itself.
void gradient_of_row(const float* x, float* gradient, std::int64_t n, const row_sums& of, float d_log_probability,
                     float d_entropy);
void gradient_of_row(const c10::Half* x, c10::Half* gradient, std::int64_t n, const row_sums& of,
                     float d_log_probability, float d_entropy);
void gradient_of_row(const c10::BFloat16* x, c10::BFloat16* gradient, std::int64_t n, const row_sums& of,
                     float d_log_probability, float d_entropy);

}  // namespace rto::detail
