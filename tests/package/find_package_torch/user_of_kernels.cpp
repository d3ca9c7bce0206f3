// Refers to the CUDA kernels of the installed package by name.
#include <cstdio>
#include <rto/torch/array.hpp>

int main() {
  std::printf("%p %p\n", reinterpret_cast<void*>(&rto::detail::linear_recurrence_cuda),
              reinterpret_cast<void*>(&rto::detail::token_statistics_cuda));
}
