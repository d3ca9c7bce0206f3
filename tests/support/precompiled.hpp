#pragma once

// What nearly every test includes and takes seconds to parse.
#include <Eigen/Dense>

#include "support/catch.hpp"
