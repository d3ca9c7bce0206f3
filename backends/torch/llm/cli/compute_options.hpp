#pragma once
// Where tensors are and how many threads compute them: the options that every command with a model shares.
#include <ATen/core/Tensor.h>

#include <CLI/CLI.hpp>
#include <string>

namespace rto::llm {

struct compute_arguments {
  std::string device = "cpu";
  int threads = 0;  // 0: as many as LibTorch takes by itself

  /// Adds --device and --threads; `this` must outlive the parsing.
  void declare_compute(CLI::App& app, const std::string& group = "Options");
  /// Sets the threads. \returns the device \throws sim::user_error for one that this machine or this build has not
  at::Device prepare_device() const;
};

}  // namespace rto::llm
