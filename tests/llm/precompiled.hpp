// What every test of rto-llm includes.
#pragma once

#include "llm/precompiled.hpp"
#include "support/catch.hpp"
