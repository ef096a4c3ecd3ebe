//go:build wasip1

package call

import (
	host "github.com/snow-host/snow-host/guest-sdk/go/internal/bindings/snow_host_pending_handles"
)

// Serve runs a function as a call of the host, and ends the call: what it leaves is released.
var Serve func(func())

// Own takes a pending, to be released at the end of the call, and returns it as a [*snow.Pending].
var Own func(*host.Pending) any
