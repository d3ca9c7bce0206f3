#include <rto/version.hpp>

#include "support/catch.hpp"

TEST_CASE("the version constant is made of the version macros") {
  CHECK(rto::version == rto::version_number{RTO_VERSION_MAJOR, RTO_VERSION_MINOR, RTO_VERSION_PATCH});
}

TEST_CASE("versions are ordered as semantic versions are") {
  using rto::version_number;
  CHECK(version_number{0, 1, 9} < version_number{0, 2, 0});
  CHECK(version_number{0, 10, 0} > version_number{0, 9, 9});
  CHECK(version_number{1, 0, 0} > version_number{0, 99, 99});
}
