package snow

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/snow-host/snow-host/guest-sdk/go/internal/text"
)

const (
	// partHeadBytesMax is how many bytes the header fields of a part may have.
	partHeadBytesMax = 8192
	// partHeadsBytesMax is how many bytes those of all parts together may have.
	partHeadsBytesMax = 1 << 20
)

// lineEnd ends a line in a form.
const lineEnd = "\r\n"

// parseMultipart returns the form in a content of multipart/form-data (RFC 7578, and RFC 2046 for
// the boundaries) that has arrived whole.
//
// The package mime/multipart is not used: it makes a guest 300 KB larger, reads streams, copies
// files, and takes other forms than the SDKs of the other languages.
func parseMultipart(body []byte, boundary string, limits FormLimits) (*Form, error) {
	if !isBoundary(boundary) {
		return nil, malformed("`content-type` has no `boundary` of 1 to 70 of its characters")
	}
	delimiter := []byte(lineEnd + "--" + boundary)
	form := &Form{}
	heads := 0
	part, isPart, err := firstPart(body, delimiter)
	for isPart && err == nil {
		if err := limits.checkRoom(form); err != nil {
			return nil, err
		}
		part, isPart, err = form.addPart(part, delimiter, limits, &heads)
	}
	if err != nil {
		return nil, err
	}
	return form, nil
}

func isBoundary(boundary string) bool {
	return 1 <= len(boundary) && len(boundary) <= 70 && !strings.HasSuffix(boundary, " ") &&
		all(boundary, func(char byte) bool {
			return 'a' <= char && char <= 'z' || 'A' <= char && char <= 'Z' ||
				'0' <= char && char <= '9' || strings.IndexByte("'()+_,-./:=? ", char) >= 0
		})
}

func malformed(why string) error {
	return Error(400, "malformed multipart/form-data: "+why)
}

// firstPart returns what is behind the first boundary, and whether that is a part: it is none
// behind the last boundary.
func firstPart(body, delimiter []byte) (part []byte, isPart bool, err error) {
	// At the beginning no line end stands before it. What stands before it is for nobody.
	after, ok := bytes.CutPrefix(body, delimiter[len(lineEnd):])
	if !ok {
		if _, after, ok = bytes.Cut(body, delimiter); !ok {
			return nil, false, malformed("the boundary that `content-type` names is not there")
		}
	}
	return behindBoundary(after)
}

// behindBoundary returns the part behind a boundary, and whether there is one. What stands behind
// the last boundary is for nobody.
func behindBoundary(after []byte) (part []byte, isPart bool, err error) {
	if bytes.HasPrefix(after, []byte("--")) {
		return nil, false, nil
	}
	// A gateway may have added spaces.
	line := bytes.TrimLeft(after, " \t")
	part, ok := bytes.CutPrefix(line, []byte(lineEnd))
	switch {
	case ok:
		return part, true, nil
	case len(line) == 0:
		return nil, false, malformed("it is cut off behind a boundary")
	default:
		return nil, false, malformed("a boundary has something behind it in its line")
	}
}

// addPart adds a part to the form, and its bytes of header fields to heads. It returns the next part,
// and whether there is one.
func (f *Form) addPart(
	part, delimiter []byte, limits FormLimits, heads *int,
) (next []byte, isPart bool, err error) {
	raw, content, err := splitHead(part)
	if err != nil {
		return nil, false, err
	}
	if *heads += len(raw); *heads > partHeadsBytesMax {
		return nil, false, Error(413, fmt.Sprintf(
			"the form has more than %d bytes of header fields", partHeadsBytesMax))
	}
	if bytes.Contains(raw, delimiter) {
		return nil, false, malformed("a part has no empty line behind its header fields")
	}
	content, after, ok := bytes.Cut(content, delimiter)
	if !ok {
		return nil, false, malformed("it is cut off: the last boundary is missing")
	}
	content = bytes.TrimPrefix(content, []byte(lineEnd))
	head, err := parseHead(raw)
	if err != nil {
		return nil, false, err
	}
	if head.fileName == nil {
		if err := checkSize(*head.name, len(content), limits.ValueBytesMax); err != nil {
			return nil, false, err
		}
		f.Fields = append(f.Fields, FormField{*head.name, text.Lossy(string(content))})
	} else {
		if err := checkSize(*head.name, len(content), limits.FileBytesMax); err != nil {
			return nil, false, err
		}
		f.Files = append(f.Files, File{*head.name, *head.fileName, head.contentType, content})
	}
	return behindBoundary(after)
}

// splitHead splits a part behind its header fields. The line end of the empty line stays with the
// content: in a part without content it is the next boundary's.
func splitHead(part []byte) (head, content []byte, err error) {
	const emptyLine = lineEnd + lineEnd
	within := part[:min(len(part), partHeadBytesMax+len(emptyLine))]
	end := bytes.Index(within, []byte(emptyLine))
	switch {
	case end >= 0:
		return part[:end], part[end+len(lineEnd):], nil
	case len(part) > partHeadBytesMax:
		return nil, nil, Error(413, fmt.Sprintf(
			"a part of the form has more than %d bytes of header fields", partHeadBytesMax))
	default:
		return nil, nil, malformed("a part has no empty line behind its header fields")
	}
}

// partHead is what the header fields of a part say.
type partHead struct {
	// name is nil only while they are read.
	name *string
	// fileName is nil for a part that is no file.
	fileName    *string
	contentType string
}

func parseHead(raw []byte) (partHead, error) {
	var head partHead
	if !utf8.Valid(raw) {
		return head, malformed("the header fields of a part are not UTF-8")
	}
	for line := range strings.SplitSeq(string(raw), lineEnd) {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return head, malformed("a line among the header fields of a part is none")
		}
		if err := head.read(name, text.TrimSpace(value)); err != nil {
			return head, err
		}
	}
	if head.name == nil {
		return head, malformed("a part has no name")
	}
	return head, nil
}

// read reads one header field of a part.
func (h *partHead) read(name, value string) error {
	switch {
	case text.EqualFold(name, "content-disposition"):
		return h.readDisposition(value)
	case text.EqualFold(name, "content-type"):
		const multipart = "multipart/"
		kind, _ := valueAndParameters(value)
		if len(kind) >= len(multipart) && text.EqualFold(kind[:len(multipart)], multipart) {
			return malformed("a part within a part: RFC 7578 has done away with it")
		}
		h.contentType = value
	case text.EqualFold(name, "content-transfer-encoding"):
		if !text.EqualFold(value, "7bit") && !text.EqualFold(value, "8bit") &&
			!text.EqualFold(value, "binary") {
			return malformed("a part is encoded: RFC 7578 has done away with it")
		}
	}
	return nil
}

func (h *partHead) readDisposition(value string) error {
	kind, parameters := valueAndParameters(value)
	if !text.EqualFold(kind, "form-data") {
		return malformed("`content-disposition` of a part is not `form-data`")
	}
	for _, parameter := range parameters {
		var place **string
		switch {
		case text.EqualFold(parameter.name, "name"):
			place = &h.name
		case text.EqualFold(parameter.name, "filename"):
			place = &h.fileName
		default:
			continue
		}
		// Two readers may take two of them, so neither is right.
		if *place != nil {
			return malformed("a part has two names")
		}
		decoded := decodeName(parameter.value)
		*place = &decoded
	}
	return nil
}

// decodeName decodes the three characters that browsers write otherwise in names.
func decodeName(name string) string {
	name = strings.ReplaceAll(name, "%22", `"`)
	name = strings.ReplaceAll(name, "%0D", "\r")
	return strings.ReplaceAll(name, "%0A", "\n")
}
