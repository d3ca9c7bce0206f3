#pragma once
// The parts of the claim eq-4.3-4.6: each is one kind of replicate on instances of its own.
#include <string>

#include "sim/engine/claim.hpp"

namespace rto::sim {

/// (4.3) - (4.5): implicit reward and martingale term. point: kind, beta
json replicate_identity(const json& point, stream& rng);
/// What DPO estimates where outcomes of an action are random. point: spread (of the outcomes' rewards)
json replicate_lottery(const json& point, stream& rng);
/// Shaping by a random potential. point: kind, coefficient
json replicate_shaping(const json& point, stream& rng);
/// The optimum of (4.6), and the token-wise product of experts. point: tree (random, separable, one token), ratio
json replicate_temperature(const json& point, stream& rng);
/// RTO, Semi-RTO and DPPO with exact and with crude critics. point: lambda
json replicate_objective(const json& point, stream& rng);
/// The optimum of the clipped implicit reward. point: clip (nats)
json replicate_clip(const json& point, stream& rng);
/// DPO against maximum likelihood in nested classes. point: features (0: one for every edge)
json replicate_equivalence(const json& point, stream& rng);

/// Checks, figures and notes.
conclusion conclude_dpo_token_mdp(const settings& s, const outcomes& results);

}  // namespace rto::sim
