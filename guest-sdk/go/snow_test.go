package snow

import (
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestMethodsAreNamed(t *testing.T) {
	for methods, want := range map[string][]string{
		"any":        nil,
		"GET":        {"GET"},
		"GET|POST":   {"GET", "POST"},
		"GET | POST": {"GET", "POST"},
		"M-SEARCH":   {"M-SEARCH"},
		"Brew|a.b~1": {"Brew", "a.b~1"},
	} {
		got, err := methodNames(methods)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %q, %v; want %q", methods, got, err, want)
		}
	}
	for _, methods := range []string{"", "get", "GET|", "GET POST", "GET /hello", "GET,POST", "Größe"} {
		if _, err := methodNames(methods); err == nil {
			t.Errorf("%q should be refused", methods)
		}
	}
}

func TestRequestsAreRead(t *testing.T) {
	request := &Request{
		RawQuery: "value=a%20b&value=c",
		Params:   []Param{{"name", "ann"}, {"", "7"}},
		Headers:  []Field{{"content-type", "text/x-a"}, {"content-type", "text/x-b"}},
	}
	for what, values := range map[string][2]string{
		"a named group":     {request.Param("name"), "ann"},
		"no such group":     {request.Param("other"), ""},
		"a group":           {request.ParamAt(1), "7"},
		"a group too far":   {request.ParamAt(2), ""},
		"a header":          {request.Header("Content-Type"), "text/x-a"},
		"no such header":    {request.Header("accept"), ""},
		"a query parameter": {request.Query().Get("value"), "a b"},
	} {
		if values[0] != values[1] {
			t.Errorf("%s: %q, want %q", what, values[0], values[1])
		}
	}
}

func TestHeadersAreSetAndAdded(t *testing.T) {
	response := Text("x").Set("Content-Type", "text/csv").Add("set-cookie", "a=1").Add("set-cookie", "b=2")
	want := []Field{{"Content-Type", "text/csv"}, {"set-cookie", "a=1"}, {"set-cookie", "b=2"}}
	if !reflect.DeepEqual(response.Headers, want) {
		t.Errorf("%v, want %v", response.Headers, want)
	}
}

// answer returns status and text of what becomes of a handler.
func answer(t *testing.T, handler Handler) (int, string) {
	t.Helper()
	defer func(before []*RouteEntry) { routes = before }(routes)
	routes = nil
	Route("any", ".*", handler)
	response, isResponse := serve(0, &Request{}).(*Response)
	if !isResponse {
		t.Fatal("not a response")
	}
	return response.Status, string(response.Body)
}

func TestErrorsBecomeAnswers(t *testing.T) {
	for what, test := range map[string]struct {
		handler Handler
		status  int
		text    string
	}{
		"an answer": {
			func(*Request) (Outcome, error) { return Text("fine"), nil }, 200, "fine",
		},
		"an error that is an answer": {
			func(*Request) (Outcome, error) { return nil, Error(404, "not here") }, 404, "not here",
		},
		"one that is wrapped": {
			func(*Request) (Outcome, error) { return nil, errors.Join(Error(404, "not here")) }, 404, "not here",
		},
		"the guest's own trouble": {
			func(*Request) (Outcome, error) { return nil, errors.New("secret") }, 500, "internal server error",
		},
		"a panic": {
			func(*Request) (Outcome, error) { panic("secret") }, 500, "internal server error",
		},
		"nothing": {
			func(*Request) (Outcome, error) { return nil, nil }, 500, "internal server error",
		},
		"a nil response": {
			func(*Request) (Outcome, error) { return (*Response)(nil), nil }, 500, "internal server error",
		},
	} {
		status, text := answer(t, test.handler)
		if status != test.status || text != test.text {
			t.Errorf("%s: %d %q, want %d %q", what, status, text, test.status, test.text)
		}
	}
}

func TestAPendingThatWasRefusedIsAnError(t *testing.T) {
	for what, handler := range map[string]Handler{
		"suspended": func(*Request) (Outcome, error) {
			pending, _ := Keyed("key")
			return pending.Suspend(), nil
		},
		"one of several": func(*Request) (Outcome, error) {
			return SuspendAny(&Pending{}, nil), nil
		},
		"its token": func(*Request) (Outcome, error) {
			pending, _ := Create()
			return Text(pending.Token()), nil
		},
		"waited for": func(*Request) (Outcome, error) {
			pending, _ := Timer(time.Second)
			_, err := pending.WaitFor(0)
			return Text("waited"), err
		},
		"released": func(*Request) (Outcome, error) {
			pending, _ := Create()
			pending.Release()
			return Text("released"), nil
		},
	} {
		if status, text := answer(t, handler); status != 500 || text != "internal server error" {
			t.Errorf("%s: %d %q", what, status, text)
		}
	}
}

func TestTextsOfAClientNeedNotBeUTF8(t *testing.T) {
	const bad = "k/\xff"
	_, created := Keyed(bad)
	_, next := SetNext(bad, Value(""))
	_, all := SetAll(bad, Value(""))
	for _, err := range []error{created, SetResult(bad, Value("")), next, all} {
		var named *NotUTF8Error
		if !errors.As(err, &named) || named.Text != bad || !strings.Contains(err.Error(), `"k/\xff"`) {
			t.Error(err)
		}
	}
	if Waiting(bad) != 0 || shown(bad) != "k/\uFFFD" {
		t.Error(shown(bad))
	}
}

func TestARouteThatIsNamedInACallComesTooLate(t *testing.T) {
	defer func() {
		isServing = false
		if said := fmt.Sprint(recover()); !strings.Contains(said, "comes too late") {
			t.Error(said)
		}
	}()
	isServing = true
	Route("GET", "/late", func(*Request) (Outcome, error) { return Text(""), nil })
}

func TestAPanicNamesItsPlace(t *testing.T) {
	var said string
	func() {
		defer func() {
			recover()
			said = frames()
		}()
		var request *Request
		_ = request.Method
	}()
	if !strings.Contains(said, "snow_test.go:") {
		t.Errorf("%q names no line", said)
	}
}

func TestResumedFindsWhatCame(t *testing.T) {
	value, failure := Value("value"), Fail("late", "too late")
	response := Respond(Text("body"))
	resumed := NewResumed(false, "step", nil, &failure, &response, &value)
	if place, _ := resumed.First(); place != 1 {
		t.Errorf("the first is %d", place)
	}
	if resumed.Text() != "body" || resumed.Failure().Code != "late" || string(resumed.State) != "step" {
		t.Errorf("%q %v %q", resumed.Text(), resumed.Failure(), resumed.State)
	}
	if resumed.Settlement(0) != nil || resumed.Settlement(9) != nil {
		t.Error("there is no such settlement")
	}
	nothing := NewResumed(true, "", nil)
	if place, settlement := nothing.First(); place != -1 || settlement != nil || nothing.Bytes() != nil {
		t.Error("nothing came")
	}
	if len(nothing.TakeUnsettled()) != 0 {
		t.Error("a test has no pendings")
	}
}

func TestTimesAreRoundedUp(t *testing.T) {
	for time, want := range map[time.Duration]uint32{
		-time.Second:              0,
		0:                         0,
		1:                         1,
		time.Second:               1000,
		time.Second + 1:           1001,
		24 * 365 * 24 * time.Hour: 4_294_967_295,
	} {
		if got := milliseconds(time); got != want {
			t.Errorf("%v: %d, want %d", time, got, want)
		}
	}
}

func TestAttributesAreWritten(t *testing.T) {
	var line strings.Builder
	group := slog.Group("client", "name", "an n", "age", 7)
	write(&line, "request.", group)
	write(&line, "", slog.String("empty", ""))
	write(&line, "", slog.Attr{})
	if want := ` request.client.name="an n" request.client.age=7 empty=""`; line.String() != want {
		t.Errorf("%s, want %s", line.String(), want)
	}
	if levelOf(slog.LevelDebug-1) != LevelTrace || levelOf(slog.LevelError+4) != LevelError {
		t.Error("the nearest level")
	}
}
