package snow

import "time"

// Fetch is a request to another server, until it is sent.
//
// The deployer says where a guest may send requests (outbound of its table in snow.toml); without
// that it is denied.
type Fetch struct {
	// Method is GET if it is empty.
	Method string
	// URL is absolute, with the scheme http or https, and without a user and a password.
	URL string
	// Headers are sent beside what the host writes: the fields of the connection, content-length,
	// and x-request-id, user-agent and accept-encoding unless they stand here.
	Headers []Field
	// Body is the content.
	Body []byte
	// Timeout is how long all of it may take, redirects and the answer's content included. 0 is the
	// host's default, 30 seconds.
	Timeout time.Duration
	// ConnectTimeout is how long it may take until there is a connection. 0 is as long as the whole.
	ConnectTimeout time.Duration
	// Redirects is how many of them are followed, each to where the guest may send requests.
	Redirects uint8
	// ResponseBytesMax is the most bytes of the answer's content. 0 is the host's most.
	ResponseBytesMax uint32
	// Collapse says what the request is equal to, unless it is empty. While a request of this guest
	// with the same text is under way, this one is not sent: it is settled with the answer to that
	// one, or its failure. Nothing else is compared, so the text says all that makes a difference;
	// what belongs to one client alone must not be shared. Each has its own Timeout, and the request
	// goes on as long as anybody waits for it.
	Collapse string
}

// Send sends the request. The pending is settled with the response, of any status, or with a failure
// that has one of these codes: invalid-url, denied, dns, refused, tls, timeout, too-large, reset,
// protocol, overloaded. A suspension of it without a [Resumer] sends the response to the client as
// it came. When the pending is released, the request is given up.
//
// The error is a [Refusal]: too many pendings exist, or there is no request that could wait.
func (f *Fetch) Send() (*Pending, error) {
	return hostFetch(f)
}

// FetchFrom sends a GET request to a URL. See [Fetch.Send].
func FetchFrom(url string) (*Pending, error) {
	return (&Fetch{URL: url}).Send()
}
