// Package call has what other packages of the SDK need of calls and of the one that is running. The
// package snow sets it.
package call

// HasBegun returns whether the host has called the guest. Then it is too late to name what it has.
var HasBegun func() bool

// Run runs a function of the guest, and returns its panic as an error, with its place.
var Run func(func()) error
