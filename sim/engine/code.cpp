#include "sim/engine/code.hpp"

#include <fmt/format.h>
#include <oneapi/tbb/version.h>

#include <Eigen/Core>
#include <boost/version.hpp>

#include "rto/version.hpp"
#include "sim/io/file.hpp"
#if __has_include("rto_commit.hpp")
#include "rto_commit.hpp"  // written by the build
#endif

namespace rto::sim {

std::string version() { return fmt::format("{}.{}.{}", RTO_VERSION_MAJOR, RTO_VERSION_MINOR, RTO_VERSION_PATCH); }

std::string commit() {
#ifdef RTO_COMMIT
  return RTO_COMMIT;
#else
  return "unknown";
#endif
}

std::string built_with() {
#ifdef __clang__
  const std::string compiler = fmt::format("clang {}.{}.{}", __clang_major__, __clang_minor__, __clang_patchlevel__);
#else
  const std::string compiler = fmt::format("g++ {}.{}.{}", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#endif
  return fmt::format("{}, Eigen {}.{}.{}, Boost {}.{}.{}, oneTBB {}.{}.{}", compiler, EIGEN_WORLD_VERSION,
                     EIGEN_MAJOR_VERSION, EIGEN_MINOR_VERSION, BOOST_VERSION / 100000, BOOST_VERSION / 100 % 1000,
                     BOOST_VERSION % 100, TBB_VERSION_MAJOR, TBB_VERSION_MINOR, TBB_VERSION_PATCH);
}

const std::string& code_key() {
  static const std::string key = hexadecimal(digest(read_file("/proc/self/exe")));
  return key;
}

}  // namespace rto::sim
