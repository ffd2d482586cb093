package engine

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// Error codes of ClickHouse that this server gives by itself.
const (
	codeBadArguments     = 36
	codeSyntax           = 62
	codeNotImplemented   = 48
	codeReadonly         = 164
	codeTooManyQueries   = 202
	codeQueryIDTaken     = 216
	codeSessionNotFound  = 372
	codeSessionLocked    = 373
	codeAccessDenied     = 497
	codeAuthFailed       = 516
	codeTooBig           = 307
	codeCannotDecompress = 271
	codeUnknown          = 1002
)

// exception is an error as ClickHouse tells it: a code, a name and words.
type exception struct {
	code    int
	name    string
	message string
}

func (e *exception) Error() string {
	return fmt.Sprintf("Code: %d. DB::Exception: %s. (%s)", e.code, strings.TrimRight(e.message, ". \n"), e.name)
}

func refuse(code int, name, format string, args ...any) *exception {
	return &exception{code: code, name: name, message: fmt.Sprintf(format, args...)}
}

var (
	codePrefix  = regexp.MustCompile(`^(?:std::exception\. )?Code: (\d+)\. DB::Exception: `)
	nameSuffix  = regexp.MustCompile(`\s*\(([A-Z][A-Z0-9_]+)\)\s*$`)
	versionTail = regexp.MustCompile(`\s*\(version [^()]*(\([^()]*\))?\)\.?\s*`)
)

// parseException makes one form of the engine's texts, which nest the code and
// name the version here and there.
func parseException(text string) *exception {
	e := &exception{code: codeUnknown, name: "UNKNOWN_EXCEPTION"}
	for {
		m := codePrefix.FindStringSubmatch(text)
		if m == nil {
			break
		}
		e.code, _ = strconv.Atoi(m[1])
		text = text[len(m[0]):]
	}
	text = versionTail.ReplaceAllString(text, " ")
	text = strings.TrimSpace(text)
	for {
		m := nameSuffix.FindStringSubmatchIndex(text)
		if m == nil {
			break
		}
		e.name = text[m[2]:m[3]]
		text = strings.TrimSpace(text[:m[0]])
	}
	e.message = strings.TrimRight(text, ". \n")
	return e
}

// status is the HTTP status that a ClickHouse server gives for the code
// (src/Server/HTTPHandler.cpp, exceptionCodeToHTTPStatus).
func (e *exception) status() int {
	switch e.code {
	case 194:
		return http.StatusUnauthorized
	case 192, 193, codeAuthFailed, codeAccessDenied:
		return http.StatusForbidden
	case codeBadArguments, 6, 26, 27, 33, 38, 41, 43, 44, 50, 53, 69, 72, 70, 71, codeSyntax, 63, 80, 130, 131, 208, 456, 457, 117, codeSessionNotFound, codeCannotDecompress:
		return http.StatusBadRequest
	case 46, 47, 57, 60, 73, 81, 115, 82, 218:
		return http.StatusNotFound
	case codeSessionLocked, codeReadonly, codeTooBig, codeQueryIDTaken:
		return http.StatusInternalServerError
	case 229:
		return http.StatusRequestEntityTooLarge
	case codeNotImplemented:
		return http.StatusNotImplemented
	case 209, 210:
		return http.StatusServiceUnavailable
	case 159:
		return http.StatusRequestTimeout
	default:
		return http.StatusInternalServerError
	}
}
