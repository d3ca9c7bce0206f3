// Transformers on a token tree that planning solves exactly.
#include "support/catch.hpp"
#include "tiny_world.hpp"

using namespace rto::llm;
using rto::llm::test::tiny_world;

TEST_CASE("a model's policy on a tree is what generation draws from and scoring says") {
  const tiny_world world(4);
  const language_model model = language_model::initialize(test::tiny_config(0.5), 3);
  const at::Tensor policy = world.policy(model);
  CHECK(policy.size(0) == world.tree.states());
  CHECK((policy.exp().sum(1) - 1).abs().max().item<double>() < 1e-12);
  // Every state by its own text.
  const auto check_state = [&](std::int64_t state, const token_ids& text) {
    const at::NoGradGuard no_gradients;
    const at::Tensor hidden = model.hidden_states(make_packed_rows(text));
    const at::Tensor want = at::log_softmax(model.logits(hidden)[-1], 0);
    CHECK((policy[state] - want).abs().max().item<double>() < 1e-5);
  };
  check_state(world.tree.roots()[1], world.prompts[1]);
  const std::int64_t one = world.tree.child(world.tree.roots()[0], 3), two = world.tree.child(one, 2);
  check_state(one, {0, 1, 3});
  check_state(two, {0, 1, 3, 2});
  check_state(world.tree.child(two, 4), {0, 1, 3, 2, 4});
}
