#pragma once
// The alphabet of byte-level BPE: every byte as one printable character.
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rto::llm {

/// The code point that stands for each byte: itself where it is printable Latin-1 (33-126, 161-172, 174-255), otherwise
/// the next free one from U+0100 on, in the order of the bytes. \source Radford et al. 2019 (GPT-2), its encoder
const std::array<char32_t, 256>& byte_alphabet();

/// The byte that a character of the alphabet stands for; none for other characters.
std::optional<std::uint8_t> byte_of(char32_t character);

/// Bytes as a text of the alphabet (UTF-8).
std::string spell_bytes(std::string_view bytes);

}  // namespace rto::llm
