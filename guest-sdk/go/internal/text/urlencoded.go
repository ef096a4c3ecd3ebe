package text

import (
	"iter"
	"strings"
)

// Pairs returns the names and values of application/x-www-form-urlencoded in their order, decoded.
// A name without an equals sign has an empty value.
func Pairs(encoded string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for pair := range strings.SplitSeq(encoded, "&") {
			if pair == "" {
				continue
			}
			name, value, _ := strings.Cut(pair, "=")
			if !yield(decode(name), decode(value)) {
				return
			}
		}
	}
}

// decode returns a text in which a plus sign stands for a space, and %XX for a byte. Any other
// percent sign stays as it is; bytes that are not UTF-8 become U+FFFD.
func decode(encoded string) string {
	if !strings.ContainsAny(encoded, "%+") {
		return Lossy(encoded)
	}
	decoded := make([]byte, 0, len(encoded))
	for at := 0; at < len(encoded); at++ {
		char := encoded[at]
		switch {
		case char == '+':
			char = ' '
		case char == '%' && at+2 < len(encoded):
			high, low := digit(encoded[at+1]), digit(encoded[at+2])
			if high >= 0 && low >= 0 {
				char = byte(high<<4 | low)
				at += 2
			}
		}
		decoded = append(decoded, char)
	}
	return Lossy(string(decoded))
}

// digit returns the value of a hexadecimal digit; -1 for any other character.
func digit(char byte) int {
	switch {
	case '0' <= char && char <= '9':
		return int(char - '0')
	case 'a' <= lower(char) && lower(char) <= 'f':
		return int(lower(char)-'a') + 10
	default:
		return -1
	}
}

// Encode returns a text as a name or a value for [Pairs]: all but letters, digits and -._~ as %XX.
func Encode(text string) string {
	const digits = "0123456789ABCDEF"
	encoded := make([]byte, 0, len(text))
	for at := range len(text) {
		char := text[at]
		if isUnreserved(char) {
			encoded = append(encoded, char)
		} else {
			encoded = append(encoded, '%', digits[char>>4], digits[char&15])
		}
	}
	return string(encoded)
}

// isUnreserved reports whether a character is written as it is in any part of a URL.
func isUnreserved(char byte) bool {
	return 'a' <= lower(char) && lower(char) <= 'z' || '0' <= char && char <= '9' ||
		strings.IndexByte("-._~", char) >= 0
}
