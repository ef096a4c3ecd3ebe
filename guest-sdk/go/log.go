package snow

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
)

// Level is the level of a line in the guest's log.
type Level uint8

// The levels, from the least to the most serious.
const (
	LevelTrace Level = iota
	LevelDebug
	LevelInfo
	LevelWarn
	LevelError
)

// Log writes one line to the guest's log, where it stands beside the request's id. The host escapes
// control characters and cuts a long message; what is not UTF-8 is shown as U+FFFD. In a native test it goes to standard error.
//
// The packages log and log/slog write there as well, by level; whatever is printed to standard
// output is a line at LevelInfo, and standard error is LevelWarn.
func Log(level Level, message string) {
	hostLog(level, shown(message))
}

// shown returns a text for people: the host ends a call that hands it one that is not UTF-8.
func shown(text string) string {
	return strings.ToValidUTF8(text, "\uFFFD")
}

func init() {
	slog.SetDefault(slog.New(&handler{}))
}

// handler writes the records of log/slog, and by slog.SetDefault the lines of log, to the guest's
// log.
type handler struct {
	// prefix stands before the keys of a record's attributes: the names of groups.
	prefix string
	// attributes is what WithAttrs has added, as it is written.
	attributes string
}

func (h *handler) Enabled(context.Context, slog.Level) bool {
	return true
}

func (h *handler) Handle(_ context.Context, record slog.Record) error {
	var line strings.Builder
	line.WriteString(record.Message)
	line.WriteString(h.attributes)
	record.Attrs(func(attribute slog.Attr) bool {
		write(&line, h.prefix, attribute)
		return true
	})
	Log(levelOf(record.Level), line.String())
	return nil
}

func (h *handler) WithAttrs(attributes []slog.Attr) slog.Handler {
	var added strings.Builder
	for _, attribute := range attributes {
		write(&added, h.prefix, attribute)
	}
	return &handler{prefix: h.prefix, attributes: h.attributes + added.String()}
}

func (h *handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return &handler{prefix: h.prefix + name + ".", attributes: h.attributes}
}

// levelOf returns the nearest level that is not more serious.
func levelOf(level slog.Level) Level {
	switch {
	case level < slog.LevelDebug:
		return LevelTrace
	case level < slog.LevelInfo:
		return LevelDebug
	case level < slog.LevelWarn:
		return LevelInfo
	case level < slog.LevelError:
		return LevelWarn
	default:
		return LevelError
	}
}

// write writes an attribute as " key=value", those of a group one by one.
func write(line *strings.Builder, prefix string, attribute slog.Attr) {
	value := attribute.Value.Resolve()
	if value.Kind() == slog.KindGroup {
		if attribute.Key != "" {
			prefix += attribute.Key + "."
		}
		for _, inner := range value.Group() {
			write(line, prefix, inner)
		}
		return
	}
	if attribute.Equal(slog.Attr{}) {
		return
	}
	line.WriteString(" " + prefix + attribute.Key + "=")
	text := value.String()
	if text == "" || strings.ContainsAny(text, " =\"\n\t") {
		text = strconv.Quote(text)
	}
	line.WriteString(text)
}
