#include "sim/engine/transport.hpp"

#include <algorithm>
#include <cstdlib>
#include <initializer_list>

#include "sim/io/error.hpp"

#ifdef RTO_WITH_MPI
#include <fmt/format.h>
#include <mpi.h>

#include <limits>
#include <list>
#endif

namespace rto::sim {
namespace {

bool any_set(std::initializer_list<const char*> names) {
  return std::any_of(names.begin(), names.end(), [](const char* name) { return std::getenv(name) != nullptr; });
}

}  // namespace

#ifdef RTO_WITH_MPI

namespace {

class mpi_transport final : public transport {
 public:
  mpi_transport() {
    int provided = MPI_THREAD_SINGLE;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &size_);
    if (provided < MPI_THREAD_SERIALIZED && size_ > 1) {
      MPI_Finalize();
      throw user_error("this MPI cannot be called from more than one thread (MPI_THREAD_SERIALIZED)");
    }
  }
  ~mpi_transport() override {
    for (outgoing& message : outgoing_) MPI_Wait(&message.request, MPI_STATUS_IGNORE);
    MPI_Finalize();
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  void send(int to, std::string text) override {
    if (text.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()))
      throw user_error(fmt::format("a message of {} bytes to process {}: at most 2 GiB go at once", text.size(), to));
    outgoing& message = outgoing_.emplace_back();
    message.text = std::move(text);
    MPI_Isend(message.text.data(), static_cast<int>(message.text.size()), MPI_CHAR, to, 0, MPI_COMM_WORLD,
              &message.request);
  }

  std::optional<envelope> receive() override {
    outgoing_.remove_if([](outgoing& message) {
      int sent = 0;
      MPI_Test(&message.request, &sent, MPI_STATUS_IGNORE);
      return sent != 0;
    });
    int found = 0;
    MPI_Message message{};
    MPI_Status status{};
    MPI_Improbe(MPI_ANY_SOURCE, 0, MPI_COMM_WORLD, &found, &message, &status);
    if (found == 0) return std::nullopt;
    int bytes = 0;
    MPI_Get_count(&status, MPI_CHAR, &bytes);
    envelope arrived{status.MPI_SOURCE, std::string(static_cast<std::size_t>(bytes), '\0')};
    MPI_Mrecv(arrived.text.data(), bytes, MPI_CHAR, &message, MPI_STATUS_IGNORE);
    return arrived;
  }

 private:
  struct outgoing {
    std::string text{};
    MPI_Request request = MPI_REQUEST_NULL;
  };
  int rank_ = 0, size_ = 1;
  std::list<outgoing> outgoing_;  // until they are sent
};

}  // namespace

std::unique_ptr<transport> join_processes() {
  // Alone, MPI would only cost its start-up. These are what Open MPI, MPICH, Intel MPI, MVAPICH and srun set.
  if (!any_set({"OMPI_COMM_WORLD_SIZE", "PMI_RANK", "PMI_SIZE", "PMIX_RANK", "MV2_COMM_WORLD_SIZE"})) return nullptr;
  return std::make_unique<mpi_transport>();
}

#else

std::unique_ptr<transport> join_processes() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE"}) {
    if (any_set({name}) && std::atoi(std::getenv(name)) > 1)
      throw user_error(
          "started as several processes, but built without MPI; configure with -DRTO_WITH_MPI=ON "
          "(scripts/setup --mpi && scripts/build mpi rto-sim)");
  }
  return nullptr;
}

#endif

}  // namespace rto::sim
