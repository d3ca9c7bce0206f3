#pragma once
#include <string>

#include "sim/io/error.hpp"
#include "support/catch.hpp"

namespace rto::llm::test {

/// The one line that a user is told, or "none".
template <class F> std::string complaint(const F& f) {
  try {
    f();
  } catch (const sim::user_error& e) {
    CHECK(std::string(e.what()).find('\n') == std::string::npos);
    return e.what();
  }
  return "none";
}

}  // namespace rto::llm::test
