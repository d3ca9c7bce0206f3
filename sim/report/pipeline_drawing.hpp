#pragma once
// Figure 1: the pipeline, from prompts to a policy, with its two branches.
#include <string>

namespace rto::sim {

/// The drawing as one <svg> element. \param id prefix of its ids
std::string pipeline_drawing(const std::string& id);

}  // namespace rto::sim
