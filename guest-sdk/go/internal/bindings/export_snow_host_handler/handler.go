//go:build wasip1

// Package export_snow_host_handler is called by the generated exports of the interface handler. The
// package snow says by what.
package export_snow_host_handler

import "github.com/snow-host/snow-host/guest-sdk/go/internal/bindings/snow_host_handler"

// Routes returns what the guest serves.
var Routes func() []snow_host_handler.Route

// Handle answers a request.
var Handle func(route uint32, request snow_host_handler.Request) snow_host_handler.Outcome
