// The example in Go: what the examples of all languages do.
//
//	GET /go/hello    hello from go
//	POST /go/echo    the content that was sent, under its own content-type
//	GET /go/req      waits until somebody stops it, and answers what it is given
//	GET /go/stop     stops the one that has waited longest, whichever guest holds it: ?value=...
//	GET /go/random   a random number
//	GET /go/now      the time (RFC 3339)
//	GET /go/get      the answer of another server: ?url=...
//	GET /go/count    how often this was asked, which the store keeps
package main

import (
	"math/rand/v2"
	"strconv"
	"time"

	snow "github.com/snow-host/snow-host/guest-sdk/go"
)

// requests is the key under which the examples of all languages wait.
const requests = "requests-any"

func init() {
	snow.Route("GET", "/go/hello", hello)
	snow.Route("POST", "/go/echo", echo)
	snow.Route("GET", "/go/req", req).Resume(stopped)
	snow.Route("GET", "/go/stop", stop)
	snow.Route("GET", "/go/random", random)
	snow.Route("GET", "/go/now", now)
	snow.Route("GET", "/go/count", count)
	snow.Route("GET", "/go/get", get)
}

func hello(*snow.Request) (snow.Outcome, error) {
	return snow.Text("hello from go"), nil
}

func echo(request *snow.Request) (snow.Outcome, error) {
	kind := request.Header("content-type")
	if kind == "" {
		kind = "application/octet-stream"
	}
	return snow.Bytes(request.Body).Set("content-type", kind), nil
}

func req(*snow.Request) (snow.Outcome, error) {
	pending, err := snow.Keyed(requests)
	if err != nil {
		return nil, err
	}
	return pending.Suspend().Deadline(time.Minute), nil
}

func stopped(resumed *snow.Resumed) (snow.Outcome, error) {
	if resumed.TimedOut {
		return nil, snow.Error(504, "nobody came")
	}
	return snow.Text(resumed.Text()), nil
}

func stop(request *snow.Request) (snow.Outcome, error) {
	somebodyWaited, err := snow.SetNext(requests, snow.Value(request.Query().Get("value")))
	if err != nil {
		return nil, err
	}
	if !somebodyWaited {
		return nil, snow.Error(409, "nobody is waiting")
	}
	return snow.Text("stop"), nil
}

// get passes the answer of another server on, as it comes.
func get(request *snow.Request) (snow.Outcome, error) {
	answer, err := snow.FetchFrom(request.Query().Get("url"))
	if err != nil {
		return nil, err
	}
	return answer.Suspend(), nil
}

func random(*snow.Request) (snow.Outcome, error) {
	return snow.Text(strconv.FormatUint(rand.Uint64(), 10)), nil
}

func now(*snow.Request) (snow.Outcome, error) {
	return snow.Text(time.Now().UTC().Format(time.RFC3339)), nil
}

func count(*snow.Request) (snow.Outcome, error) {
	bucket, err := snow.OpenBucket("default")
	if err != nil {
		return nil, err
	}
	sum, err := bucket.Increment("count", 1)
	if err != nil {
		return nil, err
	}
	return snow.Text(strconv.FormatInt(sum, 10)), nil
}

// main must exist, and is never called.
func main() {}
