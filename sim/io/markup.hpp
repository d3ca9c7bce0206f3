#pragma once
// Text inside HTML and SVG.
#include <string>

namespace rto::sim {

/// &, <, > and " as entities.
std::string escaped(const std::string& text);

}  // namespace rto::sim
