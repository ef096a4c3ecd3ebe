package snowhttp

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	snow "github.com/snow-host/snow-host/guest-sdk/go"
)

// ask returns the answer of a handler.
func ask(t *testing.T, request *snow.Request, handler http.HandlerFunc) *snow.Response {
	t.Helper()
	outcome, err := respond(request, handler)
	if err != nil {
		t.Fatal(err)
	}
	return outcome.(*snow.Response)
}

// field returns the value of a header field, and whether there is one.
func field(response *snow.Response, name string) (string, bool) {
	for _, field := range response.Headers {
		if field.Name == name {
			return field.Value, true
		}
	}
	return "", false
}

func TestARequestIsTranslated(t *testing.T) {
	request := &snow.Request{
		ID:        "7",
		Client:    "127.0.0.1:5000",
		Authority: "example.org",
		Method:    "POST",
		Path:      "/a%20b/ann",
		RawQuery:  "x=1&x=2",
		HasQuery:  true,
		Params:    []snow.Param{{Name: "name", Value: "ann"}, {Value: "unnamed"}},
		Headers:   []snow.Field{{Name: "host", Value: "example.org"}, {Name: "accept", Value: "a"}, {Name: "accept", Value: "b"}},
		Body:      []byte("content"),
	}
	ask(t, request, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got := fmt.Sprint(r.Method, r.Host, r.URL.Path, r.RequestURI, r.URL.Query()["x"], r.PathValue("name"),
			r.Header["Accept"], r.Header["Host"], r.RemoteAddr, r.ContentLength, string(body), RequestOf(r.Context()).ID)
		want := fmt.Sprint("POST", "example.org", "/a b/ann", "/a%20b/ann?x=1&x=2", []string{"1", "2"}, "ann",
			[]string{"a", "b"}, []string{}, "127.0.0.1:5000", 7, "content", "7")
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}

func TestAnAnswerIsCollected(t *testing.T) {
	request := &snow.Request{Method: "GET", Path: "/"}
	response := ask(t, request, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("content-length", "999")
		for _, name := range []string{
			"connection", "date", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding",
		} {
			w.Header().Set(name, "close")
		}
		w.Header()["upgrade"] = []string{"h2c"}
		w.Header().Set("x-before", "1")
		w.WriteHeader(103)
		w.WriteHeader(201)
		w.Header().Set("x-after", "1")
		w.WriteHeader(500)
		fmt.Fprint(w, "<html>")
	})
	if response.Status != 201 || string(response.Body) != "<html>" {
		t.Errorf("%d %q", response.Status, response.Body)
	}
	if len(response.Headers) != 2 {
		t.Errorf("%v", response.Headers)
	}
	if _, has := field(response, "X-Before"); !has {
		t.Error("X-Before is lost")
	}
	if kind, _ := field(response, "Content-Type"); kind != "text/html; charset=utf-8" {
		t.Errorf("detected %q", kind)
	}
}

func TestAnAnswerWithoutContentHasNone(t *testing.T) {
	response := ask(t, &snow.Request{Path: "/"}, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusNoContent)
		if _, err := fmt.Fprint(w, "x"); err != http.ErrBodyNotAllowed {
			t.Errorf("%v", err)
		}
	})
	if response.Status != 204 || len(response.Body) != 0 || len(response.Headers) != 0 {
		t.Errorf("%+v", response)
	}
	response = ask(t, &snow.Request{Path: "/"}, func(http.ResponseWriter, *http.Request) {})
	if response.Status != 200 || len(response.Body) != 0 {
		t.Errorf("%+v", response)
	}
}
