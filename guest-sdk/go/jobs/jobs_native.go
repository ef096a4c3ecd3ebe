//go:build !wasip1

package jobs

import snow "github.com/snow-host/snow-host/guest-sdk/go"

// A native test has no host, which takes no job.

func hostStart(string, []byte) (*snow.Pending, error) { return nil, snow.Denied }

func hostEnqueue(Durable) (string, error) { return "", snow.Denied }
