package dc09

import "unicode/utf8"

// Text reads bytes of a panel as UTF-8 when they are valid UTF-8, and as
// Windows-1252, which older editions allow, otherwise. The result is valid UTF-8.
func Text(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	out := make([]rune, len(b))
	for i, c := range b {
		out[i] = rune(c)
		if c >= 0x80 && c < 0xA0 {
			out[i] = windows1252[c-0x80]
		}
	}
	return string(out)
}

// windows1252 are the characters 0x80 to 0x9F; U+FFFD where it has none.
var windows1252 = [32]rune{
	'€', 0xFFFD, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', 0xFFFD, 'Ž', 0xFFFD,
	0xFFFD, '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', 0xFFFD, 'ž', 'Ÿ',
}
