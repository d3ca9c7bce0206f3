// A complete tree given by the masses of its leaves: for small instances written down in full.
#pragma once

#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <rto/exploration/token_log_probability_model.hpp>

namespace rto {

/// pi*(a | s) = mass(s, a) / mass(s), the mass of a node being the sum of the leaves below it. Below a node of mass
/// zero the policy is uniform. \cost memory and construction O(A^H)
class leaf_mass_tree {
 public:
  struct state_type {
    std::int32_t depth;
    std::int64_t index;  // of the prefix among those of its depth, lexicographic
  };

  /// \param leaf_masses [A^H] finite, >= 0, not all zero, any scale; lexicographic in the response
  /// \throws std::invalid_argument wrong length  \throws std::domain_error a mass out of its domain
  leaf_mass_tree(int actions, int horizon, std::vector<double> leaf_masses) : actions_(actions), horizon_(horizon) {
    if (actions < 1 || horizon < 1)
      throw std::domain_error("rto::leaf_mass_tree: A >= 1 and H >= 1, got A = " + std::to_string(actions) +
                              ", H = " + std::to_string(horizon));
    std::size_t leaves = 1;
    for (int h = 0; h < horizon && leaves <= leaf_masses.size(); ++h) leaves *= static_cast<std::size_t>(actions);
    if (leaves != leaf_masses.size())
      throw std::invalid_argument("rto::leaf_mass_tree: A^H leaf masses, got " + std::to_string(leaf_masses.size()) +
                                  " with A = " + std::to_string(actions) + ", H = " + std::to_string(horizon));
    for (const double mass : leaf_masses)
      if (!(mass >= 0) || std::isinf(mass))
        throw std::domain_error("rto::leaf_mass_tree: finite leaf masses >= 0, got " + std::to_string(mass));
    masses_.assign(static_cast<std::size_t>(horizon) + 1, {});
    masses_.back() = std::move(leaf_masses);
    for (auto h = static_cast<std::size_t>(horizon); h-- > 0;) {
      masses_[h].assign(masses_[h + 1].size() / static_cast<std::size_t>(actions), 0.0);
      for (std::size_t i = 0; i < masses_[h + 1].size(); ++i)
        masses_[h][i / static_cast<std::size_t>(actions)] += masses_[h + 1][i];
    }
    if (!(masses_[0][0] > 0) || std::isinf(masses_[0][0]))
      throw std::domain_error("rto::leaf_mass_tree: a positive finite total mass, got " +
                              std::to_string(masses_[0][0]));
  }

  int action_count() const { return actions_; }
  int horizon() const { return horizon_; }
  state_type initial_state() const { return {0, 0}; }
  state_type append(const state_type& state, int token) const {
    return {state.depth + 1, state.index * actions_ + token};
  }
  double log_probability(const state_type& state, int token) const {
    const double whole = mass(state);
    if (!(whole > 0)) return -std::log(static_cast<double>(actions_));
    return std::log(mass(append(state, token)) / whole);
  }

  /// The mass below a node, in the unit of the leaf masses.
  double mass(const state_type& state) const {
    return masses_[static_cast<std::size_t>(state.depth)][static_cast<std::size_t>(state.index)];
  }
  /// Masses of all nodes of a depth, lexicographic: [A^depth].
  const std::vector<double>& masses(int depth) const { return masses_[static_cast<std::size_t>(depth)]; }

 private:
  int actions_;
  int horizon_;
  std::vector<std::vector<double>> masses_;
};

}  // namespace rto
