//go:build wasip1

package snow

import (
	"slices"

	"github.com/snow-host/snow-host/guest-sdk/go/internal/bindings/export_snow_host_handler"
	"github.com/snow-host/snow-host/guest-sdk/go/internal/bindings/export_snow_host_resumer"
	_ "github.com/snow-host/snow-host/guest-sdk/go/internal/bindings/exports"
	"github.com/snow-host/snow-host/guest-sdk/go/internal/bindings/snow_host_handler"
	"github.com/snow-host/snow-host/guest-sdk/go/internal/bindings/snow_host_http"
	"github.com/snow-host/snow-host/guest-sdk/go/internal/bindings/snow_host_logging"
	host "github.com/snow-host/snow-host/guest-sdk/go/internal/bindings/snow_host_pending_handles"
	"github.com/snow-host/snow-host/guest-sdk/go/internal/bindings/snow_host_resumer"
	"github.com/snow-host/snow-host/guest-sdk/go/internal/call"
	"github.com/snow-host/snow-host/guest-sdk/go/internal/wit/runtime"
	"github.com/snow-host/snow-host/guest-sdk/go/internal/wit/types"
)

// handle is what the host knows a pending by.
type handle = *host.Pending

// pendings are those of the call that is running. An instance has one call at a time.
var pendings []handle

// atEnd are functions for the end of that call. A guest that does not use what they close is linked
// without it.
var atEnd []func()

func init() {
	call.Serve = func(function func()) {
		runtime.Collect(func() struct{} {
			isServing = true
			function()
			release()
			return struct{}{}
		})
	}
	call.Own = func(handle *host.Pending) any { return own(handle) }
	export_snow_host_handler.Routes = func() []snow_host_handler.Route {
		list := make([]snow_host_handler.Route, len(routes))
		for index, route := range routes {
			list[index] = snow_host_handler.Route{Methods: route.methods, Pattern: route.pattern}
		}
		return list
	}
	export_snow_host_handler.Handle = func(route uint32, raw snow_host_http.Request) host.Outcome {
		return runtime.Collect(func() host.Outcome {
			isServing = true
			return end(route, serve(route, liftRequest(raw)))
		})
	}
	export_snow_host_resumer.Resume = func(
		route uint32,
		cause host.Cause,
		request types.Option[snow_host_resumer.Request],
		state []uint8,
		arrivals []host.Arrival,
	) host.Outcome {
		resumed := &Resumed{TimedOut: cause == host.Cause_Deadline, State: state}
		if request.Tag() == types.OptionSome {
			resumed.Request = liftRequest(request.Some())
		}
		for _, each := range arrivals {
			resumed.arrivals = append(resumed.arrivals, arrival{
				pending:    own(each.Handle),
				settlement: liftSettlement(each.Settlement),
			})
		}
		return runtime.Collect(func() host.Outcome {
			isServing = true
			return end(route, proceed(route, resumed))
		})
	}
}

// own returns a pending, to be released at the end of this call.
func own(handle handle) *Pending {
	pendings = append(pendings, handle)
	return &Pending{handle}
}

// end ends a call. The pendings that are in a suspension were given away; all others are released,
// or they would fill the table of an instance that serves many calls.
func end(route uint32, outcome Outcome) host.Outcome {
	release()
	return lowerOutcome(route, outcome)
}

// release releases what a call leaves.
func release() {
	for _, handle := range pendings {
		handle.Drop()
	}
	clear(pendings)
	pendings = pendings[:0]
	closeBuckets()
	for _, function := range atEnd {
		function()
	}
	clear(atEnd)
	atEnd = atEnd[:0]
}

// giveAway takes the pendings of a suspension from those of this call. It returns false if one is
// not among them.
func giveAway(suspension *Suspension) bool {
	left := slices.Clone(pendings)
	for _, pending := range suspension.pendings {
		place := slices.Index(left, pending.handle)
		if place < 0 {
			return false
		}
		left = slices.Delete(left, place, place+1)
	}
	pendings = left
	return true
}

func hostRelease(pending *Pending) {
	if place := slices.Index(pendings, pending.handle); place >= 0 {
		pendings = slices.Delete(pendings, place, place+1)
		pending.handle.Drop()
	}
}

func (p *Pending) token() string {
	return runtime.WithoutCollecting(p.handle.Token)
}

func hostCreate(key *string) (*Pending, error) {
	return created(host.Create(lowerOption(key)))
}

func hostTimer(afterMs uint32) (*Pending, error) {
	return created(host.Timer(afterMs))
}

func created(result types.Result[handle, host.Refusal]) (*Pending, error) {
	handle, err := split(result)
	if err != nil {
		return nil, err
	}
	return own(handle), nil
}

func hostWait(pendings []*Pending, any bool, timeoutMs *uint32) ([]*Settlement, error) {
	wait := func() types.Result[[]types.Option[host.Settlement], host.Refusal] {
		return host.Wait(lowerPendings(pendings), lowerJoin(any), lowerOption(timeoutMs))
	}
	raw, err := split(runtime.WithoutCollecting(wait))
	if err != nil {
		return nil, err
	}
	settlements := make([]*Settlement, len(raw))
	for index, settlement := range raw {
		settlements[index] = liftSettlement(settlement)
	}
	return settlements, nil
}

func hostSetResult(token string, settlement Settlement) error {
	_, err := split(host.SetResult(token, lowerSettlement(settlement)))
	return err
}

func hostSetNext(key string, settlement Settlement) (bool, error) {
	return split(host.SetNext(key, lowerSettlement(settlement)))
}

func hostSetAll(key string, settlement Settlement) (int, error) {
	count, err := split(host.SetAll(key, lowerSettlement(settlement)))
	return int(count), err
}

func hostWaiting(key string) int {
	return int(host.Waiting(key))
}

func hostLog(level Level, message string) {
	snow_host_logging.Log(snow_host_logging.Level(level), message)
}

// split returns a value, or a refusal as an error.
func split[T any](result types.Result[T, host.Refusal]) (T, error) {
	if result.Tag() == types.ResultErr {
		var none T
		return none, Refusal(result.Err())
	}
	return result.Ok(), nil
}

func liftRequest(raw snow_host_http.Request) *Request {
	request := &Request{
		ID:        raw.Id,
		Client:    raw.Client,
		Scheme:    raw.Scheme,
		Authority: raw.Authority,
		Method:    raw.Method,
		Path:      raw.Path,
		HasQuery:  raw.Query.Tag() == types.OptionSome,
		Params:    make([]Param, len(raw.Params)),
		Headers:   liftFields(raw.Headers),
		Body:      raw.Body,
	}
	if request.HasQuery {
		request.RawQuery = raw.Query.Some()
	}
	for index, param := range raw.Params {
		if param.Name.Tag() == types.OptionSome {
			request.Params[index].Name = param.Name.Some()
		}
		request.Params[index].Value = param.Value
	}
	return request
}

func liftFields(raw []snow_host_http.Field) []Field {
	fields := make([]Field, len(raw))
	for index, field := range raw {
		fields[index] = Field{field.Name, string(field.Value)}
	}
	return fields
}

func liftSettlement(raw types.Option[host.Settlement]) *Settlement {
	if raw.Tag() == types.OptionNone {
		return nil
	}
	switch settlement := raw.Some(); settlement.Tag() {
	case host.Settlement_Value:
		return &Settlement{Value: settlement.Value()}
	case host.Settlement_Response:
		response := settlement.Response()
		return &Settlement{Response: &Response{
			Status:  int(response.Status),
			Headers: liftFields(response.Headers),
			Body:    response.Body,
		}}
	default:
		failure := settlement.Failed()
		return &Settlement{Failure: &Failure{failure.Code, failure.Message}}
	}
}

func lowerSettlement(settlement Settlement) host.Settlement {
	switch {
	case settlement.Failure != nil:
		failure := host.Failure{
			Code:    shown(settlement.Failure.Code),
			Message: shown(settlement.Failure.Message),
		}
		return host.MakeSettlementFailed(failure)
	case settlement.Response != nil:
		return host.MakeSettlementResponse(lowerResponse(settlement.Response))
	default:
		return host.MakeSettlementValue(settlement.Value)
	}
}

func lowerOutcome(route uint32, outcome Outcome) host.Outcome {
	suspension, isSuspension := outcome.(*Suspension)
	if !isSuspension {
		return host.MakeOutcomeRespond(lowerResponse(outcome.(*Response)))
	}
	if suspension.keepsTime {
		hostKeepDeadline()
	}
	raw := host.Suspension{
		Handles:     lowerPendings(suspension.pendings),
		Until:       lowerJoin(suspension.any),
		TimeoutMs:   lowerOption(suspension.timeoutMs),
		Resume:      routes[route].resumer != nil,
		KeepRequest: suspension.keepRequest,
		State:       suspension.state,
	}
	if suspension.onTimeout != nil {
		raw.OnTimeout = types.Some(lowerResponse(suspension.onTimeout))
	}
	return host.MakeOutcomeSuspend(raw)
}

func lowerResponse(response *Response) snow_host_http.Response {
	status := uint16(response.Status)
	if int(status) != response.Status {
		// The host answers 500 for this, and logs why.
		status = 0
	}
	headers := lowerFields(response.Headers)
	return snow_host_http.Response{Status: status, Headers: headers, Body: response.Body}
}

func lowerFields(fields []Field) []snow_host_http.Field {
	headers := make([]snow_host_http.Field, len(fields))
	for index, field := range fields {
		// A name that is not UTF-8 is no name, and the host says so.
		headers[index] = snow_host_http.Field{Name: shown(field.Name), Value: []byte(field.Value)}
	}
	return headers
}

func lowerPendings(pendings []*Pending) []handle {
	handles := make([]handle, len(pendings))
	for index, pending := range pendings {
		handles[index] = pending.handle
	}
	return handles
}

func lowerJoin(any bool) host.Join {
	if any {
		return host.Join_Any
	}
	return host.Join_All
}

func lowerOption[T any](value *T) types.Option[T] {
	if value == nil {
		return types.None[T]()
	}
	return types.Some(*value)
}
