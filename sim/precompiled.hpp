#pragma once

// What nearly every file of the simulator includes and takes seconds to parse. Every file still includes what it uses.
#include <fmt/format.h>

#include <Eigen/Dense>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>
