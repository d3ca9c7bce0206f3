#pragma once
// One replicate, computed: the same wherever and whenever it is.
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "sim/engine/claim.hpp"
#include "sim/engine/store.hpp"

namespace rto::sim {

/// What all replicates of a run share.
struct replicate_setting {
  std::uint64_t seed = 1;
  std::optional<std::filesystem::path> data{};
};

/// Computes replicate number `replicate` of a point. `seconds` of the result is time of this thread's processor, so
/// that it does not depend on what else the machine does.
/// \param text the point as `point.dump()` gives it  \throws user_error naming claim, replicate and point; interruption
kept_replicate compute_replicate(const claim& what, const json& point, const std::string& text, std::int64_t replicate,
                                 const replicate_setting& setting);

}  // namespace rto::sim
