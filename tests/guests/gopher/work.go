package main

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	snow "github.com/snow-host/snow-host/guest-sdk/go"
	"github.com/snow-host/snow-host/guest-sdk/go/jobs"
)

func init() {
	snow.Route("GET", "/gopher/sql", sql)
	snow.Route("POST", "/gopher/sql/plain", plain)
	snow.Route("GET", "/gopher/sql/listen", listen)
	snow.Route("POST", "/gopher/sql/notify", notify)
	snow.Route("GET", "/gopher/job/(.+)", job).Resume(ended)
	snow.Route("POST", "/gopher/job/(.+)", jobInPlace)
	snow.Route("POST", "/gopher/enqueue/(.+)", enqueue)
	snow.Route("GET", "/gopher/count/(.+)", count)
	jobs.Handle("echo", echo)
	jobs.Handle("about", about)
	jobs.Handle("fail", fail)
	jobs.Handle("flaky", flaky)
	jobs.Handle("vain", vain)
	jobs.Handle("trap", trap)
	jobs.Handle("nested", nested)
}

// keptDatabase is a database of an earlier call.
var keptDatabase *snow.Database

// sql does with a database what can be done with one, and says the words of the last refusal.
func sql(*snow.Request) (snow.Outcome, error) {
	app, err := snow.OpenDatabase("app")
	if err != nil {
		return nil, err
	}
	if _, err := snow.OpenDatabase("another"); !errors.Is(err, snow.Denied) {
		return nil, fmt.Errorf("a database without a grant: %w", err)
	}
	if dialect, err := app.Dialect(); err != nil || dialect != snow.SQLite {
		return nil, fmt.Errorf("the dialect is %v: %w", dialect, err)
	}
	for _, text := range []string{
		"drop table if exists t", "create table t (id integer primary key, name text unique)",
	} {
		if _, err := app.Query(text); err != nil {
			return nil, err
		}
	}
	added, err := app.Query("insert into t (name) values ($1)", "o'brien")
	if err != nil || added.Affected != 1 || added.LastID == nil || *added.LastID != 1 {
		return nil, fmt.Errorf("added %v: %w", added, err)
	}
	if err := checkValues(app); err != nil {
		return nil, err
	}
	if err := checkTransactions(app); err != nil {
		return nil, err
	}
	var refused *snow.DatabaseError
	if _, err := app.Listen("news"); !errors.As(err, &refused) || refused.Code != "0A000" {
		return nil, fmt.Errorf("listened: %w", err)
	}
	if keptDatabase != nil && !panicsWith(func() { _, _ = keptDatabase.Query("select 1") }) {
		return nil, errors.New("a database of another call was used")
	}
	keptDatabase = app
	var limit *snow.LimitError
	many := "with recursive n(i) as (select 1 union all select i + 1 from n) select i from n"
	if _, err := app.Query(many); !errors.As(err, &limit) {
		return nil, fmt.Errorf("many rows: %w", err)
	}
	return snow.Text(limit.Words), nil
}

func panicsWith(function func()) (panicked bool) {
	defer func() { panicked = recover() != nil }()
	function()
	return false
}

func checkValues(app *snow.Database) error {
	rows, err := app.Query("select $1 as a, $2 as b, $3 as c, $4 as d, $5 as e, $6 as f",
		nil, true, -7, 0.5, "12", []byte("a\x00b"))
	if err != nil {
		return err
	}
	row, _ := rows.First()
	var a *string
	var b bool
	var c int8
	var d float64
	var e uint16
	var f []byte
	if err := row.Scan(&a, &b, &c, &d, &e, &f); err != nil {
		return err
	}
	if a != nil || !b || c != -7 || d != 0.5 || e != 12 || string(f) != "a\x00b" {
		return fmt.Errorf("read %v %v %v %v %v %q", a, b, c, d, e, f)
	}
	return nil
}

func checkTransactions(app *snow.Database) error {
	insert := func(name string) snow.Statement {
		return snow.Statement{Text: "insert into t (name) values ($1)", Parameters: []any{name}}
	}
	both, err := app.Transact(insert("a"), insert("b"))
	if err != nil || len(both) != 2 || *both[1].LastID != 3 {
		return fmt.Errorf("both: %w", err)
	}
	if _, err := app.Transact(insert("c"), insert("a")); !snow.IsDuplicate(err) {
		return fmt.Errorf("neither: %w", err)
	}
	rows, err := app.Query("select name from t order by id")
	if err != nil || rows.Len() != 3 {
		return fmt.Errorf("%d rows: %w", rows.Len(), err)
	}
	var last string
	for row := range rows.All() {
		if last, err = snow.Column[string](row, "name"); err != nil {
			return err
		}
	}
	if last != "b" {
		return fmt.Errorf("the last name is %q", last)
	}
	return nil
}

// plain carries out the statement in the content, and lets an error be the answer.
func plain(request *snow.Request) (snow.Outcome, error) {
	app, err := snow.OpenDatabase("app")
	if err != nil {
		return nil, err
	}
	rows, err := app.Query(request.Text())
	if err != nil {
		return nil, err
	}
	return snow.Text(strconv.Itoa(rows.Len())), nil
}

// listen is answered with the payload of the next notification.
func listen(*snow.Request) (snow.Outcome, error) {
	app, err := snow.OpenDatabase("app")
	if err != nil {
		return nil, err
	}
	pending, err := app.Listen("news")
	if err != nil {
		return nil, err
	}
	return pending.Suspend(), nil
}

func notify(request *snow.Request) (snow.Outcome, error) {
	app, err := snow.OpenDatabase("app")
	if err != nil {
		return nil, err
	}
	_, err = app.Query("select pg_notify('news', $1)", request.Text())
	return snow.Text("told"), err
}

func payloadOf(request *snow.Request) []byte {
	if request.HasQuery {
		return []byte(request.RawQuery)
	}
	return request.Body
}

func said(came *snow.Settlement) snow.Outcome {
	switch {
	case came == nil:
		return snow.Text("late").WithStatus(504)
	case came.Failure != nil:
		return snow.Text("failed " + came.Failure.Code + ": " + came.Failure.Message)
	default:
		return snow.Text(came.Text())
	}
}

// job starts a job and waits for it without an instance.
func job(request *snow.Request) (snow.Outcome, error) {
	pending, err := jobs.Start(request.ParamAt(0), payloadOf(request))
	if err != nil {
		return nil, snow.Error(503, err.Error())
	}
	return pending.Suspend().Deadline(time.Minute), nil
}

func ended(resumed *snow.Resumed) (snow.Outcome, error) {
	return said(resumed.Settlement(0)), nil
}

// jobInPlace starts a job and waits for it in place.
func jobInPlace(request *snow.Request) (snow.Outcome, error) {
	pending, err := jobs.Start(request.ParamAt(0), payloadOf(request))
	if err != nil {
		return nil, snow.Error(503, err.Error())
	}
	came, err := pending.WaitFor(time.Minute)
	return said(came), err
}

// enqueue keeps a job that is tried three times at most.
func enqueue(request *snow.Request) (snow.Outcome, error) {
	job := jobs.Durable{Name: request.ParamAt(0), Payload: payloadOf(request)}
	job.Delay, job.Attempts = time.Microsecond, 3
	id, err := job.Enqueue()
	if err != nil {
		return nil, snow.Error(503, err.Error())
	}
	return snow.Text(id), nil
}

// count says how often something was done.
func count(request *snow.Request) (snow.Outcome, error) {
	sum, err := add(request.ParamAt(0), 0)
	return snow.Text(strconv.FormatInt(sum, 10)), err
}

func add(key string, by int64) (int64, error) {
	bucket, err := snow.OpenBucket("default")
	if err != nil {
		return 0, err
	}
	return bucket.Increment(key, by)
}

func echo(job *jobs.Job) ([]byte, error) {
	return job.Payload, nil
}

func about(job *jobs.Job) ([]byte, error) {
	isDue := job.Due.Unix() > 1_700_000_000
	return fmt.Appendf(nil, "%s %d/%d %v %v",
		job.Name, job.Attempt, job.AttemptsMax, len(job.ID) == 32, isDue), nil
}

// fail leaves a pending, a bucket and a database behind, and fails.
func fail(job *jobs.Job) ([]byte, error) {
	if _, err := snow.Create(); err != nil {
		return nil, err
	}
	if _, err := add("fail", 1); err != nil {
		return nil, err
	}
	_, _ = snow.OpenDatabase("app")
	return nil, &snow.Failure{Code: "mine", Message: job.Text()}
}

// flaky succeeds in the third attempt.
func flaky(job *jobs.Job) ([]byte, error) {
	if _, err := add("flaky", 1); err != nil {
		return nil, err
	}
	if !job.IsLastAttempt() {
		return nil, errors.New("not yet")
	}
	return nil, nil
}

func vain(*jobs.Job) ([]byte, error) {
	if _, err := add("vain", 1); err != nil {
		return nil, err
	}
	return nil, jobs.GiveUp("it makes no sense")
}

func trap(*jobs.Job) ([]byte, error) {
	panic("as it was asked to")
}

// nested starts another job, and waits for it in place.
func nested(job *jobs.Job) ([]byte, error) {
	inner, err := jobs.Start("echo", job.Payload)
	if err != nil {
		return nil, err
	}
	came, err := inner.WaitFor(time.Minute)
	if err != nil {
		return nil, err
	}
	return []byte("nested " + came.Text()), nil
}
