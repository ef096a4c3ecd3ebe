// A guest of the tests: what Go's SDK does, a route for each.
package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	snow "github.com/snow-host/snow-host/guest-sdk/go"
	"github.com/snow-host/snow-host/guest-sdk/go/snowhttp"
)

func init() {
	snow.Route("GET", "/sleep", sleep)
	snow.Route("GET", "/panic", panics)
	snow.Route("GET", "/log", logs)
	snow.Route("GET", "/place", place)
	snow.Route("GET", "/tokens", tokens)
	snow.Route("GET", "/timer", timer)
	snow.Route("GET", "/entropy", entropy)
	snow.Route("GET|POST", "/any/(.*)", suspendAny).Resume(more)
	snow.Route("POST", "/settle/(.*)", settle)
	snow.Route("GET", "/alone", alone)
	snow.Route("GET", "/twice", twice)
	snow.Route("GET", "/left", left)
	snow.Route("GET", "/nil", isNil)
	snow.Route("GET", "/released", released)
	snow.Route("GET", "/route", routeTooLate)
	snow.Route("GET", "/gopher/relay", relay).Resume(relayed)
	snow.Route("GET", "/gopher/reply", reply)
	snow.Route("POST", "/gopher/text", text)
	snow.Route("POST", "/gopher/field", field)
	snow.Route("GET", "/gopher/store", store)
	snow.Route("POST", "/gopher/error", failing)
	snow.Route("POST", "/gopher/panic", panicking)
	snow.Route("GET", "/large", large)
	snow.Route("GET", "/behind", behind)
	snowhttp.HandleFunc("any", `/http/(?P<name>\w+)`, standard)
}

// text uses the content, which need not be UTF-8, wherever the host takes a text.
func text(request *snow.Request) (snow.Outcome, error) {
	body := request.Text()
	snow.Log(snow.LevelWarn, "logged: "+body)
	slog.Info("by slog", "body", body)
	log.Printf("by log %s", body)
	failure := snow.Fail(body, body)
	_, created := snow.Keyed(body)
	_, next := snow.SetNext(body, failure)
	_, all := snow.SetAll(body, failure)
	for _, err := range []error{created, snow.SetResult(body, failure), next, all} {
		var refused *snow.NotUTF8Error
		if !errors.As(err, &refused) {
			return snow.Text("taken"), nil
		}
	}
	other, err := snow.Create()
	if err != nil {
		return nil, err
	}
	if err := snow.SetResult(other.Token(), failure); err != nil {
		return nil, err
	}
	came, err := other.WaitFor(0)
	if err != nil || snow.Waiting(body) != 0 {
		return nil, err
	}
	return snow.Text("refused " + came.Failure.Code), nil
}

// kept is a bucket of an earlier call.
var kept *snow.Bucket

// store does with a bucket what can be done with one.
func store(*snow.Request) (snow.Outcome, error) {
	bucket, err := snow.OpenBucket("gopher/store")
	if err != nil {
		return nil, err
	}
	if _, err := snow.OpenBucket("another"); !errors.Is(err, snow.Denied) {
		return nil, fmt.Errorf("another guest's bucket: %w", err)
	}
	if _, err := bucket.Delete("a"); err != nil {
		return nil, err
	}
	if entry, err := bucket.Get("a"); entry != nil || err != nil {
		return nil, fmt.Errorf("it was deleted: %v, %w", entry, err)
	}
	options := snow.SetOptions{Expires: time.Minute, Only: snow.Absent()}
	first, err := bucket.SetWith("a", []byte("one"), options)
	if err != nil {
		return nil, err
	}
	var conflict *snow.Conflict
	if _, err := bucket.SetWith("a", nil, options); !errors.As(err, &conflict) || conflict.Entry.Text() != "one" {
		return nil, fmt.Errorf("it exists: %w", err)
	}
	if _, err := bucket.DeleteOnly("a", snow.Is(first+1)); !errors.As(err, &conflict) {
		return nil, fmt.Errorf("it has another version: %w", err)
	}
	entry, err := bucket.Update("a", func(held *snow.Entry) ([]byte, error) {
		return append([]byte(held.Text()), " two"...), nil
	})
	if err != nil || entry.Text() != "one two" || entry.Version <= first {
		return nil, fmt.Errorf("updated: %v, %w", entry, err)
	}
	pending, err := bucket.Changed("a", entry)
	if err != nil {
		return nil, err
	}
	if _, err := bucket.Set("a", []byte("three")); err != nil {
		return nil, err
	}
	if came, err := pending.WaitFor(10 * time.Second); err != nil || came.Text() != "three" {
		return nil, fmt.Errorf("changed: %v, %w", came, err)
	}
	if _, err := bucket.Changed("none", nil); err != nil {
		return nil, err
	}
	if _, err := bucket.Increment("a", 1); !errors.Is(err, snow.ErrNotAnInteger) {
		return nil, fmt.Errorf("added to a text: %w", err)
	}
	if sum, err := bucket.Increment("sum", -7); err != nil || sum%7 != 0 {
		return nil, fmt.Errorf("the sum is %d: %w", sum, err)
	}
	for number := range 300 {
		if _, err := bucket.Set(fmt.Sprintf("n%03d", number), nil); err != nil {
			return nil, err
		}
	}
	count := 0
	for key, err := range bucket.Keys("n") {
		if err != nil || key != fmt.Sprintf("n%03d", count) {
			return nil, fmt.Errorf("key %q: %w", key, err)
		}
		count++
	}
	if kept != nil {
		count = 0
		func() {
			defer func() {
				if recover() != nil {
					count = 300
				}
			}()
			_, _ = kept.Get("a")
		}()
	}
	kept = bucket
	var limit *snow.LimitError
	if _, err := bucket.Set(strings.Repeat("k", 2000), nil); !errors.As(err, &limit) || count != 300 {
		return nil, fmt.Errorf("%d keys: %w", count, err)
	}
	return snow.Text(limit.Words), nil
}

func field(request *snow.Request) (snow.Outcome, error) {
	return snow.Empty(200).Set(request.Text(), "x"), nil
}

func failing(request *snow.Request) (snow.Outcome, error) {
	return nil, fmt.Errorf("failed with %s", request.Body)
}

func panicking(request *snow.Request) (snow.Outcome, error) {
	panic("panicked with " + request.Text())
}

// sleep has ten goroutines sleep at the same time, and says for how long that took.
func sleep(request *snow.Request) (snow.Outcome, error) {
	ms, err := strconv.Atoi(request.Query().Get("ms"))
	if err != nil {
		return nil, snow.Error(400, "ms is a number")
	}
	began := time.Now()
	var group sync.WaitGroup
	for range 10 {
		group.Go(func() { time.Sleep(time.Duration(ms) * time.Millisecond) })
	}
	group.Wait()
	return snow.Text(strconv.FormatInt(time.Since(began).Milliseconds(), 10)), nil
}

func panics(*snow.Request) (snow.Outcome, error) {
	var nobody *snow.Request
	return snow.Text(nobody.Method), nil
}

func logs(*snow.Request) (snow.Outcome, error) {
	fmt.Println("by fmt")
	log.Print("by log")
	slog.Debug("by slog", "order", 7, slog.Group("client", "name", "an n"))
	slog.Error("badly by slog")
	snow.Log(snow.LevelTrace, "by snow")
	return snow.Text("logged"), nil
}

// place waits in place: for a timer beside a pending that nobody settles, and then for a key.
func place(*snow.Request) (snow.Outcome, error) {
	nobody, err := snow.Create()
	if err != nil {
		return nil, err
	}
	timer, err := snow.Timer(10 * time.Millisecond)
	if err != nil {
		return nil, err
	}
	both, err := snow.WaitAny(nobody, timer)
	if err != nil {
		return nil, err
	}
	if both[0] != nil || both[1] == nil {
		return nil, snow.Error(500, "it was not the timer")
	}
	keyed, err := snow.Keyed("place")
	if err != nil {
		return nil, err
	}
	came, err := keyed.WaitFor(time.Minute)
	if err != nil {
		return nil, err
	}
	return snow.Text(came.Text()), nil
}

// tokens settles what it has created itself, in each way.
func tokens(*snow.Request) (snow.Outcome, error) {
	answer := snow.Text("a response").WithStatus(201).Set("x-of", "go")
	var said []string
	for _, settlement := range []snow.Settlement{
		snow.Value("a value"), snow.Respond(answer), snow.Fail("late", "too late"),
	} {
		pending, err := snow.Create()
		if err != nil {
			return nil, err
		}
		if err := snow.SetResult(pending.Token(), settlement); err != nil {
			return nil, err
		}
		again := snow.SetResult(pending.Token(), settlement)
		came, err := pending.Wait()
		if err != nil {
			return nil, err
		}
		switch {
		case came.Failure != nil:
			said = append(said, came.Failure.Error())
		case came.Response != nil:
			header := came.Response.Headers[len(came.Response.Headers)-1]
			said = append(said, fmt.Sprint(came.Response.Status, header, came.Text()))
		default:
			said = append(said, came.Text())
		}
		if again != snow.AlreadySettled {
			said = append(said, fmt.Sprint(again))
		}
	}
	said = append(said, snow.SetResult("nobody's", snow.Value("")).Error())
	return snow.Text(strings.Join(said, "; ")), nil
}

func timer(*snow.Request) (snow.Outcome, error) {
	pending, err := snow.Timer(20 * time.Millisecond)
	if err != nil {
		return nil, err
	}
	// There is no function that goes on: the host answers with the empty value.
	return pending.Suspend(), nil
}

// entropy asks for more random bytes at a time than the host makes in one go.
func entropy(*snow.Request) (snow.Outcome, error) {
	bytes := make([]byte, 300_000)
	if _, err := rand.Read(bytes); err != nil {
		return nil, err
	}
	return snow.Text(fmt.Sprint(len(bytes), bytes[299_990:])), nil
}

// suspendAny waits for three keys, one after the other.
func suspendAny(request *snow.Request) (snow.Outcome, error) {
	var pendings []*snow.Pending
	for _, key := range []string{"a", "b", "c"} {
		pending, err := snow.Keyed(key)
		if err != nil {
			return nil, err
		}
		pendings = append(pendings, pending)
	}
	state := []byte(request.ParamAt(0))
	return snow.SuspendAny(pendings...).State(state).KeepRequest().Deadline(time.Minute), nil
}

func more(resumed *snow.Resumed) (snow.Outcome, error) {
	said := string(resumed.State) + resumed.Text()
	unsettled := resumed.TakeUnsettled()
	if len(unsettled) == 0 {
		return snow.Text(said + " " + resumed.Request.Method + " " + resumed.Request.Text()), nil
	}
	return snow.SuspendAny(unsettled...).State([]byte(said)).KeepRequest().Deadline(time.Minute), nil
}

func settle(request *snow.Request) (snow.Outcome, error) {
	somebodyWaited, err := snow.SetNext(request.ParamAt(0), snow.Value(request.Body))
	return snow.Text(strconv.FormatBool(somebodyWaited)), err
}

// alone is answered by the host at its deadline.
func alone(*snow.Request) (snow.Outcome, error) {
	pending, err := snow.Create()
	if err != nil {
		return nil, err
	}
	return pending.Suspend().Deadline(time.Millisecond).OnTimeout(snow.Text("too late").WithStatus(504)), nil
}

func twice(*snow.Request) (snow.Outcome, error) {
	pending, err := snow.Create()
	if err != nil {
		return nil, err
	}
	return snow.SuspendAll(pending, pending), nil
}

// isNil goes on after a refusal as if there were a pending.
func isNil(request *snow.Request) (snow.Outcome, error) {
	var pending *snow.Pending
	for range 65 {
		pending, _ = snow.Create()
	}
	switch request.RawQuery {
	case "token":
		return snow.Text(pending.Token()), nil
	case "wait":
		_, err := pending.Wait()
		return snow.Text("waited"), err
	case "any":
		_, err := snow.WaitAny(pending)
		return snow.Text("waited"), err
	case "release":
		pending.Release()
		return snow.Text("released"), nil
	default:
		return pending.Suspend(), nil
	}
}

// released creates more pendings than a call may have at one time, and looks at the last.
func released(*snow.Request) (snow.Outcome, error) {
	for range 200 {
		pending, err := snow.Create()
		if err != nil {
			return nil, err
		}
		token := pending.Token()
		if came, err := snow.WaitAnyFor(0, pending); err != nil || came[0] != nil {
			return nil, fmt.Errorf("nothing came: %v", err)
		}
		pending.Release()
		pending.Release()
		if err := snow.SetResult(token, snow.Value("")); err != snow.Unknown {
			return nil, fmt.Errorf("it is still there: %v", err)
		}
	}
	return snow.Text("released"), nil
}

func routeTooLate(*snow.Request) (snow.Outcome, error) {
	snow.Route("GET", "/new", left)
	return snow.Text("named"), nil
}

// relay is answered with the response that came, and a field more.
func relay(*snow.Request) (snow.Outcome, error) {
	pending, err := snow.Keyed("gopher-relay")
	if err != nil {
		return nil, err
	}
	return pending.Suspend(), nil
}

func relayed(resumed *snow.Resumed) (snow.Outcome, error) {
	came := resumed.Settlement(0)
	if came == nil || came.Response == nil {
		return nil, snow.Error(504, "no answer came")
	}
	return came.Response.Add("x-relayed", "gopher"), nil
}

// reply settles what relay waits for with its own answer.
func reply(*snow.Request) (snow.Outcome, error) {
	answer := snow.Text("a reply").WithStatus(201).Add("x-of", "gopher")
	somebodyWaited, err := snow.SetNext("gopher-relay", snow.Respond(answer))
	if err == nil && !somebodyWaited {
		err = snow.Error(409, "nobody waits")
	}
	return answer, err
}

// left leaves pendings behind, as many as a call may have.
func left(*snow.Request) (snow.Outcome, error) {
	for range 64 {
		if _, err := snow.Create(); err != nil {
			return nil, err
		}
	}
	return snow.Text("left"), nil
}

// large answers with more than a request has room for, and collects garbage on the way.
func large(*snow.Request) (snow.Outcome, error) {
	var parts []string
	for index := range 20_000 {
		parts = append(parts, strings.Repeat(strconv.Itoa(index%10), 100))
	}
	return snow.Text(strings.Join(parts, "")), nil
}

var behindIt int

// behind leaves a goroutine behind, and says how far those of before have come.
func behind(*snow.Request) (snow.Outcome, error) {
	go func() { behindIt++ }()
	time.Sleep(time.Millisecond)
	return snow.Text(strconv.Itoa(behindIt)), nil
}

func standard(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodDelete {
		http.Error(w, "not that", http.StatusForbidden)
		return
	}
	http.SetCookie(w, &http.Cookie{Name: "seen", Value: "1"})
	fmt.Fprintf(w, "<p>%s %s %s", r.PathValue("name"), r.FormValue("q"), snowhttp.RequestOf(r.Context()).Method)
}

// main must exist, and is never called.
func main() {}
