// `rto-sim solve --device`: the families of problem files on tensors.
#include <ATen/Context.h>

#include <iostream>
#include <set>
#include <string>

#include "sim/io/error.hpp"
#include "support/case_files.hpp"

using namespace rto;

TEST_CASE("every example problem is solved to its tolerance on tensors on the CPU") {
  test::check_case_files(sim::families_on("cpu"));
}

TEST_CASE(
    "every example problem is solved to its tolerance on tensors on a GPU, which is refused where there is none") {
  if (at::hasCUDA() && at::getNumGPUs() > 0) {
    test::check_case_files(sim::families_on("cuda"));
    return;
  }
  std::cout << "SKIPPED: problem files on CUDA: no GPU is visible" << std::endl;
  CHECK_THROWS_AS(sim::families_on("cuda"), sim::user_error);
}

TEST_CASE("a device is cpu or cuda") {
  CHECK_THROWS_WITH(sim::families_on("tpu"), "--device: expected cpu or cuda, found tpu");
}

TEST_CASE("all families but prop_32, which has no arrays, are computed on tensors") {
  const sim::family_table host = sim::families_on(""), tensors = sim::families_on("cpu");
  std::set<std::string> same;  // solvers on Eigen arrays are plain functions, the others know their tensors
  for (const auto& [name, solve] : tensors)
    if (solve.target_type() == host.at(name).target_type()) same.insert(name);
  CHECK(tensors.size() == host.size());
  CHECK(same == std::set<std::string>{"prop_32"});
}
