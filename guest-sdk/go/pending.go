package snow

import (
	"fmt"
	"math"
	"time"
	"unicode/utf8"
)

// Pending is something that is settled exactly once: through its token, through its key, or by the
// clock.
//
// It exists from the moment it is created. So create it first, then look at your data, then decide
// to suspend: a settlement in between is kept. It belongs to the call that created it. What is not
// returned in a suspension is released when the call ends; after that nobody can settle it.
type Pending struct {
	handle handle
}

// Refusal is why the host refused.
type Refusal uint8

const (
	// Unknown means that there is no such token: malformed, never given out, or its pending is gone
	// because its request was answered, its client left or its call ended.
	Unknown Refusal = iota
	// AlreadySettled means that the pending was settled before.
	AlreadySettled
	// Denied means that this guest may not do that: wait while it names its routes, or use a key
	// that the deployer has not granted.
	Denied
	// Limit means that a limit of the host is reached.
	Limit
)

// Error returns the refusal in words.
func (r Refusal) Error() string {
	switch r {
	case Unknown:
		return "no pending has this token"
	case AlreadySettled:
		return "the pending was settled before"
	case Denied:
		return "the host does not let this guest do that"
	default:
		return "a limit of the host is reached"
	}
}

// NotUTF8Error is the error of a key or a token that is not UTF-8, which a client's query or content
// need not be.
type NotUTF8Error struct {
	// Text is the key or the token.
	Text string
}

// Error names the text.
func (e *NotUTF8Error) Error() string {
	return fmt.Sprintf("the key or the token %+q is not UTF-8", e.Text)
}

// checkText fails if the host can't be given a text.
func checkText(text string) error {
	if !utf8.ValidString(text) {
		return &NotUTF8Error{text}
	}
	return nil
}

// Create creates a pending that is settled by whoever has its token. The error is a [Refusal].
func Create() (*Pending, error) {
	return hostCreate(nil)
}

// Keyed creates a pending that is settled under a key, or by its token. Several may wait under one
// key; they are served first in, first out. The error is a [Refusal] or a [NotUTF8Error].
func Keyed(key string) (*Pending, error) {
	if err := checkText(key); err != nil {
		return nil, err
	}
	return hostCreate(&key)
}

// Timer creates a pending that the clock settles, with an empty value. Its token may settle it
// earlier. The error is a [Refusal].
func Timer(after time.Duration) (*Pending, error) {
	return hostTimer(milliseconds(after))
}

// Token returns the right to settle this pending: at most 64 ASCII characters, safe in a URL, not
// to be guessed. Give it only to who may.
func (p *Pending) Token() string {
	p.mustBe()
	return p.token()
}

// Release lets go of this one before the call ends: nobody can settle it any more.
func (p *Pending) Release() {
	p.mustBe()
	hostRelease(p)
}

// mustBe panics if there is no pending.
func (p *Pending) mustBe() {
	if p == nil {
		panic("the pending is nil: " + refusedBefore)
	}
}

// Wait waits in place: the next line runs when this one is settled, and has what it was settled
// with; nil if the host's default deadline (30 seconds) came first. The error is a [Refusal].
//
// The call keeps its instance while it waits, and with it every goroutine of the instance stands
// still. If its client leaves meanwhile, the call ends right here, and nothing after this line
// runs.
func (p *Pending) Wait() (*Settlement, error) {
	return waitForOne(p, nil)
}

// WaitFor waits in place as [Pending.Wait] does, this long at most.
func (p *Pending) WaitFor(timeout time.Duration) (*Settlement, error) {
	timeoutMs := milliseconds(timeout)
	return waitForOne(p, &timeoutMs)
}

func waitForOne(pending *Pending, timeoutMs *uint32) (*Settlement, error) {
	settlements, err := waitFor([]*Pending{pending}, false, timeoutMs)
	if err != nil {
		return nil, err
	}
	return settlements[0], nil
}

// WaitAll waits in place until every one of these is settled, or the host's default deadline (30
// seconds) has passed. It returns what each was settled with, nil for one that is not settled.
func WaitAll(pendings ...*Pending) ([]*Settlement, error) {
	return waitFor(pendings, false, nil)
}

// WaitAllFor waits in place as [WaitAll] does, this long at most.
func WaitAllFor(timeout time.Duration, pendings ...*Pending) ([]*Settlement, error) {
	timeoutMs := milliseconds(timeout)
	return waitFor(pendings, false, &timeoutMs)
}

// WaitAny waits in place until the first of these is settled, or the host's default deadline (30
// seconds) has passed. It returns what each was settled with, nil for one that is not settled.
func WaitAny(pendings ...*Pending) ([]*Settlement, error) {
	return waitFor(pendings, true, nil)
}

// WaitAnyFor waits in place as [WaitAny] does, this long at most. With a time of 0 it says what
// came by now.
func WaitAnyFor(timeout time.Duration, pendings ...*Pending) ([]*Settlement, error) {
	timeoutMs := milliseconds(timeout)
	return waitFor(pendings, true, &timeoutMs)
}

func waitFor(pendings []*Pending, any bool, timeoutMs *uint32) ([]*Settlement, error) {
	for _, pending := range pendings {
		pending.mustBe()
	}
	return hostWait(pendings, any, timeoutMs)
}

// SetResult settles the pending that has this token. Without an error this settlement won; it does
// not promise delivery. The error is a [Refusal] or a [NotUTF8Error].
func SetResult(token string, settlement Settlement) error {
	if err := checkText(token); err != nil {
		return err
	}
	return hostSetResult(token, settlement)
}

// SetNext settles the pending that has waited longest under a key, and returns whether one waited.
// The error is a [Refusal] or a [NotUTF8Error].
func SetNext(key string, settlement Settlement) (bool, error) {
	if err := checkText(key); err != nil {
		return false, err
	}
	return hostSetNext(key, settlement)
}

// SetAll settles every pending that waits under a key, and returns how many there were. The error
// is a [Refusal] or a [NotUTF8Error].
func SetAll(key string, settlement Settlement) (int, error) {
	if err := checkText(key); err != nil {
		return 0, err
	}
	return hostSetAll(key, settlement)
}

// Waiting returns how many pendings wait under a key.
func Waiting(key string) int {
	if checkText(key) != nil {
		return 0
	}
	return hostWaiting(key)
}

// Suspension is what a request waits for. Return it from a handler: the call ends and its instance
// is freed until the wait is over.
type Suspension struct {
	pendings    []*Pending
	any         bool
	timeoutMs   *uint32
	onTimeout   *Response
	keepRequest bool
	keepsTime   bool
	state       []byte
}

func (*Suspension) isOutcome() {}

// Suspend waits for this one alone: return it from a handler.
func (p *Pending) Suspend() *Suspension {
	return SuspendAll(p)
}

// SuspendAll waits until every one of these is settled. With none it is over at once.
func SuspendAll(pendings ...*Pending) *Suspension {
	return &Suspension{pendings: pendings}
}

// SuspendAny waits until the first of these is settled. The others are handed back alive
// ([Resumed.TakeUnsettled]). With none it is over at its deadline.
func SuspendAny(pendings ...*Pending) *Suspension {
	return &Suspension{pendings: pendings, any: true}
}

// Deadline sets how long to wait at most, from when the suspension is returned. Without it the
// host's default is in force, 30 seconds.
func (s *Suspension) Deadline(after time.Duration) *Suspension {
	timeoutMs := milliseconds(after)
	s.timeoutMs = &timeoutMs
	return s
}

// KeepDeadline makes the wait end when the one before would have ended, whatever [Suspension.Deadline]
// says: so a request that waits again and again has one deadline in all. It is for a [Resumer], and
// has no effect in a handler.
func (s *Suspension) KeepDeadline() *Suspension {
	s.keepsTime = true
	return s
}

// OnTimeout sets the answer at the deadline for a route without [RouteEntry.Resume]. A route that
// has one is called at the deadline too, and this is ignored.
func (s *Suspension) OnTimeout(response *Response) *Suspension {
	s.onTimeout = response
	return s
}

// State sets the bytes for [Resumed.State], at most 64 KiB.
func (s *Suspension) State(state []byte) *Suspension {
	s.state = state
	return s
}

// KeepRequest gives the request to the [Resumer] again. Without it the request's head and body are
// freed meanwhile.
func (s *Suspension) KeepRequest() *Suspension {
	s.keepRequest = true
	return s
}

// milliseconds returns a time in milliseconds, rounded up, and within what the host can be told.
func milliseconds(time time.Duration) uint32 {
	const millisecond = 1_000_000
	whole := int64(time) / millisecond
	if int64(time)%millisecond > 0 {
		whole++
	}
	return uint32(min(max(whole, 0), math.MaxUint32))
}
