#pragma once
// The one place where processes of a run talk to each other: messages between ranks, by MPI where it is built in.
#include <memory>
#include <optional>
#include <string>

namespace rto::sim {

struct envelope {
  int from = 0;
  std::string text{};
};

/// Several processes of this program, numbered from 0. Messages from one rank to another arrive in their order. To be
/// used by one thread at a time.
class transport {
 public:
  transport() = default;
  transport(const transport&) = delete;
  transport& operator=(const transport&) = delete;
  virtual ~transport() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;
  /// Returns at once; the message arrives while the receiver and the sender go on calling `receive`.
  virtual void send(int to, std::string text) = 0;
  /// The next message if one has arrived. Does not wait.
  virtual std::optional<envelope> receive() = 0;
};

/// The processes that `mpirun -n N` (or another launcher: srun, mpiexec) started together with this one; null when it
/// was started alone. To be called once, and destroyed before the program ends.
/// \throws user_error when a launcher started several and the program was built without MPI
std::unique_ptr<transport> join_processes();

}  // namespace rto::sim
