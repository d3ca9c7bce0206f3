// An input of the layer check, never compiled: what a library header may not include, in each of the ways it is tried.
#pragma once

#include <fmt/core.h>
#include <torch/torch.h>

#include <iostream>
#include <rto/rto.hpp>

#include "../array/too_early.hpp"
