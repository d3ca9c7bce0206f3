#pragma once
// One replicate of each kind of run of claim prop-3.2.
#include "sim/engine/claim.hpp"

namespace rto::sim::proposition_32 {

/// The replicate of a point, by its field `kind`:
/// canonical  A, H, k, orders, sentence_limit: all learners on one canonical instance; T2 (and S2) in `orders` orders
/// needle     A, H, epsilon: T1 at tau = p*, the printed bound at its own xi*
/// sweep      A, H, k: T1, T2, T3 once, for the slopes in A and in k
/// random     A, H, sharpness, surplus: all learners on a random tree at xi = xi* + surplus
/// entropy    A, H, ratio, step_limit: a tree of constant entropy per token at tau = p*
/// noisy      A, H, sigma, delta, sentence_limit: T1 and S1 on means of noisy rewards of a needle
/// duels      A, H, delta, sentence_limit: knock-outs on a needle
/// odds       A, H, k, duels: sibling log-odds against tau on a canonical instance
/// shaped     A, H, sharpness, deviation: T1 where the reward is shaped but the preferences are the same
/// (mathematics.md 11.4)
json replicate(const json& point, replicate_context& context);

}  // namespace rto::sim::proposition_32
