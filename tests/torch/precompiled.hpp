// What every test of the back end includes; LibTorch's headers alone take seconds and most of a gigabyte to parse.
#pragma once

#include <Eigen/Dense>

#include <rto/rto.hpp>
#include <rto/torch/array.hpp>

#include "support/catch.hpp"
#include "torch/conformance.hpp"
