#pragma once
// Finished replicates on disk: one line of JSON each, appended at once, so that a kill loses at most those in flight.
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "sim/io/json.hpp"

namespace rto::sim {

struct kept_replicate {
  json outcome;
  double seconds = 0;
};

/// Holds the results folder for one program at a time. \throws user_error when another one has it.
class folder_lock {
 public:
  explicit folder_lock(const std::filesystem::path& folder);
  folder_lock(const folder_lock&) = delete;
  folder_lock& operator=(const folder_lock&) = delete;
  ~folder_lock();

 private:
  int descriptor_ = -1;
};

/// The replicates of one claim under one program and one seed: FOLDER/replicates/<code>/<claim>.jsonl. The file has a
/// line
/// `{"cell": K, "point": {..}}` for every point and a line `{"cell": K, "seed": S, "replicate": i, "seconds": t,
/// "outcome": {..}}` for every replicate. A last line that a kill has cut is dropped.
class replicate_store {
 public:
  enum class access { append, read_only };  // read_only: `add` is not to be called, and nothing is created

  /// \param revision of the claim: replicates of another one are not used
  replicate_store(const std::filesystem::path& folder, const std::string& claim, int revision, std::uint64_t seed,
                  access mode = access::append);
  replicate_store(const replicate_store&) = delete;
  replicate_store& operator=(const replicate_store&) = delete;
  ~replicate_store();

  /// The replicate if it is kept. \param point canonical text
  std::optional<kept_replicate> find(const std::string& point, std::int64_t replicate) const;

  /// Keeps a replicate; safe from several threads. \throws user_error when the disk is full or the like; the file is
  /// then as before.
  void add(const std::string& point, std::int64_t replicate, const kept_replicate& kept);

 private:
  std::string key(const std::string& point) const;
  void append(const std::string& lines);

  std::filesystem::path file_;
  int revision_;
  std::uint64_t seed_;
  int descriptor_ = -1;
  mutable std::mutex mutex_;
  std::set<std::string> cells_;
  std::map<std::pair<std::string, std::int64_t>, kept_replicate> kept_;
};

}  // namespace rto::sim
