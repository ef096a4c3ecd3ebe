//go:build wasip1

package snow

import (
	"time"

	"github.com/snow-host/snow-host/guest-sdk/go/internal/bindings/snow_host_deployment"
	"github.com/snow-host/snow-host/guest-sdk/go/internal/bindings/snow_host_resumption"
	"github.com/snow-host/snow-host/guest-sdk/go/internal/bindings/wasi_config_store"
	"github.com/snow-host/snow-host/guest-sdk/go/internal/wit/runtime"
	"github.com/snow-host/snow-host/guest-sdk/go/internal/wit/types"
)

func hostConfig(name string) (string, bool) {
	result := runtime.WithoutCollecting(
		func() types.Result[types.Option[string], wasi_config_store.Error] {
			return wasi_config_store.Get(name)
		},
	)
	if result.Tag() == types.ResultErr || result.Ok().Tag() == types.OptionNone {
		return "", false
	}
	return result.Ok().Some(), true
}

func hostConfigAll() map[string]string {
	all := map[string]string{}
	result := runtime.WithoutCollecting(wasi_config_store.GetAll)
	if result.Tag() == types.ResultErr {
		return all
	}
	for _, pair := range result.Ok() {
		all[pair.F0] = pair.F1
	}
	return all
}

func hostMount() string {
	return runtime.WithoutCollecting(snow_host_deployment.Mount)
}

func hostBaseURL() (string, bool) {
	base := runtime.WithoutCollecting(snow_host_deployment.BaseUrl)
	if base.Tag() == types.OptionNone {
		return "", false
	}
	return base.Some(), true
}

func hostWaited() time.Duration {
	return time.Duration(snow_host_resumption.WaitedMs()) * time.Millisecond
}

func hostLeft() time.Duration {
	left := snow_host_resumption.LeftMs()
	if left.Tag() == types.OptionNone {
		return 0
	}
	return time.Duration(left.Some()) * time.Millisecond
}

func hostKeepDeadline() {
	snow_host_resumption.KeepDeadline()
}
