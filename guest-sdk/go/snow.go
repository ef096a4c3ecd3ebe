// Package snow writes guests for snow-host: HTTP handlers in WebAssembly whose requests can wait.
//
// A guest is a main package that names its routes before anything is asked:
//
//	package main
//
//	import snow "github.com/snow-host/snow-host/guest-sdk/go"
//
//	func init() {
//		snow.Route("GET", `/hello/(?P<name>\w+)`, hello)
//	}
//
//	func hello(request *snow.Request) (snow.Outcome, error) {
//		return snow.Text("hello " + request.Param("name")), nil
//	}
//
//	func main() {}
//
// The function main must exist and is never called: a guest has no beginning and no end, the host
// calls it for each request. snow-host build makes guests/NAME.wasm of guests/NAME/.
//
// # Waiting
//
// A guest waits for a [Pending]: a key that another request settles, in this guest or in any other
// ([Keyed]); a token given to somebody ([Create]); the clock ([Timer]). There are two ways to wait.
// [Pending.Suspend] gives the request back: the handler returns it, the instance is freed, and the
// host calls the route's function for [RouteEntry.Resume] when the wait is over. [Pending.Wait]
// waits in place: the next line runs when it is over, and the instance is kept meanwhile.
//
// # Forms, cookies and sessions
//
// [Request.Form] reads a form with its files, [Request.Cookie] and [Response.SetCookie] are for
// cookies. The package signed below this one has cookies that clients can't change, and the package
// session what a guest remembers of a client. Handlers of net/http are served by the package
// snowhttp.
//
// # Databases and jobs
//
// [OpenDatabase] opens one of the databases that the deployer grants, and a statement waits in place
// for its result. The package jobs below this one has a guest do work on other threads, later, or
// again and again.
//
// # Instances
//
// By default each call has an instance of its own, and starting the Go runtime takes more than half
// a millisecond. With instances = { reuse = 1000 } in snow.toml an instance serves many calls, one
// after the other, and global variables stay. Whatever must be seen by all requests goes through a
// settlement or [Suspension.State].
package snow

import (
	"fmt"
	"strings"
)

// A Handler answers a request, or says what it waits for.
//
// An error made by [Error] is an answer. Any other is the guest's own trouble: the client gets a
// bare 500, and the text goes to the log.
type Handler func(*Request) (Outcome, error)

// A Resumer continues a request when its wait is over. It returns what a [Handler] may return, a
// new suspension for instance.
type Resumer func(*Resumed) (Outcome, error)

// Outcome is how a call ends: a [*Response] or a [*Suspension].
type Outcome interface {
	isOutcome()
}

// RouteEntry is a route of this guest.
type RouteEntry struct {
	methods []string
	pattern string
	handler Handler
	resumer Resumer
}

// isServing is whether a call has begun. Then the host knows the routes already.
var isServing bool

// routes are the routes of this guest, in the order in which they were named.
var routes []*RouteEntry

// Route serves a path. The first route that matches a request wins, in the order of the calls.
//
//   - methods is GET, several as in GET|POST, or any. GET serves HEAD too. Any token of RFC 9110 is
//     a method, M-SEARCH for instance.
//   - pattern is a regular expression (the syntax of Rust's crate regex, which has that of RE2) for
//     the whole path as sent, without the query. It is anchored at both ends. Its groups are
//     [Request.Param] and [Request.ParamAt].
//
// Call it from an init function. It panics if the methods are none, and in a call: then it is too
// late.
func Route(methods, pattern string, handler Handler) *RouteEntry {
	if isServing {
		panic(fmt.Sprintf("snow.Route(%q, %q) comes too late, in a call: "+
			"name all routes in an init function", methods, pattern))
	}
	names, err := methodNames(methods)
	if err != nil {
		panic(fmt.Sprintf("snow.Route(%q, %q): %v", methods, pattern, err))
	}
	if handler == nil {
		panic(fmt.Sprintf("snow.Route(%q, %q): the handler is nil", methods, pattern))
	}
	entry := &RouteEntry{methods: names, pattern: pattern, handler: handler}
	routes = append(routes, entry)
	return entry
}

// Resume names the function that is called when a suspension of this route is over. Without one the
// host answers by itself with what the pending was settled with.
func (r *RouteEntry) Resume(resumer Resumer) *RouteEntry {
	r.resumer = resumer
	return r
}

// methodNames returns the methods that a text such as GET|POST names; none for any.
func methodNames(methods string) ([]string, error) {
	if methods == "any" {
		return nil, nil
	}
	names := strings.Split(methods, "|")
	for i, name := range names {
		names[i] = strings.TrimSpace(name)
		isOther := func(r rune) bool { return !strings.ContainsRune(tokenRunes, r) }
		if names[i] == "" || strings.ContainsFunc(names[i], isOther) {
			return nil, fmt.Errorf("%q is not a method: write GET, GET|POST or any", name)
		}
		upper := strings.ToUpper(names[i])
		if upper != names[i] && strings.Contains(usual, " "+upper+" ") {
			return nil, fmt.Errorf("methods are case-sensitive: write %s, not %s", upper, names[i])
		}
	}
	return names, nil
}

// tokenRunes are what a token of RFC 9110 may have, less the bar, which stands between methods.
const tokenRunes = "!#$%&'*+-.^_`~" +
	"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// usual are methods that are written in capitals.
const usual = " GET HEAD POST PUT PATCH DELETE OPTIONS "
