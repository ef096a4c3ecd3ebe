package text

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestOnlyLettersOfASCIIHaveACase(t *testing.T) {
	for _, other := range []string{"form-data", "FORM-Data"} {
		if !EqualFold("form-data", other) {
			t.Error(other)
		}
	}
	for one, other := range map[string]string{
		"k": "\u212a", "s": "\u017f", "a": "ab", "[": "{", "@": "`", "\xc3": "\xe3", "ä": "Ä",
	} {
		if EqualFold(one, other) {
			t.Errorf("%q is %q", one, other)
		}
	}
}

// The numbers are those of the Encoding Standard, and of String::from_utf8_lossy in Rust.
func TestEachPartOfACharacterThatIsCutIsReplaced(t *testing.T) {
	for sent, want := range map[string]string{
		"grün":             "grün",
		"\xff\xfe":         "??",
		"\xe2\x82":         "?",
		"\xe2\x82a":        "?a",
		"\xe2a\x82":        "?a?",
		"\xf0\x9f\x98":     "?",
		"\xf0\x9f\x98\xff": "??",
		"\xf0\x80\x80\x80": "????",
		"\xed\xa0\x80":     "???",
		"\xc0\xaf":         "??",
		"\xf4\x90\x80\x80": "????",
		"\xe2\x82\xe2\x82": "??",
		"\xf0\x9f😀":        "?😀",
		"a\uFFFDb\xc3":     "a\uFFFDb?",
	} {
		if got := Lossy(sent); got != strings.ReplaceAll(want, "?", "\uFFFD") {
			t.Errorf("%q: %q, want %q", sent, got, want)
		}
	}
}

func TestNamesAndValuesAreDecodedOnce(t *testing.T) {
	for sent, want := range map[string]string{
		"a+b%20c": "a b c", "%2541": "%41", "gr%C3%BC%c3%9f": "grüß", "100%": "100%", "%4": "%4",
		"%zz%+1%41": "%zz% 1A", "%%41": "%A", "%ff": "\uFFFD", "%e2%82%": "\uFFFD%", "": "",
	} {
		if got := decode(sent); got != want {
			t.Errorf("%q: %q, want %q", sent, got, want)
		}
	}
	if got := Encode("a b&c=ü+%"); got != "a%20b%26c%3D%C3%BC%2B%25" {
		t.Error(got)
	}
}

func TestPairsCanBeLeft(t *testing.T) {
	for name := range Pairs("&&a&b") {
		if name != "a" {
			t.Error("it goes on")
		}
		break
	}
}

// FuzzPairs looks for texts that are not read as they were written, and for results that are not
// UTF-8 or larger than what was sent.
func FuzzPairs(f *testing.F) {
	f.Add("a=1&b=x+y%26z&a=2&empty&gr%C3%BC=%e2%82%ac&%zz%", "a b", "c&d=ü+%\x00")
	f.Fuzz(func(t *testing.T, sent, name, value string) {
		for name, value := range Pairs(sent) {
			// A byte that is not UTF-8 becomes three.
			if !utf8.ValidString(name) || !utf8.ValidString(value) || len(name)+len(value) > 3*len(sent) {
				t.Errorf("%q=%q", name, value)
			}
		}
		count := 0
		for found, read := range Pairs("&" + Encode(name) + "=" + Encode(value) + "&&") {
			count++
			if found != Lossy(name) || read != Lossy(value) {
				t.Errorf("%q=%q", found, read)
			}
		}
		if count != 1 {
			t.Errorf("%d pairs", count)
		}
	})
}
