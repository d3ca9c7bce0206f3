// The program of a user: the umbrella header, and one call whose value is known.
#include <cmath>
#include <cstdio>
#include <rto/rto.hpp>

int main() {
  // The margin is 0.5 (2 - 1) and the loss -log sigmoid(0.5).
  const double loss = rto::dpo_loss(2.0, 1.0, {.beta = 0.5});
  std::printf("rto %d.%d.%d: dpo_loss %.17g\n", rto::version.major_number, rto::version.minor_number,
              rto::version.patch_number, loss);
  return std::abs(loss - std::log1p(std::exp(-0.5))) < 1e-15 ? 0 : 1;
}
