#include "llm/training/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>

namespace rto::llm {

double learning_rate(const schedule_options& options, std::int64_t done) {
  if (!(options.learning_rate > 0) || !std::isfinite(options.learning_rate))
    throw std::domain_error("rto::learning_rate: 0 < learning_rate < infinity");
  if (!(options.lowest_share >= 0 && options.lowest_share <= 1))
    throw std::domain_error("rto::learning_rate: lowest_share in [0, 1]");
  if (options.warmup_steps < 0 || done < 0) throw std::domain_error("rto::learning_rate: steps >= 0");
  if (done < options.warmup_steps)
    return options.learning_rate * (static_cast<double>(done) / static_cast<double>(options.warmup_steps));
  const auto rest = static_cast<double>(std::max<std::int64_t>(1, options.steps - options.warmup_steps));
  const double share = std::min(1.0, static_cast<double>(done - options.warmup_steps) / rest);
  const double wave = 0.5 * (1 + std::cos(std::numbers::pi * share));
  switch (options.kind) {
    case schedule_kind::constant:
      return options.learning_rate;
    case schedule_kind::linear:
      return options.learning_rate * (1 - share);
    case schedule_kind::cosine:
      return options.learning_rate * wave;
    case schedule_kind::cosine_with_min_lr:
      return options.learning_rate * (options.lowest_share + (1 - options.lowest_share) * wave);
  }
  throw std::domain_error("rto::learning_rate: an unknown kind");
}

std::string to_string(schedule_kind kind) {
  switch (kind) {
    case schedule_kind::constant:
      return "constant";
    case schedule_kind::linear:
      return "linear";
    case schedule_kind::cosine:
      return "cosine";
    case schedule_kind::cosine_with_min_lr:
      return "cosine_with_min_lr";
  }
  return "unknown";
}

}  // namespace rto::llm
