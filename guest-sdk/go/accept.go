package snow

import (
	"iter"
	"strconv"
	"strings"

	"github.com/snow-host/snow-host/guest-sdk/go/internal/text"
)

// Accepts returns which of these media types the client would like best, by its header field accept
// (RFC 9110, section 12.5.1); of several that it likes as much, the first. A client without that
// field takes the first. It returns "" if the client would take none of them.
//
// An answer that depends on it has the field vary: accept, so that caches know.
func (r *Request) Accepts(offered ...string) string {
	var ranges []mediaRange
	has := false
	for _, field := range r.Headers {
		if !text.EqualFold(field.Name, "accept") {
			continue
		}
		has = true
		for part := range partsOf(field.Value, ',') {
			ranges = append(ranges, parseRange(part))
		}
	}
	if !has && len(offered) > 0 {
		return offered[0]
	}
	best, heaviest := "", 0
	for _, one := range offered {
		if weight := weightOf(one, ranges); weight > heaviest {
			best, heaviest = one, weight
		}
	}
	return best
}

// mediaRange is a part of the field accept.
type mediaRange struct {
	kind, subtype string
	hasParameters bool
	// weight is in thousandths.
	weight int
}

func parseRange(part string) mediaRange {
	value, parameters := valueAndParameters(part)
	found := mediaRange{weight: 1000}
	found.kind, found.subtype, _ = strings.Cut(value, "/")
	for _, parameter := range parameters {
		if text.EqualFold(parameter.name, "q") {
			found.weight = thousandths(parameter.value)
		} else {
			found.hasParameters = true
		}
	}
	return found
}

// weightOf returns the weight of a media type: that of the most specific range that it is in, the
// better one of two that are as specific, and 0 if it is in none.
func weightOf(offered string, ranges []mediaRange) int {
	value, parameters := valueAndParameters(offered)
	kind, subtype, _ := strings.Cut(value, "/")
	most, weight := 0, 0
	for _, one := range ranges {
		switch specificity := one.specificity(kind, subtype, len(parameters) > 0); {
		case specificity > most:
			most, weight = specificity, one.weight
		case specificity == most:
			weight = max(weight, one.weight)
		}
	}
	return weight
}

// specificity returns how exactly a range names a media type; -1 if that is not in it.
func (m mediaRange) specificity(kind, subtype string, hasParameters bool) int {
	switch {
	case m.hasParameters && !hasParameters:
		// What a parameter means is not known here: a range with some is for a type with some.
		return -1
	case m.kind == "*" && m.subtype == "*":
		return 0
	case !text.EqualFold(m.kind, kind):
		return -1
	case m.subtype == "*":
		return 1
	case !text.EqualFold(m.subtype, subtype):
		return -1
	case m.hasParameters:
		return 3
	default:
		return 2
	}
}

// thousandths returns the weight 1, 0.5 or 0.125 in thousandths; 0 for any other text.
func thousandths(weight string) int {
	whole, fraction, _ := strings.Cut(weight, ".")
	if whole != "0" && whole != "1" || len(fraction) > 3 {
		return 0
	}
	digits := whole + fraction + "000"[len(fraction):]
	found, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || found > 1000 {
		return 0
	}
	return int(found)
}

// parameter is a parameter of a header field's value.
type parameter struct {
	name, value string
}

// valueAndParameters splits the value of a header field, or a part of it, from the parameters
// behind it, as in form-data; name="a;b". Their names are as sent; a value in quotes is without
// them, and \" in it is a quote. Whatever is no parameter is left out.
func valueAndParameters(field string) (value string, parameters []parameter) {
	isFirst := true
	for part := range partsOf(field, ';') {
		if isFirst {
			value, isFirst = part, false
		} else if name, sent, ok := strings.Cut(part, "="); ok {
			sent = unquoted(text.TrimSpace(sent))
			parameters = append(parameters, parameter{text.TrimSpace(name), sent})
		}
	}
	return value, parameters
}

// partsOf returns the parts between separators that are outside of quotes, without the spaces
// around them.
func partsOf(field string, separator byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		begin, isQuoted, isEscaped := 0, false, false
		for at := range len(field) {
			wasEscaped := isEscaped
			isEscaped = false
			switch char := field[at]; {
			case char == '"' && !wasEscaped:
				isQuoted = !isQuoted
			case char == '\\' && isQuoted && !wasEscaped:
				isEscaped = true
			case char == separator && !isQuoted:
				if !yield(text.TrimSpace(field[begin:at])) {
					return
				}
				begin = at + 1
			}
		}
		yield(text.TrimSpace(field[begin:]))
	}
}

// unquoted returns a value without the quotes around it.
func unquoted(value string) string {
	if len(value) < 2 || value[0] != '"' || value[len(value)-1] != '"' {
		return value
	}
	// Browsers send backslashes in names of files as they are, so only \" is an escape.
	return strings.ReplaceAll(value[1:len(value)-1], `\"`, `"`)
}
