#pragma once

// What nearly every file of rto-llm includes and takes seconds to parse. Every file still includes what it uses.
#include <fmt/format.h>
#include <torch/torch.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include <rto/torch/array.hpp>
