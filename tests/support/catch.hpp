#pragma once

/// \file
/// Catch2 by one name: version 2 (Debian 12, Ubuntu 22.04) has one header, version 3 (later) has many.
/// In both, `Approx` and `ContainsSubstring` are had from `rto::test`.

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
namespace rto::test {
using Catch::Approx;
using Catch::Matchers::ContainsSubstring;
}  // namespace rto::test
using Catch::Approx;  // version 2 has it in the global namespace
#else
#include <catch2/catch.hpp>
namespace rto::test {
using ::Approx;
inline auto ContainsSubstring(const std::string& text) { return Catch::Matchers::Contains(text); }
}  // namespace rto::test
namespace Catch::Matchers {
using rto::test::ContainsSubstring;  // version 3's name
}  // namespace Catch::Matchers
#endif
