package snow

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"

	"github.com/snow-host/snow-host/guest-sdk/go/internal/call"
)

// framesMax is how many functions of the guest a panic names.
const framesMax = 8

// serve answers a request by the handler of its route.
func serve(route uint32, request *Request) Outcome {
	return outcomeOf(func() (Outcome, error) { return routes[route].handler(request) })
}

// proceed continues a request by the function that its route names for that.
func proceed(route uint32, resumed *Resumed) Outcome {
	return outcomeOf(func() (Outcome, error) { return routes[route].resumer(resumed) })
}

func init() {
	call.HasBegun = func() bool { return isServing }
	call.Run = serveJob
}

// serveJob calls a function of the guest that is no handler, and returns its panic as an error.
func serveJob(function func()) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v%s", cause, frames())
		}
	}()
	function()
	return nil
}

// outcomeOf calls a function of the guest, and returns what becomes of the request, whatever the
// function does.
func outcomeOf(call func() (Outcome, error)) (outcome Outcome) {
	defer func() {
		if cause := recover(); cause != nil {
			outcome = responseOf(fmt.Errorf("panic: %v%s", cause, frames()))
		}
	}()
	outcome, err := call()
	if err != nil {
		return responseOf(err)
	}
	if isNil(outcome) {
		return responseOf(errors.New("the handler returned neither an outcome nor an error"))
	}
	if suspension, isSuspension := outcome.(*Suspension); isSuspension {
		if slices.Contains(suspension.pendings, nil) {
			return responseOf(errors.New("a suspension has a pending that is nil: " + refusedBefore))
		}
		if !giveAway(suspension) {
			return responseOf(errors.New(
				"a suspension has a pending twice, or one that is not of this call"))
		}
	}
	return outcome
}

// refusedBefore says where a nil pending is from.
const refusedBefore = "the host has refused it, and the error beside it says why"

func isNil(outcome Outcome) bool {
	switch outcome := outcome.(type) {
	case *Response:
		return outcome == nil
	case *Suspension:
		return outcome == nil
	default:
		return true
	}
}

// callers are the functions of the SDK that call the guest's, by how they begin.
var callers = [...]string{".serve", ".proceed", "/jobs."}

// frames returns where a panic came from: the functions of the guest, the innermost first. It is to
// be called by the deferred function that has recovered.
func frames() string {
	counters := make([]uintptr, 64)
	// Callers, frames and the deferred function are none of the guest's.
	found := runtime.CallersFrames(counters[:runtime.Callers(3, counters)])
	own := reflect.TypeFor[Response]().PkgPath()
	var text strings.Builder
	for named := 0; named < framesMax; {
		frame, more := found.Next()
		if slices.ContainsFunc(callers[:], func(caller string) bool {
			return strings.HasPrefix(frame.Function, own+caller)
		}) {
			break
		}
		if frame.Function != "" && !strings.HasPrefix(frame.Function, "runtime.") {
			fmt.Fprintf(&text, "\n  at %s (%s:%d)", frame.Function, frame.File, frame.Line)
			named++
		}
		if !more {
			break
		}
	}
	return text.String()
}
