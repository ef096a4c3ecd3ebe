package jobs

import (
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	snow "github.com/snow-host/snow-host/guest-sdk/go"
)

func double(job *Job) ([]byte, error) {
	number, err := strconv.Atoi(job.Text())
	return strconv.AppendInt(nil, int64(number)*2, 10), err
}

func init() {
	Handle("double", double)
	Handle("nothing", func(*Job) ([]byte, error) { return nil, nil })
	Handle("own", func(*Job) ([]byte, error) {
		return nil, fmt.Errorf("in vain: %w", &snow.Failure{Code: "mine\xff", Message: "why"})
	})
	Handle("public", func(*Job) ([]byte, error) { return nil, snow.Error(404, "no such order") })
	Handle("vain", func(*Job) ([]byte, error) { return nil, GiveUp("it makes no sense") })
	Handle("panics", func(*Job) ([]byte, error) { panic("here") })
	Handle("nil", func(*Job) ([]byte, error) {
		var failure *snow.Failure
		return nil, failure
	})
}

func TestAJobIsFoundByItsNameAndItsErrorHasACode(t *testing.T) {
	value, failure := run(&Job{Name: "double", Payload: []byte("21")})
	if failure != nil || string(value) != "42" {
		t.Errorf("%s, %v", value, failure)
	}
	if value, failure := run(&Job{Name: "nothing"}); failure != nil || value != nil {
		t.Errorf("%s, %v", value, failure)
	}
	for name, code := range map[string]string{
		"double":  "failed",
		"own":     "mine\uFFFD",
		"public":  "failed",
		"vain":    "give-up",
		"panics":  "trapped",
		"nil":     "trapped",
		"unknown": "unknown-job",
	} {
		value, failure := run(&Job{Name: name, Payload: []byte("x")})
		if value != nil || failure == nil || failure.Code != code {
			t.Errorf("%s: %s, %v", name, value, failure)
		}
	}
}

func TestAJobHasOneFunction(t *testing.T) {
	for name, function := range map[string]Function{"double": double, "none": nil} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s was taken", name)
				}
			}()
			Handle(name, function)
		}()
	}
}

func TestWithoutAHostNoJobIsTaken(t *testing.T) {
	if _, err := Start("double", nil); !errors.Is(err, snow.Denied) {
		t.Error(err)
	}
	var notText *snow.NotUTF8Error
	if _, err := Start("\xff", nil); !errors.As(err, &notText) {
		t.Error(err)
	}
	if _, err := (Durable{Name: "\xff"}).Enqueue(); !errors.As(err, &notText) {
		t.Error(err)
	}
	durable := Durable{Name: "double", Delay: time.Second, Attempts: 3}
	if _, err := durable.Enqueue(); !errors.Is(err, snow.Denied) {
		t.Error(err)
	}
	if _, err := Enqueue("double", nil); !errors.Is(err, snow.Denied) {
		t.Error(err)
	}
}

func TestTheLastAttempt(t *testing.T) {
	first, second := Job{Attempt: 1, AttemptsMax: 2}, Job{Attempt: 2, AttemptsMax: 2}
	if first.IsLastAttempt() || !second.IsLastAttempt() {
		t.Error("attempts")
	}
}
