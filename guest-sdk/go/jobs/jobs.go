// Package jobs has a guest do work on other threads, later, or again and again.
//
// A job is a function with a name. It runs in an instance of its own, on threads with a lower
// priority, so it may compute for long. There are three ways to have it run: [Start], as soon as a
// thread is free; [Enqueue], until it has succeeded once; and a schedule in snow.toml.
//
//	import (
//		snow "github.com/snow-host/snow-host/guest-sdk/go"
//		"github.com/snow-host/snow-host/guest-sdk/go/jobs"
//	)
//
//	func init() {
//		snow.Route("GET", `/fib/(\d+)`, ask)
//		jobs.Handle("fib", fib)
//	}
//
//	// What the job returns is the answer, since the route has no function that goes on.
//	func ask(request *snow.Request) (snow.Outcome, error) {
//		pending, err := jobs.Start("fib", []byte(request.ParamAt(0)))
//		if err != nil {
//			return nil, err
//		}
//		return pending.Suspend(), nil
//	}
//
//	func fib(job *jobs.Job) ([]byte, error) {
//		n, err := strconv.Atoi(job.Text())
//		if err != nil {
//			return nil, err
//		}
//		return strconv.AppendInt(nil, compute(n), 10), nil
//	}
//
// A guest that imports this package exports run of job-runner; one that does not has no jobs.
//
// # Failures
//
// A job that was started settles its pending with what it returned, or with a [snow.Failure], which
// is its own or has one of these codes: failed, it returned another error; unknown-job, there is no
// job of that name; trapped, it panicked or used too much memory, and the log has the reason;
// timeout, it took too long; too-large, it returned more bytes than a settlement may have; stopped,
// the server was about to end; overloaded, there was no instance for it.
package jobs

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	snow "github.com/snow-host/snow-host/guest-sdk/go"
	"github.com/snow-host/snow-host/guest-sdk/go/internal/call"
)

// attemptsUsual are the most attempts of a job that says nothing about them.
const attemptsUsual = 20

// Job is a job, as its function gets it.
type Job struct {
	// ID tells this job from every other, and is the same in each attempt.
	ID string
	// Name is the one under which it was started.
	Name string
	// Payload is the bytes that it was started with.
	Payload []byte
	// Attempt is the number of this attempt, from 1.
	Attempt uint32
	// AttemptsMax is how often it is tried at most.
	AttemptsMax uint32
	// Due is when it was due first.
	Due time.Time
}

// Text returns the payload as text.
func (j *Job) Text() string {
	return string(j.Payload)
}

// IsLastAttempt returns whether the job is not tried again if it fails.
func (j *Job) IsLastAttempt() bool {
	return j.Attempt >= j.AttemptsMax
}

// A Function does a job, and returns what its pending is settled with.
//
// It may do whatever a handler may but suspend: use the store and databases, ask other servers,
// wait in place, start jobs. Its error may be a [*snow.Failure] with a code of its own, or
// [GiveUp]. Any other has the code failed, and its text is logged unless [snow.Error] has made it.
type Function func(*Job) ([]byte, error)

// functions are the guest's jobs by their names.
var functions = map[string]Function{}

// Handle names the function that does the jobs of a name. Call it from an init function. It panics
// if the name has a function already, if the function is nil, and in a call: then it is too late.
func Handle(name string, function Function) {
	switch {
	case call.HasBegun():
		panic(fmt.Sprintf("jobs.Handle(%q) comes too late, in a call: "+
			"name all jobs in an init function", name))
	case function == nil:
		panic(fmt.Sprintf("jobs.Handle(%q): the function is nil", name))
	case functions[name] != nil:
		panic(fmt.Sprintf("jobs.Handle(%q): there is a job of this name", name))
	}
	functions[name] = function
}

// GiveUp returns the error of a job that makes no sense, so that it is not tried again.
func GiveUp(message string) error {
	return &snow.Failure{Code: "give-up", Message: message}
}

// ErrNoRunner means that the guest does not export run of job-runner.
var ErrNoRunner = errors.New("this guest has no jobs")

// Start runs a job as soon as a thread is free for it. The pending is settled by its end, with what
// it returned or with a failure.
//
// The job goes on if the pending is released: work that nobody waits for, such as what follows an
// answer. It is lost if the host ends.
//
// The error is [snow.Denied], outside of a call; a [*snow.LimitError]: too many wait, or the
// payload is too long; [ErrNoRunner]; or a [*snow.NotUTF8Error]. In a native test it is
// [snow.Denied].
func Start(name string, payload []byte) (*snow.Pending, error) {
	if !utf8.ValidString(name) {
		return nil, &snow.NotUTF8Error{Text: name}
	}
	return hostStart(name, payload)
}

// Enqueue keeps a job until it has succeeded once, and returns its id. It is due at once, and is
// tried 20 times at most. See [Durable].
func Enqueue(name string, payload []byte) (string, error) {
	return Durable{Name: name, Payload: payload}.Enqueue()
}

// Durable is a job that is kept until it has succeeded once.
//
// It is tried by whichever version of the guest serves then. If it fails, it is tried again after a
// second, then two, and so on up to an hour, until its function returns no error, or [GiveUp], or
// it has been tried as often as it may. The deployer sees what has failed for good (snow-host
// jobs).
//
// With a data folder (--data) it survives a crash. Then it may run twice: [Job.ID] is the same.
type Durable struct {
	// Name says which job it is.
	Name string
	// Payload is what its function gets.
	Payload []byte
	// Delay is how long it takes until it is due first; at most 49 days.
	Delay time.Duration
	// Attempts is how often it is tried at most. 0 stands for 20, and more than the host's most
	// (job_attempts_max) for that.
	Attempts uint32
}

// Enqueue keeps the job, and returns its id. With a data folder it is on the disk then.
//
// The errors are those of [Start], and a [*snow.UnavailableError]: the disk does not take the job.
// It may be kept all the same then.
func (d Durable) Enqueue() (string, error) {
	if !utf8.ValidString(d.Name) {
		return "", &snow.NotUTF8Error{Text: d.Name}
	}
	if d.Attempts == 0 {
		d.Attempts = attemptsUsual
	}
	return hostEnqueue(d)
}

// run does a job by the function of its name.
func run(job *Job) ([]byte, *snow.Failure) {
	function := functions[job.Name]
	if function == nil {
		message := fmt.Sprintf("there is no job %q", job.Name)
		return nil, &snow.Failure{Code: "unknown-job", Message: message}
	}
	var value []byte
	var failure *snow.Failure
	panicked := call.Run(func() {
		returned, err := function(job)
		if err != nil {
			failure = failureOf(err)
			return
		}
		value = returned
	})
	if panicked != nil {
		snow.Log(snow.LevelError, panicked.Error())
		return nil, &snow.Failure{Code: "trapped", Message: "the job panicked"}
	}
	return value, failure
}

// failureOf returns what an error settles the job's pending with, and logs one that is no answer.
func failureOf(err error) *snow.Failure {
	var own *snow.Failure
	if errors.As(err, &own) && own != nil {
		return &snow.Failure{Code: shown(own.Code), Message: shown(own.Message)}
	}
	var public *snow.StatusError
	if !errors.As(err, &public) {
		snow.Log(snow.LevelError, err.Error())
	}
	return &snow.Failure{Code: "failed", Message: shown(err.Error())}
}

// shown returns a text for people: the host ends a call that hands it one that is not UTF-8.
func shown(text string) string {
	return strings.ToValidUTF8(text, "\uFFFD")
}
