#pragma once
// The replicates of Remark A.3: what approximate planners do on random instances.
#include "sim/engine/claim.hpp"

namespace rto::sim {

/// {"kind", "beta"}: soft policy iteration, one sweep for every layer of a random instance. Gap after each sweep.
json run_sweeps(const json& point, replicate_context& context);

/// {"kind", "beta", "share"}: policy iteration with eta beta = share until log(pi/pi*) is flat to 1e-6: the ratio of
/// the last two gaps, violations of monotony and of the recursion of spans, and the first gaps.
json run_rate(const json& point, replicate_context& context);

/// {"kind", "iterations"}: exponentiated gradient at beta = 0 with rewards in [0, 1]: average gap and its bound.
json run_regret(const json& point, replicate_context& context);

/// {"n", "share", "steps", ...}: Algorithm 1 with policy iteration cut short for its planning step: the terms of
/// Theorem 4.2 after 0, 1, .. steps.
json run_theorem(const json& point, replicate_context& context);

/// {"iterations", "batch", ...}: clipped PPO on a softmax table with advantages estimated from sampled answers, beside
/// policy iteration: gaps by iteration.
json run_clipped(const json& point, replicate_context& context);

}  // namespace rto::sim
