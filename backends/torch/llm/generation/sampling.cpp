#include "llm/generation/sampling.hpp"

#include <Random123/philox.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <queue>
#include <set>
#include <stdexcept>

#include "llm/model/cpu_kernels.hpp"

namespace rto::llm {
namespace {

constexpr std::int64_t block = 2048;  // entries whose sum of exponentials is taken in float

std::int64_t size_of(std::span<const float> x) { return static_cast<std::int64_t>(x.size()); }

/// sum_i exp((x_i - shift) scale).
double total_of(std::span<const float> x, float shift, float scale) {
  double total = 0;
  for (std::int64_t from = 0; from < size_of(x); from += block)
    total +=
        static_cast<double>(sum_of_exponentials(x.data() + from, std::min(block, size_of(x) - from), shift, scale));
  return total;
}

void penalise(std::span<float> logits, std::span<const token_id> seen, double penalty) {
  const auto p = static_cast<float>(penalty);
  for (const token_id t : std::set<token_id>(seen.begin(), seen.end())) {
    float& x = logits[static_cast<std::size_t>(t)];
    x = x < 0 ? x * p : x / p;
  }
}

/// The k-th largest number.
float threshold_of(std::span<const float> x, std::size_t k) {
  std::priority_queue<float, std::vector<float>, std::greater<>> best;
  for (const float v : x) {
    if (best.size() < k) {
      best.push(v);
    } else if (v > best.top()) {
      best.pop();
      best.push(v);
    }
  }
  return best.top();
}

/// Tokens with a logit of at least `threshold`, most probable first.
std::vector<std::int32_t> tokens_from(std::span<const float> x, float threshold) {
  std::vector<std::int32_t> tokens;
  for (std::size_t i = 0; i < x.size(); ++i)
    if (x[i] >= threshold && x[i] > -std::numeric_limits<float>::infinity())
      tokens.push_back(static_cast<std::int32_t>(i));
  std::stable_sort(tokens.begin(), tokens.end(), [&](std::int32_t a, std::int32_t b) {
    return x[static_cast<std::size_t>(a)] > x[static_cast<std::size_t>(b)];
  });
  return tokens;
}

bool truncates(const sampling_options& o, std::size_t vocabulary) {
  return (o.top_k > 0 && static_cast<std::size_t>(o.top_k) < vocabulary) || o.top_p < 1 || o.min_p > 0;
}

/// After the penalty: what top-k, top-p and min-p leave. \param most the largest logit
token_distribution truncated(std::span<const float> x, const sampling_options& o, float most) {
  const double scale = 1 / o.temperature;
  const auto weight = [&](std::int32_t t) {
    return std::exp((static_cast<double>(x[static_cast<std::size_t>(t)]) - static_cast<double>(most)) * scale);
  };
  token_distribution d;
  double total = 0;
  if (o.top_k > 0 && static_cast<std::size_t>(o.top_k) < x.size()) {
    d.tokens = tokens_from(x, threshold_of(x, static_cast<std::size_t>(o.top_k)));
    for (const std::int32_t t : d.tokens) total += weight(t);
  } else {
    total = total_of(x, most, static_cast<float>(scale));
    if (o.top_p >= 1 && o.min_p == 0) {
      d.tokens = tokens_from(x, -std::numeric_limits<float>::infinity());
    } else {
      // Only the most probable can be left, so only they are sorted: those within `depth` nats of the first, more where
      // they are not enough.
      for (double depth = o.min_p > 0 ? -std::log(o.min_p) + 1e-3 : 8;; depth *= 2) {
        d.tokens = tokens_from(x, static_cast<float>(static_cast<double>(most) - depth * o.temperature));
        if (o.min_p > 0 || depth > 1000) break;
        double got = 0;
        for (const std::int32_t t : d.tokens) got += weight(t);
        if (got > o.top_p * total * (1 + 1e-6)) break;  // the total is in float
      }
    }
  }
  double before = 0, kept = 0;  // of the tokens more probable than this one
  std::size_t n = 0;
  for (const std::int32_t t : d.tokens) {
    const double w = weight(t);
    if (n > 0 && ((o.top_p < 1 && before >= o.top_p * total) || w < o.min_p)) break;
    d.probabilities.push_back(w);
    before += w;
    kept += w;
    ++n;
  }
  d.tokens.resize(n);
  for (double& p : d.probabilities) p /= kept;
  return d;
}

/// The first token whose cumulative probability exceeds `uniform`, of exp((x - most) scale) / total.
std::size_t at_quantile(std::span<const float> x, float most, float scale, double total, double uniform) {
  double left = uniform * total;
  for (std::int64_t from = 0; from < size_of(x); from += block) {
    const std::int64_t n = std::min(block, size_of(x) - from);
    const auto here = static_cast<double>(sum_of_exponentials(x.data() + from, n, most, scale));
    if (left >= here) {
      left -= here;
      continue;
    }
    for (std::int64_t i = from; i < from + n; ++i) {
      left -= static_cast<double>(sum_of_exponentials(x.data() + i, 1, most, scale));
      if (left < 0) return static_cast<std::size_t>(i);
    }
  }
  // Rounding: the last token that can be had.
  for (std::size_t i = x.size(); i-- > 0;)
    if (sum_of_exponentials(x.data() + i, 1, most, scale) > 0) return i;
  return 0;
}

}  // namespace

void require_valid(const sampling_options& o) {
  const auto require = [](bool fine, const char* what, double got) {
    if (!fine) throw std::domain_error(fmt::format("rto::llm::sampling: {}, got {}", what, got));
  };
  require(o.repetition_penalty > 0 && std::isfinite(o.repetition_penalty), "repetition_penalty must be above 0",
          o.repetition_penalty);
  require(o.temperature >= 0 && std::isfinite(o.temperature), "temperature must be at least 0", o.temperature);
  require(o.top_k >= 0, "top_k must be at least 0", static_cast<double>(o.top_k));
  require(o.top_p > 0 && o.top_p <= 1, "top_p must be in (0, 1]", o.top_p);
  require(o.min_p >= 0 && o.min_p <= 1, "min_p must be in [0, 1]", o.min_p);
}

token_distribution make_token_distribution(std::span<float> logits, std::span<const token_id> seen,
                                           const sampling_options& o) {
  require_valid(o);
  if (o.repetition_penalty != 1) penalise(logits, seen, o.repetition_penalty);
  const float most = largest(logits.data(), size_of(logits));
  if (o.temperature == 0)
    return {{static_cast<std::int32_t>(std::find(logits.begin(), logits.end(), most) - logits.begin())}, {1.0}};
  return truncated(logits, o, most);
}

sampled_token sample(std::span<float> logits, std::span<const token_id> seen, const sampling_options& o,
                     double uniform) {
  float most = largest(logits.data(), size_of(logits));
  if (!std::isfinite(most))
    throw std::domain_error("rto::llm::sample: a row of logits must have a finite one, got none");
  const double log_total = static_cast<double>(most) + std::log(total_of(logits, most, 1));
  std::size_t chosen = 0;
  double log_p = 0;
  // The penalty changes the logits; those of the model are needed once more.
  std::vector<float> before;
  std::vector<token_id> changed;
  if (o.repetition_penalty != 1) {
    changed.assign(seen.begin(), seen.end());
    for (const token_id t : changed) before.push_back(logits[static_cast<std::size_t>(t)]);
    penalise(logits, seen, o.repetition_penalty);
    most = largest(logits.data(), size_of(logits));
  }
  if (o.temperature == 0) {
    chosen = static_cast<std::size_t>(std::find(logits.begin(), logits.end(), most) - logits.begin());
  } else if (truncates(o, logits.size())) {
    const token_distribution d = truncated(logits, o, most);
    std::size_t i = 0;
    for (double left = uniform - d.probabilities[0]; left >= 0 && i + 1 < d.tokens.size(); left -= d.probabilities[i])
      ++i;
    chosen = static_cast<std::size_t>(d.tokens[i]);
    log_p = std::log(d.probabilities[i]);
  } else {
    const auto scale = static_cast<float>(1 / o.temperature);
    const double total = o.temperature == 1 && changed.empty() ? std::exp(log_total - static_cast<double>(most))
                                                               : total_of(logits, most, scale);
    chosen = at_quantile(logits, most, scale, total, uniform);
    log_p = static_cast<double>((logits[chosen] - most) * scale) - std::log(total);
  }
  for (std::size_t i = 0; i < changed.size(); ++i) logits[static_cast<std::size_t>(changed[i])] = before[i];
  return {static_cast<token_id>(chosen), static_cast<float>(static_cast<double>(logits[chosen]) - log_total),
          static_cast<float>(log_p)};
}

double sampling_uniform(std::uint64_t seed, std::uint64_t sequence, std::uint64_t step) {
  const r123::Philox4x64::ctr_type word = r123::Philox4x64()({{step, 0, 0, 0}}, {{seed, sequence}});
  return static_cast<double>(word.v[0] >> 11) * 0x1p-53;
}

}  // namespace rto::llm
