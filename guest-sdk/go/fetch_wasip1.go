//go:build wasip1

package snow

import (
	"time"

	fetch "github.com/snow-host/snow-host/guest-sdk/go/internal/bindings/snow_host_fetch"
	"github.com/snow-host/snow-host/guest-sdk/go/internal/wit/types"
)

func hostFetch(f *Fetch) (*Pending, error) {
	method := f.Method
	if method == "" {
		method = "GET"
	}
	return created(fetch.Start(fetch.Outgoing{
		Method:  method,
		Url:     f.URL,
		Headers: lowerFields(f.Headers),
		Body:    f.Body,
		Options: types.Some(fetch.Options{
			TimeoutMs:        some(lowerTime(f.Timeout)),
			ConnectTimeoutMs: some(lowerTime(f.ConnectTimeout)),
			RedirectsMax:     some(f.Redirects),
			ResponseBytesMax: some(f.ResponseBytesMax),
			Collapse:         some(f.Collapse),
		}),
	}))
}

func lowerTime(time time.Duration) uint32 {
	if time <= 0 {
		return 0
	}
	return milliseconds(time)
}

// some returns none for what is not said.
func some[T uint8 | uint32 | string](value T) types.Option[T] {
	var nothing T
	if value == nothing {
		return types.None[T]()
	}
	return types.Some(value)
}
