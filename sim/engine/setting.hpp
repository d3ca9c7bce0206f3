#pragma once
// The settings of a claim: a schema with typed defaults for three sizes of run, and the values in force.
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "sim/io/json.hpp"

namespace rto::sim {

/// How large a run is: seconds, at most two minutes for all claims on two cores, or the sizes for a paper.
enum class level { quick, standard, full };

/// One value per size of run.
template <class T> struct per_level { T quick, standard, full; };

struct bounds {
  double minimum = -std::numeric_limits<double>::infinity();
  double maximum = std::numeric_limits<double>::infinity();
};

enum class setting_type { integer, real, text, flag };

/// One setting of a claim. Made by the functions below.
struct setting {
  std::string key;
  std::string doc;  // one sentence, with the unit
  setting_type type = setting_type::integer;
  bool list = false;
  bounds range;                      // of every entry; NaN is never accepted
  std::vector<std::string> choices;  // of a text; empty = any
  json quick, standard, full;
};

// A setting with one value: `integer("replicates", "random instances per point", {10, 100, 1000}, {1})`.
setting integer(std::string key, std::string doc, per_level<std::int64_t> values, bounds range = {});
setting real(std::string key, std::string doc, per_level<double> values, bounds range = {});
setting text(std::string key, std::string doc, std::string value, std::vector<std::string> choices = {});
setting flag(std::string key, std::string doc, bool value);
// A setting with a list of values: a grid. On the command line `A=2,3,8`, `H=1:9:2`.
setting integers(std::string key, std::string doc, per_level<std::vector<std::int64_t>> values, bounds range = {});
setting reals(std::string key, std::string doc, per_level<std::vector<double>> values, bounds range = {});
setting texts(std::string key, std::string doc, per_level<std::vector<std::string>> values,
              std::vector<std::string> choices = {});

using settings_schema = std::vector<setting>;

/// The values in force for one claim.
class settings {
 public:
  settings(std::string claim, const settings_schema& schema, level size);

  // Values by key. \throws std::logic_error for a key or a type that the schema does not have (a mistake in the claim's
  // own code).
  std::int64_t integer(const std::string& key) const;
  double real(const std::string& key) const;
  const std::string& text(const std::string& key) const;
  bool flag(const std::string& key) const;
  std::vector<std::int64_t> integers(const std::string& key) const;
  std::vector<double> reals(const std::string& key) const;
  std::vector<std::string> texts(const std::string& key) const;

  /// Sets a value from the command line's text (`2,3,8`, `1:9:2`, `0.5`, `inf`). \throws user_error
  void set_text(const std::string& key, const std::string& value);
  /// Sets a value from a settings file; a list's entry may be a range text. \throws user_error
  void set_json(const std::string& key, const json& value, const std::string& place);

  bool has(const std::string& key) const;
  const settings_schema& schema() const { return *schema_; }
  level size() const { return size_; }
  /// All values as one JSON object, keys in the schema's order.
  ordered_json values() const;

 private:
  const setting& find(const std::string& key) const;
  const json& value(const std::string& key, setting_type type, bool list) const;

  std::string claim_;
  const settings_schema* schema_;
  level size_;
  std::vector<json> values_;  // in the schema's order
};

/// `an integer >= 1`, `a list of numbers in [0, 1]`, `one of "a", "b"`: what a setting accepts, for messages and
/// `show`.
std::string accepts(const setting& s);

}  // namespace rto::sim
