//go:build !wasip1

package snow

import (
	"fmt"
	"os"
	"time"
)

// A native test has no host: pendings are refused, nobody waits, and the log is standard error.
// Buckets are in memory, and there are no databases.

// handle is what the host knows a pending by.
type handle struct{}

func (p *Pending) token() string { return "" }

func giveAway(*Suspension) bool { return true }

func hostRelease(*Pending) {}

func hostCreate(*string) (*Pending, error) { return nil, Denied }

func hostTimer(uint32) (*Pending, error) { return nil, Denied }

func hostFetch(*Fetch) (*Pending, error) { return nil, Denied }

func hostOpenDatabase(string) (databaseHost, error) { return nil, Denied }

func hostWait([]*Pending, bool, *uint32) ([]*Settlement, error) { return nil, Denied }

func hostSetResult(string, Settlement) error { return Unknown }

func hostSetNext(string, Settlement) (bool, error) { return false, nil }

func hostSetAll(string, Settlement) (int, error) { return 0, nil }

func hostWaiting(string) int { return 0 }

func hostConfig(string) (string, bool) { return "", false }

func hostConfigAll() map[string]string { return map[string]string{} }

func hostMount() string { return "" }

func hostBaseURL() (string, bool) { return "", false }

func hostWaited() time.Duration { return 0 }

func hostLeft() time.Duration { return 0 }

func hostKeepDeadline() {}

func hostLog(level Level, message string) {
	names := [...]string{"trace", "debug", "info", "warn", "error"}
	fmt.Fprintf(os.Stderr, "%s: %s\n", names[level], message)
}
