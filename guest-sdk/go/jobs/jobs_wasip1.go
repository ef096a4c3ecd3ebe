//go:build wasip1

package jobs

import (
	"math"
	"time"

	snow "github.com/snow-host/snow-host/guest-sdk/go"
	runner "github.com/snow-host/snow-host/guest-sdk/go/internal/bindings/export_snow_host_job_runner"
	_ "github.com/snow-host/snow-host/guest-sdk/go/internal/bindings/job_exports"
	raw "github.com/snow-host/snow-host/guest-sdk/go/internal/bindings/snow_host_job_runner"
	host "github.com/snow-host/snow-host/guest-sdk/go/internal/bindings/snow_host_jobs"
	pending "github.com/snow-host/snow-host/guest-sdk/go/internal/bindings/snow_host_pending_handles"
	"github.com/snow-host/snow-host/guest-sdk/go/internal/call"
	"github.com/snow-host/snow-host/guest-sdk/go/internal/wit/runtime"
	"github.com/snow-host/snow-host/guest-sdk/go/internal/wit/types"
)

func init() {
	runner.Run = func(given raw.Job) types.Result[[]uint8, raw.Failure] {
		job := &Job{
			ID:          given.Id,
			Name:        given.Name,
			Payload:     given.Payload,
			Attempt:     given.Attempt,
			AttemptsMax: given.AttemptsMax,
			Due:         time.UnixMilli(int64(min(given.DueMs, math.MaxInt64))).UTC(),
		}
		var value []byte
		var failure *snow.Failure
		call.Serve(func() { value, failure = run(job) })
		if failure != nil {
			return types.Err[[]uint8](raw.Failure{Code: failure.Code, Message: failure.Message})
		}
		return types.Ok[[]uint8, raw.Failure](value)
	}
}

func hostStart(name string, payload []byte) (*snow.Pending, error) {
	result := runtime.WithoutCollecting(func() types.Result[*pending.Pending, host.JobError] {
		return host.Start(name, payload)
	})
	if result.Tag() == types.ResultErr {
		return nil, lift(result.Err())
	}
	return call.Own(result.Ok()).(*snow.Pending), nil
}

func hostEnqueue(job Durable) (string, error) {
	delay := max(job.Delay, 0)
	ms := uint64(delay / time.Millisecond)
	if delay%time.Millisecond > 0 {
		ms++
	}
	how := host.Durable{DelayMs: uint32(min(ms, math.MaxUint32)), AttemptsMax: job.Attempts}
	result := runtime.WithoutCollecting(func() types.Result[string, host.JobError] {
		return host.Enqueue(job.Name, job.Payload, how)
	})
	if result.Tag() == types.ResultErr {
		return "", lift(result.Err())
	}
	return result.Ok(), nil
}

func lift(refused host.JobError) error {
	switch refused.Tag() {
	case host.JobError_Denied:
		return snow.Denied
	case host.JobError_NoRunner:
		return ErrNoRunner
	case host.JobError_Limit:
		return &snow.LimitError{Words: refused.Limit()}
	default:
		return &snow.UnavailableError{Words: refused.Unavailable()}
	}
}
