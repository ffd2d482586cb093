package engine

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// request is one HTTP request in ClickHouse's terms.
type request struct {
	http     *http.Request
	reader   bool
	query    string
	queryID  string
	database string
	// defaultFormat holds where the query names none.
	defaultFormat  string
	revision       uint64
	compress       bool
	compressMethod string
	decompress     bool
	httpCompress   bool
	waitEnd        bool
	session        string
	sessionTimeout time.Duration
	sessionCheck   bool
	closeSession   bool
	readonly       string
	// readsOnly holds for a GET in a session, whose connection cannot be made
	// readonly: that could not be lifted for the next request.
	readsOnly bool
	settings  []param
	params    []param
	external  []external
}

// reserved are parameters of the HTTP interface that are no settings.
var reserved = wordSet(`compress decompress user password quota_key query_id stacktrace buffer_size
	wait_end_of_query session_id session_timeout session_check client_protocol_version close_session role
	database default_format query enable_http_compression readonly`)

var settingName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)

// parseRequest reads what the URL and the headers say, and who asks.
func (s *server) parseRequest(r *http.Request) (*request, error) {
	q := r.URL.Query()
	user, err := s.authenticate(r, q)
	if err != nil {
		return nil, err
	}
	req := &request{http: r, reader: user == ReaderUser}
	if err := req.parse(r, q); err != nil {
		req.closeExternal()
		return nil, err
	}
	return req, nil
}

// parse reads all but who asks: a form's rows are taken of no stranger.
func (req *request) parse(r *http.Request, q url.Values) error {
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") {
		if err := req.readForm(r, q); err != nil {
			return err
		}
	}
	req.query = q.Get("query")
	req.queryID = first(r.Header.Get("X-ClickHouse-Query-Id"), q.Get("query_id"), uuid.NewString())
	req.database = first(r.Header.Get("X-ClickHouse-Database"), q.Get("database"))
	req.defaultFormat = first(r.Header.Get("X-ClickHouse-Format"), q.Get("default_format"), "TabSeparated")
	req.compress, req.decompress = isOn(q.Get("compress")), isOn(q.Get("decompress"))
	req.compressMethod = q.Get("network_compression_method")
	req.httpCompress, req.waitEnd = isOn(q.Get("enable_http_compression")), isOn(q.Get("wait_end_of_query"))
	req.session, req.sessionCheck, req.closeSession = q.Get("session_id"), isOn(q.Get("session_check")), isOn(q.Get("close_session"))
	req.readonly = q.Get("readonly")
	if r.Method != http.MethodPost && (req.readonly == "" || req.readonly == "0") {
		if req.readsOnly = req.session != ""; !req.readsOnly {
			req.readonly = "2"
		}
	}
	return req.parseRest(q)
}

func (req *request) parseRest(q url.Values) error {
	req.sessionTimeout = sessionTimeout
	if v := q.Get("session_timeout"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n <= 0 || time.Duration(n)*time.Second > maxSessionTimeout {
			return refuse(codeBadArguments, "BAD_ARGUMENTS", "session_timeout %q: 1 to %d seconds are expected", v, int(maxSessionTimeout.Seconds()))
		}
		req.sessionTimeout = time.Duration(n) * time.Second
	}
	if v := q.Get("client_protocol_version"); v != "" {
		n, err := strconv.ParseUint(v, 10, 32)
		if err != nil {
			return refuse(codeBadArguments, "BAD_ARGUMENTS", "client_protocol_version %q is not a number", v)
		}
		req.revision = n
	}
	for _, name := range sortedKeys(q) {
		value := q.Get(name)
		switch {
		case strings.HasPrefix(name, "param_"):
			req.params = append(req.params, param{name: name[len("param_"):], value: value})
		case reserved[strings.ToLower(name)], strings.EqualFold(name, "log_comment"): // the query's id stands there
		case !settingName.MatchString(name):
			return refuse(115, "UNKNOWN_SETTING", "Unknown setting '%s'", name)
		default:
			req.settings = append(req.settings, param{name: name, value: value})
		}
	}
	return nil
}

func sortedKeys(q url.Values) []string {
	names := make([]string, 0, len(q))
	for name := range q {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

func isOn(v string) bool { return v == "1" || strings.EqualFold(v, "true") }

// authenticate says which user asks: Basic, X-ClickHouse-User and -Key, or the
// parameters user and password; one way at a time.
func (s *server) authenticate(r *http.Request, q url.Values) (string, error) {
	user, password, basic := r.BasicAuth()
	byHeader := r.Header.Get("X-ClickHouse-User") != "" || r.Header.Get("X-ClickHouse-Key") != ""
	byParam := q.Has("user") || q.Has("password")
	switch {
	case basic && byHeader, byHeader && byParam:
		return "", refuse(codeAuthFailed, "AUTHENTICATION_FAILED", "Invalid authentication: use one of Authorization, X-ClickHouse-User and the parameter user")
	case byHeader:
		user, password = r.Header.Get("X-ClickHouse-User"), r.Header.Get("X-ClickHouse-Key")
	case byParam:
		user, password = q.Get("user"), q.Get("password")
	case !basic && r.Header.Get("Authorization") != "":
		return "", refuse(codeAuthFailed, "AUTHENTICATION_FAILED", "This engine knows user and password only")
	}
	want := ""
	switch user {
	case WriterUser:
		want = s.cfg.Password
	case ReaderUser:
		want = s.cfg.ReaderPassword
	}
	a, b := sha256.Sum256([]byte(want)), sha256.Sum256([]byte(password))
	if want == "" || subtle.ConstantTimeCompare(a[:], b[:]) != 1 {
		return "", refuse(codeAuthFailed, "AUTHENTICATION_FAILED", "%s: Authentication failed: password is incorrect, or there is no user with such name", first(user, "default"))
	}
	return user, nil
}
