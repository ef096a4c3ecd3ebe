package snow

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"testing"
	"time"
)

// vectors are the cases that the SDKs of all languages take from one file. The decoder refuses a
// kind of case, and whatever in a case, that is not named here.
type vectors struct {
	// The packages signed and session have tests of these.
	Signed, Sessions json.RawMessage

	Forms   []formCase
	Cookies struct {
		Read []readCase
		Set  []setCase
	}
	Accepts []acceptsCase
}

type readCase struct {
	Fields  []string
	Cookies [][2]string
}

type setCase struct {
	Name, Value string
	Path        *string
	Domain      *string
	MaxAge      *int64 `json:"max_age"`
	Secure      bool
	HTTPOnly    bool   `json:"http_only"`
	SameSite    string `json:"same_site"`
	Field, Why  string
}

type acceptsCase struct {
	Fields, Offered []string
	Best            string
}

func readVectors(t *testing.T) vectors {
	t.Helper()
	file, err := os.ReadFile("../tests/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(file))
	decoder.DisallowUnknownFields()
	var cases vectors
	if err := decoder.Decode(&cases); err != nil {
		t.Fatal(err)
	}
	if len(cases.Forms) == 0 || len(cases.Cookies.Read) == 0 || len(cases.Cookies.Set) == 0 ||
		len(cases.Accepts) == 0 {
		t.Fatal("a kind of case is gone")
	}
	return cases
}

// withFields returns a request with these header fields.
func withFields(name string, values ...string) *Request {
	request := &Request{}
	for _, value := range values {
		request.Headers = append(request.Headers, Field{name, value})
	}
	return request
}

func TestCookiesAreReadAsInAllLanguages(t *testing.T) {
	for _, test := range readVectors(t).Cookies.Read {
		found := [][2]string{}
		for name, value := range withFields("cookie", test.Fields...).Cookies() {
			found = append(found, [2]string{name, value})
		}
		if !reflect.DeepEqual(found, test.Cookies) {
			t.Errorf("%q: %q, want %q", test.Fields, found, test.Cookies)
		}
	}
}

func TestCookiesAreSetAsInAllLanguages(t *testing.T) {
	sites := map[string]SameSite{
		"": SameSiteUnset, "strict": SameSiteStrict, "lax": SameSiteLax, "none": SameSiteNone,
	}
	for _, test := range readVectors(t).Cookies.Set {
		cookie := Cookie{
			Name: test.Name, Value: test.Value, Secure: test.Secure, HTTPOnly: test.HTTPOnly,
		}
		site, ok := sites[test.SameSite]
		if !ok {
			t.Errorf("there is no SameSite %q", test.SameSite)
		}
		cookie.SameSite = site
		if test.MaxAge != nil {
			cookie.MaxAge = time.Duration(*test.MaxAge) * time.Second
			if *test.MaxAge == 0 {
				cookie.MaxAge = -1
			}
		}
		if test.Domain != nil {
			cookie.Domain = *test.Domain
		}
		if test.Path != nil {
			cookie.Path = *test.Path
		}
		// In Go an empty text is none, so these two can't be said; what looks at them refuses them.
		if test.Domain != nil && *test.Domain == "" {
			if isToken("") || test.Why != "its domain is none" {
				t.Errorf("%+v is a domain", test)
			}
			continue
		}
		if test.Path != nil && *test.Path == "" {
			cookie.Path = ""
			if cookie.fault() != test.Why {
				t.Errorf("%+v: %q", test, cookie.fault())
			}
			continue
		}
		field, err := cookie.field()
		why := ""
		if err != nil {
			why = err.(*CookieError).Why
		}
		if field != test.Field || why != test.Why {
			t.Errorf("%+v: %q, %q", test, field, why)
		}
	}
}

func TestTheBestMediaTypeIsThatOfAllLanguages(t *testing.T) {
	for _, test := range readVectors(t).Accepts {
		if best := withFields("accept", test.Fields...).Accepts(test.Offered...); best != test.Best {
			t.Errorf("%q of %q: %q, want %q", test.Fields, test.Offered, best, test.Best)
		}
	}
}
