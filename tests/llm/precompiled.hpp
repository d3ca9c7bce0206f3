// What every test of rto-llm includes. LibTorch first: it has a macro CHECK of its own.
#pragma once

#include "../../backends/torch/llm/precompiled.hpp"  // "llm/precompiled.hpp" is this file
#include "support/catch.hpp"
