// The guest NAME. snow-host build compiles it to NAME.wasm, snow-host run serves it, and
// snow-host test runs the cases in NAME.test.toml.
//
//	GET /NAME/hello/ada           hello ada
//	GET /NAME/orders/7            waits until order 7 is approved; after 30 seconds 504
//	POST /NAME/orders/7/approve   approves it with the request's body, or 404 if nobody waits
package main

import (
	"fmt"
	"time"

	snow "github.com/snow-host/snow-host/guest-sdk/go"
)

// Routes are named before anything is asked. A pattern is a regular expression for the whole path.
func init() {
	snow.Route("GET", `/NAME/hello/(?P<who>\w+)`, hello)
	snow.Route("GET", `/NAME/orders/(\d+)`, order).Resume(approved)
	snow.Route("POST", `/NAME/orders/(\d+)/approve`, approve)
}

// hello answers at once.
func hello(request *snow.Request) (snow.Outcome, error) {
	return snow.Text("hello " + request.Param("who")), nil
}

// order waits for an approval. Returning a suspension ends this call and its instance; the host keeps
// the client's connection until somebody settles the key, or the deadline passes. Then it calls
// approved.
func order(request *snow.Request) (snow.Outcome, error) {
	number := request.ParamAt(0)
	approval, err := snow.Keyed(key(number))
	if err != nil {
		return nil, err
	}
	// The resumed call runs in another instance, which gets nothing from this one but the state.
	return approval.Suspend().State([]byte(number)).Deadline(30 * time.Second), nil
}

// approved answers the request that waited.
func approved(resumed *snow.Resumed) (snow.Outcome, error) {
	number := string(resumed.State)
	if resumed.TimedOut {
		return nil, snow.Error(504, "nobody approved order "+number)
	}
	return snow.Text(fmt.Sprintf("order %s: %s", number, resumed.Text())), nil
}

// approve settles what another request waits for: the one that has waited longest under the key gets
// this text.
func approve(request *snow.Request) (snow.Outcome, error) {
	somebodyWaited, err := snow.SetNext(key(request.ParamAt(0)), snow.Value(request.Body))
	if err != nil {
		return nil, err
	}
	if !somebodyWaited {
		return nil, snow.Error(404, "nobody waits for this order")
	}
	return snow.Text("approved"), nil
}

// key returns the key of an order. All guests share the host's keys, so it begins with the guest's
// name.
func key(number string) string {
	return "NAME/orders/" + number
}

// main must exist, and is never called.
func main() {}
