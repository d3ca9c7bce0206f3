// The program of a user: the umbrella header, an option aggregate of the standard library's kind, nothing of the tests.
#include <cstdio>
#include <rto/version.hpp>
#if __has_include(<rto/rto.hpp>)
#include <rto/rto.hpp>
#endif

int main() {
  std::printf("rto %d.%d.%d\n", rto::version.major_number, rto::version.minor_number, rto::version.patch_number);
  return rto::version == rto::version_number{RTO_VERSION_MAJOR, RTO_VERSION_MINOR, RTO_VERSION_PATCH} ? 0 : 1;
}
