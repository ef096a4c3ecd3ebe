//go:build wasip1

// Package export_snow_host_resumer is called by the generated exports of the interface resumer. The
// package snow says by what.
package export_snow_host_resumer

import (
	"github.com/snow-host/snow-host/guest-sdk/go/internal/bindings/snow_host_resumer"
	"github.com/snow-host/snow-host/guest-sdk/go/internal/wit/types"
)

// Resume continues a request.
var Resume func(
	route uint32,
	cause snow_host_resumer.Cause,
	request types.Option[snow_host_resumer.Request],
	state []uint8,
	arrivals []snow_host_resumer.Arrival,
) snow_host_resumer.Outcome
