#pragma once
// The replicates of the experiment on rewards that are not linear in features.
#include "sim/engine/claim.hpp"

namespace rto::sim {

/// {"A", "H", "inputs", "units", "beta", "margin", "delta", "coverage", "candidates", "n"}: a random token tree whose
/// true reward is a tanh network of features of the tokens, and a finite class of such networks that contains it. Lists
/// over n: membership of the truth and size of the likelihood set, SubOpt of the most likely candidate, of pessimism on
/// the value and of pointwise pessimism, their bounds, and by how much SubOpt exceeds them.
json run_finite_class(const json& point, replicate_context& context);

/// {.., "lambda", "starts", "n"}: the same world, the reward fitted as a network (well specified), as a linear function
/// of the same features (misspecified) and as a table (well specified, many parameters). Lists over n: SubOpt of the
/// plug-in policies and of Algorithm 1 with the linearised network, whether the confidence sets contain the truth, what
/// the optimiser did, and how it would have been at the maximum near the truth.
json run_network(const json& point, replicate_context& context);

}  // namespace rto::sim
