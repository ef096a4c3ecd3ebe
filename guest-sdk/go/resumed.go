package snow

import "time"

// Resumed is a wait that is over, as a [Resumer] gets it. It runs in another instance, and knows
// only what is in here.
type Resumed struct {
	// Request is set if the suspension asked to keep it.
	Request *Request
	// TimedOut is whether the deadline passed first.
	TimedOut bool
	// State is the bytes that the suspension gave.
	State []byte

	arrivals []arrival
}

// arrival is what became of one pending of the suspension.
type arrival struct {
	// pending is nil once it was taken, and in tests, where there is no host.
	pending    *Pending
	settlement *Settlement
}

// NewResumed makes the argument of a [Resumer] for a test. A nil settlement stands for a pending
// that is not settled.
func NewResumed(timedOut bool, state string, settlements ...*Settlement) *Resumed {
	resumed := &Resumed{TimedOut: timedOut, State: []byte(state)}
	for _, settlement := range settlements {
		resumed.arrivals = append(resumed.arrivals, arrival{settlement: settlement})
	}
	return resumed
}

// Settlement returns what the pending at this place of the suspension was settled with, and nil if
// it is not settled.
func (r *Resumed) Settlement(index int) *Settlement {
	if index < 0 || index >= len(r.arrivals) {
		return nil
	}
	return r.arrivals[index].settlement
}

// First returns the first of the suspension's pendings that is settled, in their order: its place
// there, and what it was settled with. It returns -1 and nil if none is.
func (r *Resumed) First() (int, *Settlement) {
	for index, arrival := range r.arrivals {
		if arrival.settlement != nil {
			return index, arrival.settlement
		}
	}
	return -1, nil
}

// Bytes returns the bytes of the first settlement that is no failure, and nil if there is none.
func (r *Resumed) Bytes() []byte {
	for _, arrival := range r.arrivals {
		if arrival.settlement != nil && arrival.settlement.Failure == nil {
			return arrival.settlement.Bytes()
		}
	}
	return nil
}

// Text returns [Resumed.Bytes] as text.
func (r *Resumed) Text() string {
	return string(r.Bytes())
}

// Failure returns the first failure that came, and nil if none did.
func (r *Resumed) Failure() *Failure {
	for _, arrival := range r.arrivals {
		if arrival.settlement != nil && arrival.settlement.Failure != nil {
			return arrival.settlement.Failure
		}
	}
	return nil
}

// Waited returns how long the request has waited: from when the suspension was returned until this
// call has started.
func (r *Resumed) Waited() time.Duration {
	return hostWaited()
}

// Left returns how long the deadline of the suspension still has, and 0 if it has passed. A further
// wait has its own deadline, unless it keeps this one ([Suspension.KeepDeadline]).
func (r *Resumed) Left() time.Duration {
	return hostLeft()
}

// TakeUnsettled returns every pending that is not settled, to wait on them once more, in the order
// of the suspension. Those that are not taken are released when the call ends.
func (r *Resumed) TakeUnsettled() []*Pending {
	var taken []*Pending
	for index := range r.arrivals {
		arrival := &r.arrivals[index]
		if arrival.settlement == nil && arrival.pending != nil {
			taken = append(taken, arrival.pending)
			arrival.pending = nil
		}
	}
	return taken
}
