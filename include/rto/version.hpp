#pragma once

/// \file
/// The version of the library. This is its only place: CMakeLists.txt reads the three numbers from here.

#define RTO_VERSION_MAJOR 0
#define RTO_VERSION_MINOR 1
#define RTO_VERSION_PATCH 0

#include <compare>

namespace rto {

/// Semantic version (https://semver.org) of the headers a program was compiled with.
struct version_number {
  int major_number;
  int minor_number;
  int patch_number;

  friend constexpr auto operator<=>(const version_number&, const version_number&) = default;
};

/// The version of these headers, `{RTO_VERSION_MAJOR, RTO_VERSION_MINOR, RTO_VERSION_PATCH}`.
inline constexpr version_number version{RTO_VERSION_MAJOR, RTO_VERSION_MINOR, RTO_VERSION_PATCH};

}  // namespace rto
