// The device code of token_statistics.cu: also compiled on the host, where its tests run every thread of it in turn.
#pragma once

#include <cmath>
#include <cstdint>

namespace rto::detail {
namespace statistics {

constexpr int threads = 256, warp = 32;

template <class S> struct accumulation { using type = float; };
template <> struct accumulation<double> { using type = double; };

template <class S> struct alignas(16) pack {
  static constexpr int width = 16 / static_cast<int>(sizeof(S));
  S entry[width];
};

template <class A> __device__ A minus_infinity() { return -static_cast<A>(INFINITY); }

// m and s stand for log(s) + m, the logarithm of a sum of exponentials with the maximum removed.
template <class A> struct log_sum {
  A m, s;
  __device__ void add(A x) {
    if (x == minus_infinity<A>()) return;
    if (x > m) {
      s *= exp(m - x);  // e^-inf = 0 at the first one
      m = x;
    }
    s += exp(x - m);
  }
  // x > m is false for NaN: it reaches s by the last line of `add`, and log() below.
  __device__ void add(const log_sum& other) {
    if (other.m == minus_infinity<A>()) {
      s += other.s;  // 0, or NaN
      return;
    }
    if (other.m > m) {
      s = s * exp(m - other.m) + other.s;
      m = other.m;
    } else {
      s += other.s * exp(other.m - m);
    }
  }
  __device__ A value() const { return m == minus_infinity<A>() && s == A(0) ? m : m + log(s); }
};

template <class A> __device__ log_sum<A> shuffled(const log_sum<A>& x, int reach) {
  return {__shfl_down_sync(0xffffffffu, x.m, reach), __shfl_down_sync(0xffffffffu, x.s, reach)};
}
template <class A> struct plain_sum {
  A s;
  __device__ void add(const plain_sum& other) { s += other.s; }
};
template <class A> __device__ plain_sum<A> shuffled(const plain_sum<A>& x, int reach) {
  return {__shfl_down_sync(0xffffffffu, x.s, reach)};
}

// The sum over the block, for every thread. Always in the same order: the result is reproducible.
template <class T> __device__ T block_total(T x) {
  __shared__ T part[threads / warp];
  for (int reach = warp / 2; reach > 0; reach /= 2) x.add(shuffled(x, reach));
  __syncthreads();  // those who still read the last result
  if (threadIdx.x % warp == 0) part[threadIdx.x / warp] = x;
  __syncthreads();
  T total = part[0];
  for (int w = 1; w < threads / warp; ++w) total.add(part[w]);
  return total;
}

// How many entries of S lie before the first one at a multiple of 16 bytes, at most n.
template <class S> __device__ std::int64_t before_pack(const S* x, std::int64_t n) {
  const auto past = static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(x) % sizeof(pack<S>) / sizeof(S));
  const std::int64_t head = past == 0 ? 0 : pack<S>::width - past;
  return head < n ? head : n;
}

// f(index, entry) for every entry, spread over the threads of the block: packs where they lie at multiples of 16 bytes,
// wherever the row begins, and single entries before and behind them.
template <class S, class F> __device__ void for_each_entry(const S* x, std::int64_t n, F f) {
  using A = typename accumulation<S>::type;
  constexpr int width = pack<S>::width;
  const std::int64_t head = before_pack(x, n), packs = (n - head) / width, done = head + packs * width;
  for (std::int64_t i = threadIdx.x; i < head; i += threads) f(i, static_cast<A>(x[i]));
  for (std::int64_t i = threadIdx.x; i < packs; i += threads) {
    const pack<S> p = reinterpret_cast<const pack<S>*>(x + head)[i];
#pragma unroll
    for (int k = 0; k < width; ++k) f(head + i * width + k, static_cast<A>(p.entry[k]));
  }
  for (std::int64_t i = done + threadIdx.x; i < n; i += threads) f(i, static_cast<A>(x[i]));
}
// f(index, entry of x, entry of q): packs where both rows begin alike.
template <class S, class F> __device__ void for_each_entry(const S* x, const S* q, std::int64_t n, F f) {
  using A = typename accumulation<S>::type;
  if (q == nullptr) {
    for_each_entry(x, n, [&](std::int64_t i, A v) { f(i, v, A(0)); });
    return;
  }
  constexpr int width = pack<S>::width;
  const std::int64_t head = before_pack(x, n), packs = before_pack(q, n) == head ? (n - head) / width : 0;
  const std::int64_t done = head + packs * width;
  for (std::int64_t i = threadIdx.x; i < head; i += threads) f(i, static_cast<A>(x[i]), static_cast<A>(q[i]));
  for (std::int64_t i = threadIdx.x; i < packs; i += threads) {
    const pack<S> p = reinterpret_cast<const pack<S>*>(x + head)[i], r = reinterpret_cast<const pack<S>*>(q + head)[i];
#pragma unroll
    for (int k = 0; k < width; ++k) f(head + i * width + k, static_cast<A>(p.entry[k]), static_cast<A>(r.entry[k]));
  }
  for (std::int64_t i = done + threadIdx.x; i < n; i += threads) f(i, static_cast<A>(x[i]), static_cast<A>(q[i]));
}

// p log(p / q) - p + q >= 0, without cancellation where they are close: divergence_terms of token_statistics.hpp.
template <class A> __device__ A divergence_term(A log_p, A log_q) {
  const A p = exp(log_p), q = exp(log_q);
  if (log_p == minus_infinity<A>()) return q;
  if (log_q == minus_infinity<A>()) return -minus_infinity<A>();
  const A ratio = log_p - log_q;
  return fabs(ratio) <= A(1) ? p * (ratio + expm1(-ratio)) : p * ratio - p + q;
}

template <class S> struct rows_of {
  const S* data;
  std::int64_t stride;
  __device__ const S* operator()(std::int64_t i) const { return data == nullptr ? nullptr : data + i * stride; }
};

template <class A> struct columns {
  A *log_total, *log_probability, *entropy, *divergence, *reference_log_total;  // [rows] each; null: not asked for
};

template <class S>
__global__ void forward_kernel(rows_of<S> logits, rows_of<S> reference, const std::int64_t* tokens, std::int64_t n,
                               bool reversed, columns<typename accumulation<S>::type> out) {
  using A = typename accumulation<S>::type;
  const std::int64_t i = blockIdx.x;
  const S *x = logits(i), *q = reference(i);
  log_sum<A> mine{minus_infinity<A>(), A(0)}, of_reference = mine;
  for_each_entry(x, n, [&](std::int64_t, A v) { mine.add(v); });
  const A log_total = block_total(mine).value();
  A reference_log_total = 0;
  if (q != nullptr) {
    for_each_entry(q, n, [&](std::int64_t, A v) { of_reference.add(v); });
    reference_log_total = block_total(of_reference).value();
  }
  if (threadIdx.x == 0) {
    out.log_total[i] = log_total;
    if (out.log_probability != nullptr) {
      CUDA_KERNEL_ASSERT(tokens[i] >= 0 && tokens[i] < n);
      out.log_probability[i] = static_cast<A>(x[tokens[i]]) - log_total;
    }
    if (q != nullptr) out.reference_log_total[i] = reference_log_total;
  }
  if (out.entropy == nullptr && q == nullptr) return;
  plain_sum<A> entropy{A(0)}, divergence{A(0)};
  for_each_entry(x, q, n, [&](std::int64_t, A v, A r) {
    const A log_p = v - log_total;
    if (log_p != minus_infinity<A>()) entropy.s -= exp(log_p) * log_p;
    if (q == nullptr) return;
    const A log_q = r - reference_log_total;
    divergence.s += reversed ? divergence_term(log_q, log_p) : divergence_term(log_p, log_q);
  });
  if (out.entropy != nullptr) {
    entropy = block_total(entropy);
    if (threadIdx.x == 0) out.entropy[i] = entropy.s;
  }
  if (q != nullptr) {
    divergence = block_total(divergence);
    if (threadIdx.x == 0) out.divergence[i] = divergence.s;
  }
}

template <class S>
__global__ void backward_kernel(rows_of<S> logits, rows_of<S> reference, const std::int64_t* tokens, std::int64_t n,
                                bool reversed, columns<const typename accumulation<S>::type> of,
                                columns<const typename accumulation<S>::type> d, S* gradient) {
  using A = typename accumulation<S>::type;
  const std::int64_t i = blockIdx.x;
  const S *x = logits(i), *q = d.divergence != nullptr ? reference(i) : nullptr;
  S* to = gradient + i * n;
  const auto number = [i](const A* column) { return column != nullptr ? column[i] : A(0); };
  const A log_total = of.log_total[i], reference_log_total = number(of.reference_log_total);
  const A d_log_probability = number(d.log_probability), d_entropy = number(d.entropy);
  const A d_divergence = number(d.divergence), entropy = number(of.entropy), divergence = number(of.divergence);
  const std::int64_t token = d.log_probability != nullptr ? tokens[i] : -1;
  if (d_log_probability == A(0) && d_entropy == A(0) && d_divergence == A(0)) {  // padding, whose logits may be NaN
    for (std::int64_t j = threadIdx.x; j < n; j += threads) to[j] = static_cast<S>(A(0));
    return;
  }
  for_each_entry(x, q, n, [&](std::int64_t j, A v, A r) {
    const A log_p = v - log_total, p = exp(log_p);
    const bool possible = log_p != minus_infinity<A>();
    A g = (j == token ? d_log_probability : A(0)) - p * d_log_probability;
    if (d.entropy != nullptr) g -= d_entropy * p * ((possible ? log_p : A(0)) + entropy);
    if (q != nullptr) {
      const A log_q = r - reference_log_total;
      g += reversed ? d_divergence * (p - exp(log_q))
                    : d_divergence * p * ((possible ? log_p - log_q : A(0)) - divergence);
    }
    to[j] = static_cast<S>(g);
  });
}

}  // namespace statistics
}  // namespace rto::detail
