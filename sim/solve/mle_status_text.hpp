#pragma once
// How problem files spell where the maximum of a likelihood lies.
#include <string>

#include <rto/reward/reward_estimate.hpp>

namespace rto::sim {

inline std::string mle_status_text(mle_status status) {
  switch (status) {
    case mle_status::interior:
      return "interior";
    case mle_status::boundary:
      return "boundary";
    case mle_status::not_attained:
      return "not_attained";
  }
  return "";
}

}  // namespace rto::sim
