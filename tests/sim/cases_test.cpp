#include "support/case_files.hpp"

TEST_CASE("every example problem is solved to its tolerance") {
  rto::test::check_case_files(rto::sim::families_on(""));
}
