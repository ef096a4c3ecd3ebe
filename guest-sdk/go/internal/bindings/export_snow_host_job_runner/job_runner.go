//go:build wasip1

// Package export_snow_host_job_runner is called by the generated export of the interface job-runner.
// The package jobs says by what.
package export_snow_host_job_runner

import (
	"github.com/snow-host/snow-host/guest-sdk/go/internal/bindings/snow_host_job_runner"
	"github.com/snow-host/snow-host/guest-sdk/go/internal/wit/types"
)

// Run does a job.
var Run func(snow_host_job_runner.Job) types.Result[[]uint8, snow_host_job_runner.Failure]
