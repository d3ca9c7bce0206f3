#pragma once
// The learning rate of a step.
#include <cstdint>
#include <string>

namespace rto::llm {

/// After the warm-up, with p = the share of the remaining steps that are done:
enum class schedule_kind {
  constant,           ///< 1
  linear,             ///< 1 - p
  cosine,             ///< (1 + cos(pi p)) / 2
  cosine_with_min_lr  ///< m + (1 - m) (1 + cos(pi p)) / 2, m the lowest share
};

struct schedule_options {
  schedule_kind kind = schedule_kind::linear;
  double learning_rate = 1e-6;    ///< the highest, > 0
  std::int64_t steps = 0;         ///< optimiser steps of the whole run
  std::int64_t warmup_steps = 0;  ///< over which the rate rises linearly from 0
  double lowest_share = 0.1;      ///< m, in [0, 1]; for cosine_with_min_lr
};

/// The rate of the step after `done` steps. The first of a warm-up is 0, the first after it the highest.
/// \source `get_scheduler` of transformers: the same numbers
/// \throws std::domain_error where an option is out of its domain
double learning_rate(const schedule_options& options, std::int64_t done);

std::string to_string(schedule_kind kind);

}  // namespace rto::llm
