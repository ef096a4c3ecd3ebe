// Package snowhttp serves handlers of net/http as routes of a guest.
//
//	func init() {
//		snowhttp.Handle("GET", `/hello/(?P<name>\w+)`, http.HandlerFunc(hello))
//	}
//
//	func hello(w http.ResponseWriter, r *http.Request) {
//		fmt.Fprintf(w, "hello %s", r.PathValue("name"))
//	}
//
// It is a package of its own because net/http makes a guest several megabytes larger. A handler
// answers when it returns: there is no streaming, and no hijacking of the connection. It may wait in
// place, by the package snow.
package snowhttp

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"

	snow "github.com/snow-host/snow-host/guest-sdk/go"
)

// Handle serves a path by a handler of net/http. The methods and the pattern are those of
// [snow.Route]; a group of the pattern with a name is a [http.Request.PathValue].
func Handle(methods, pattern string, handler http.Handler) {
	snow.Route(methods, pattern, func(request *snow.Request) (snow.Outcome, error) {
		return respond(request, handler)
	})
}

// HandleFunc serves a path by a function.
func HandleFunc(methods, pattern string, handler func(http.ResponseWriter, *http.Request)) {
	Handle(methods, pattern, http.HandlerFunc(handler))
}

// requestKey is the key of the guest's own request in the context of the one of net/http.
type requestKey struct{}

// RequestOf returns the request that a handler was called for, for instance for its id.
func RequestOf(ctx context.Context) *snow.Request {
	request, _ := ctx.Value(requestKey{}).(*snow.Request)
	return request
}

func respond(request *snow.Request, handler http.Handler) (snow.Outcome, error) {
	translated, err := translate(request)
	if err != nil {
		return nil, snow.Error(http.StatusBadRequest, "malformed request target")
	}
	writer := &writer{header: http.Header{}}
	handler.ServeHTTP(writer, translated)
	return writer.response(), nil
}

// translate returns a request as net/http's own server would make it.
func translate(request *snow.Request) (*http.Request, error) {
	target := request.Path
	if request.HasQuery {
		target += "?" + request.RawQuery
	}
	parsed, err := url.ParseRequestURI(target)
	if err != nil {
		return nil, err
	}
	header := make(http.Header, len(request.Headers))
	for _, field := range request.Headers {
		// The server of net/http has it in Request.Host alone.
		if !strings.EqualFold(field.Name, "host") {
			header.Add(field.Name, field.Value)
		}
	}
	translated := &http.Request{
		Method:        request.Method,
		URL:           parsed,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        header,
		Body:          io.NopCloser(bytes.NewReader(request.Body)),
		ContentLength: int64(len(request.Body)),
		Host:          request.Authority,
		RemoteAddr:    request.Client,
		RequestURI:    target,
	}
	if len(request.Body) == 0 {
		translated.Body = http.NoBody
	}
	for _, param := range request.Params {
		if param.Name != "" {
			translated.SetPathValue(param.Name, param.Value)
		}
	}
	return translated.WithContext(context.WithValue(context.Background(), requestKey{}, request)), nil
}

// ofConnection are the header fields that the host writes by itself, or that belong to the
// connection. Python's SDK leaves out the same ones.
var ofConnection = map[string]bool{
	"Connection":        true,
	"Content-Length":    true,
	"Date":              true,
	"Keep-Alive":        true,
	"Proxy-Connection":  true,
	"Te":                true,
	"Trailer":           true,
	"Transfer-Encoding": true,
	"Upgrade":           true,
}

// writer collects an answer.
type writer struct {
	header http.Header
	// sent is the header as it was when the handler wrote its status; nil before that.
	sent   http.Header
	status int
	body   bytes.Buffer
}

func (w *writer) Header() http.Header {
	return w.header
}

func (w *writer) WriteHeader(status int) {
	// The host sends no informational answers.
	if w.sent != nil || status >= 100 && status < 200 {
		return
	}
	w.status = status
	w.sent = w.header.Clone()
}

func (w *writer) Write(bytes []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if hasNoContent(w.status) {
		return 0, http.ErrBodyNotAllowed
	}
	return w.body.Write(bytes)
}

func hasNoContent(status int) bool {
	return status == http.StatusNoContent || status == http.StatusResetContent ||
		status == http.StatusNotModified
}

func (w *writer) response() *snow.Response {
	w.WriteHeader(http.StatusOK)
	response := &snow.Response{Status: w.status, Body: w.body.Bytes()}
	_, hasType := w.sent["Content-Type"]
	_, isEncoded := w.sent["Content-Encoding"]
	if !hasType && !isEncoded && len(response.Body) > 0 {
		response.Add("Content-Type", http.DetectContentType(response.Body))
	}
	for name, values := range w.sent {
		if ofConnection[http.CanonicalHeaderKey(name)] {
			continue
		}
		for _, value := range values {
			response.Add(name, value)
		}
	}
	return response
}
