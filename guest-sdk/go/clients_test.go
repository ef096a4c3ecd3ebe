package snow

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestSeparatorsInQuotesAreNone(t *testing.T) {
	value, parameters := valueAndParameters(`form-data; name="a;\"b" ;x; y=z`)
	want := []parameter{{"name", `a;"b`}, {"y", "z"}}
	if value != "form-data" || !reflect.DeepEqual(parameters, want) {
		t.Errorf("%q %q", value, parameters)
	}
}

func TestACookieIsFoundByItsName(t *testing.T) {
	request := withFields("Cookie", "a=1; b=\"two\"; a=2", "f=\xff; g=3")
	for name, want := range map[string]string{"a": "1", "b": "two", "g": "3"} {
		if value, ok := request.Cookie(name); !ok || value != want {
			t.Errorf("%s: %q, %t", name, value, ok)
		}
	}
	for _, name := range []string{"A", "c", "f", ""} {
		if value, ok := request.Cookie(name); ok {
			t.Errorf("%s: %q", name, value)
		}
	}
}

func TestCookiesAreSetBesideOneAnother(t *testing.T) {
	response, err := Text("").SetCookie(Cookie{Name: "a", Value: "1"})
	if err == nil {
		response, err = response.SetCookie(Cookie{Name: "b", MaxAge: -time.Second})
	}
	if err != nil {
		t.Fatal(err)
	}
	want := []Field{
		{"set-cookie", "a=1; Path=/"},
		{"set-cookie", "b=; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"},
	}
	if !reflect.DeepEqual(response.Headers[1:], want) {
		t.Errorf("%q", response.Headers)
	}
}

func TestACookieThatCannotBeSetIsAnErrorThatNamesIt(t *testing.T) {
	for _, cookie := range []Cookie{
		{Name: "a", Value: "b\r\nset-cookie: c=d"}, {Name: "a", SameSite: SameSiteNone + 1},
		{Name: "a", Domain: "\u212a.example"}, {Name: "a", Path: "/\x7f"},
	} {
		response := Text("")
		_, err := response.SetCookie(cookie)
		var named *CookieError
		if !errors.As(err, &named) || named.Name != "a" || !strings.HasPrefix(err.Error(), `the cookie "a" can't be set: `) {
			t.Errorf("%+v: %v", cookie, err)
		}
		if len(response.Headers) != 1 {
			t.Error("it was set")
		}
	}
}

func TestARedirectHasAStatusAndAPlaceOfItsKind(t *testing.T) {
	response, err := Redirect(302, "/a?b=c%20d#e")
	want := &Response{Status: 302, Headers: []Field{{"location", "/a?b=c%20d#e"}}}
	if err != nil || !reflect.DeepEqual(response, want) {
		t.Error(response, err)
	}
	for _, test := range []struct {
		status   int
		location string
	}{
		{200, "/"}, {304, "/"}, {302, ""}, {302, "/a b"}, {302, "/a\r\nset-cookie: b=c"}, {302, "/ü"},
		{302, `\\elsewhere`}, {302, "/\x00"}, {302, "/\xff"},
	} {
		if response, err := Redirect(test.status, test.location); err == nil {
			t.Errorf("%v: %v", test, response)
		}
	}
}

// FuzzAccepts looks for fields that make it panic, or answer with what was not offered.
func FuzzAccepts(f *testing.F) {
	for _, field := range []string{
		"text/html;q=0.5, */*", `a/b;c=",text/html,"`, `"\"`, ";,;q=1", "text/html;q=\"0.5\"", "*", "/",
	} {
		f.Add(field)
	}
	f.Fuzz(func(t *testing.T, field string) {
		request := withFields("accept", field)
		if best := request.Accepts("application/json", "text/html"); best != "" &&
			best != "application/json" && best != "text/html" {
			t.Errorf("%q", best)
		}
		request.Accepts(field, "*/*", "text/html;q=1")
	})
}

// FuzzCookies looks for fields of which more is read than was sent, and for cookies that are not
// read as they were set.
func FuzzCookies(f *testing.F) {
	f.Add("a=1; b=\"two\"; c ;d=x=y;=e; a=2", "a", "b")
	f.Add("\"=\"\";\xff=1", "__Host-a", "\"b\"")
	f.Fuzz(func(t *testing.T, field, name, value string) {
		size := 0
		for name, value := range withFields("cookie", field).Cookies() {
			size += len(name) + len(value) + 1
		}
		if size > len(field) {
			t.Errorf("%d bytes", size)
		}
		response, err := Text("").SetCookie(Cookie{Name: name, Value: value})
		if err != nil {
			return
		}
		sent, attributes, _ := strings.Cut(response.Headers[1].Value, ";")
		if attributes != " Path=/" {
			t.Errorf("%q", attributes)
		}
		if found, ok := withFields("cookie", sent).Cookie(name); !ok || found != value {
			t.Errorf("%q is read as %q", sent, found)
		}
	})
}
