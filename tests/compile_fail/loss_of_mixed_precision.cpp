// expect: 'rto::GoesWith<.*evaluated to false|satisfaction of 'GoesWith<|because 'GoesWith<
#include <rto/array/eigen.hpp>
#include <rto/loss/dpo_loss.hpp>

int main() {
  const rto::eigen_array<double> policy(2, 1);
  const rto::eigen_array<float> reference(2, 1);
  return static_cast<int>(rto::dpo_loss(policy, reference).sum());
}
