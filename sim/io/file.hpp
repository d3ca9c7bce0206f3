#pragma once
// Whole files in and out: nothing half-written is ever left behind.
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace rto::sim {

/// The bytes of a file; a gzip file is unpacked. \throws user_error (missing, a folder, unreadable, a gzip stream that
/// is cut)
std::string read_file(const std::filesystem::path& file);

/// Writes aside (same folder) and renames, so that `file` holds either its old content or all of the new one.
/// \throws user_error naming the file and the system's reason (no space left, permission denied, ...)
void write_file(const std::filesystem::path& file, std::string_view content);

/// Creates the folder and its parents. \throws user_error
void make_folder(const std::filesystem::path& folder);

/// A 64-bit digest (FNV-1a) of bytes: a key for settings and file contents, not for security.
std::uint64_t digest(std::string_view bytes, std::uint64_t start = 0xcbf29ce484222325ULL);
/// The same as 16 hexadecimal digits.
std::string hexadecimal(std::uint64_t value);

}  // namespace rto::sim
