// An input of the layer check, never compiled: `array` knows no MDP.
#pragma once

#include <vector>

#include <rto/mdp/token_mdp.hpp>
