package snow

// Config returns the value of this name that the deployer gives this guest, in [guest.NAME.config]
// of snow.toml, and whether there is one. A change takes effect with the next call. In a native test
// there is no host, and no name has a value.
func Config(name string) (string, bool) {
	if checkText(name) != nil {
		return "", false
	}
	return hostConfig(name)
}

// ConfigAll returns all values by their names, but those that the deployer calls secrets.
func ConfigAll() map[string]string {
	return hostConfigAll()
}

// Secret returns the value of this name in a type that is not shown by accident, and whether there
// is one. Any value can be taken as a secret.
func Secret(name string) (SecretText, bool) {
	text, ok := Config(name)
	return SecretText{text}, ok
}

// SecretText is a text that fmt and log/slog do not show.
type SecretText struct {
	text string
}

// Expose returns the text.
func (s SecretText) Expose() string { return s.text }

// String returns words that stand for the text.
func (SecretText) String() string { return "Secret(…)" }

// GoString returns the same words, for %#v.
func (s SecretText) GoString() string { return s.String() }

// MarshalText returns the same words, for encoding/json and log/slog.
func (s SecretText) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Mount returns what the paths of this guest begin with, as clients see them: /shop, or nothing. The
// path of a request does not have it.
func Mount() string {
	return hostMount()
}

// BaseURL returns the URL of the guest's root, such as https://example.org/shop, without a slash at
// its end; and whether the host knows it: from public_url in snow.toml, or from a proxy that the
// deployer trusts (trust_forwarded), and then only in a call that has the request.
func BaseURL() (string, bool) {
	return hostBaseURL()
}

// CookiePath returns the path for cookies that this guest alone shall get: /shop, or /.
func CookiePath() string {
	if mount := Mount(); mount != "" {
		return mount
	}
	return "/"
}

// URLFor returns the link to a path of this guest: a whole URL if the host knows it, else the path
// with the guest's mount. The path begins with a slash, and may have a query.
func (r *Request) URLFor(path string) string {
	if base, ok := BaseURL(); ok {
		return base + path
	}
	return r.PathFor(path)
}

// PathFor returns the link to a path of this guest on the same server, for a page or a redirect.
func (r *Request) PathFor(path string) string {
	return Mount() + path
}
