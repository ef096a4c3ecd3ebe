// Package text reads what clients send as the SDKs of all languages read it, so that a form, a
// cookie or a session means the same to each of them.
package text

import (
	"strings"
	"unicode/utf8"
)

// TrimSpace returns a text without the spaces of ASCII around it. Those of Unicode stay.
func TrimSpace(text string) string {
	return strings.Trim(text, " \t\n\f\r")
}

// EqualFold reports whether two texts differ in nothing but the case of ASCII's letters.
// [strings.EqualFold] takes the Kelvin sign for a k as well, which other readers do not.
func EqualFold(one, other string) bool {
	if len(one) != len(other) {
		return false
	}
	for at := range len(one) {
		if lower(one[at]) != lower(other[at]) {
			return false
		}
	}
	return true
}

func lower(char byte) byte {
	if 'A' <= char && char <= 'Z' {
		return char + ('a' - 'A')
	}
	return char
}

// Lossy returns a text in UTF-8: U+FFFD stands for each longest part of a character that is cut,
// and for each byte that begins none, as in the Encoding Standard. [strings.ToValidUTF8] has one
// for all that follow each other.
func Lossy(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	var valid strings.Builder
	for text != "" {
		char, size := utf8.DecodeRuneInString(text)
		if char == utf8.RuneError && size == 1 {
			size = cut(text)
		}
		valid.WriteRune(char)
		text = text[size:]
	}
	return valid.String()
}

// cut returns how many bytes at the beginning of a text would be a character if others followed; 1
// if there is no such character.
func cut(text string) int {
	size := 1
	for !utf8.FullRuneInString(text[:size]) && size < len(text) && !utf8.FullRuneInString(text[:size+1]) {
		size++
	}
	return size
}
