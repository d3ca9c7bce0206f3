#pragma once
// Training runs and evaluations as a page.
#include <filesystem>
#include <string>
#include <vector>

namespace rto::llm {

/// One self-contained page: of every run the curves of its losses and accuracies and its last numbers, of every
/// evaluation its table. \param runs output folders of commands that train  \param evaluations --output of evaluate
/// \throws sim::user_error for a folder without metrics and a file that is no evaluation
std::string run_page(const std::string& title, const std::vector<std::filesystem::path>& runs,
                     const std::vector<std::filesystem::path>& evaluations);

}  // namespace rto::llm
