#pragma once
// The loops of generation on the CPU that LibTorch has no operation for, compiled for the vector units of several
// processors. No tensors here.
#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include <cstdint>

namespace rto::llm {

/// out = softmax(scale q K^T) V of one query over `n` keys and values that lie one after the other, each `size`
/// numbers; sums in float. \param scratch of 2 size + n floats
void attend(const float* query, const float* keys, const float* values, float* out, std::int64_t n, std::int64_t size,
            float scale, float* scratch);
void attend(const c10::Half* query, const c10::Half* keys, const c10::Half* values, c10::Half* out, std::int64_t n,
            std::int64_t size, float scale, float* scratch);
void attend(const c10::BFloat16* query, const c10::BFloat16* keys, const c10::BFloat16* values, c10::BFloat16* out,
            std::int64_t n, std::int64_t size, float scale, float* scratch);

/// The largest of `n` numbers, -infinity of none; NaN does not count.
float largest(const float* x, std::int64_t n);

/// sum_i exp((x_i - shift) scale) of at most 4096 numbers <= shift, in float, within 1e-6 relative; exp(-infinity) is
/// 0.
float sum_of_exponentials(const float* x, std::int64_t n, float shift, float scale);

}  // namespace rto::llm
