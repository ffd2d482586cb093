package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// healthPath is where the parent asks whether the engine still answers.
const healthPath = "/vigie/health"

// maxQueryBytes bounds the text of a query, as max_query_size does.
const maxQueryBytes = 256 << 10

// ServeHTTP answers as a ClickHouse server does.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/ping", r.URL.Path == "/replicas_status", r.URL.Path == "/" && r.Method != http.MethodPost && r.URL.RawQuery == "" && r.Method != http.MethodOptions:
		io.WriteString(w, "Ok.\n")
	case r.URL.Path == healthPath:
		if err := s.health(r); err != nil {
			s.fail(w, r, err)
			return
		}
		io.WriteString(w, "Ok.\n")
	case r.URL.Path != "/":
		http.Error(w, "There is no handle "+r.URL.Path+"\n\nUse / or /ping for health checks.\nSend queries to /.", http.StatusNotFound)
	case r.Method != http.MethodPost && r.Method != http.MethodGet && r.Method != http.MethodHead:
		http.Error(w, "Send queries by GET or POST.", http.StatusMethodNotAllowed)
	default:
		began := time.Now()
		if err := s.handle(w, r, began); err != nil {
			s.fail(w, r, err)
		}
	}
}

// health runs SELECT 1 without waiting for a turn: a busy engine is not a dead one.
func (s *server) health(r *http.Request) error {
	if _, err := s.authenticate(r, r.URL.Query()); err != nil {
		return err
	}
	c, err := s.connect()
	if err != nil {
		return err
	}
	defer c.close()
	_, _, err = c.query("SELECT 1", "Null")
	return err
}

// fail tells an error before anything of a result was sent.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	e := asException(err)
	if e.code == codeAuthFailed {
		w.Header().Set("WWW-Authenticate", `Basic realm="ClickHouse server HTTP API"`)
	}
	w.Header().Set("X-ClickHouse-Exception-Code", strconv.Itoa(e.code))
	w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	w.Header().Del("Content-Encoding")
	w.WriteHeader(e.status())
	io.WriteString(w, s.tell(e))
	s.cfg.Log.Debug("a query failed", "code", e.code, "error", e.message, "client", r.UserAgent())
}

func (s *server) tell(e *exception) string {
	return fmt.Sprintf("%s (version %s (official build))\n", e.Error(), s.version)
}

func asException(err error) *exception {
	var e *exception
	if errors.As(err, &e) {
		return e
	}
	return &exception{code: codeUnknown, name: "UNKNOWN_EXCEPTION", message: err.Error()}
}

func (s *server) handle(w http.ResponseWriter, r *http.Request, began time.Time) error {
	req, err := s.parseRequest(r)
	if err != nil {
		return err
	}
	defer req.closeExternal()
	s.stamp(w, req)
	if err := s.takeSlot(r.Context()); err != nil {
		return err
	}
	defer func() { <-s.slots }()
	if err := s.running.start(req.queryID); err != nil {
		return err
	}
	defer s.running.end(req.queryID)

	body, err := decodeBody(req)
	if err != nil {
		return err
	}
	sql, err := readHead(req.query, body)
	if err != nil {
		return err
	}
	st, err := parseStatement(sql)
	if err != nil {
		return err
	}
	if req.reader || req.readsOnly {
		if err := st.checkReads(); err != nil {
			return err
		}
	}
	c, release, err := s.prepare(req)
	if err != nil {
		return err
	}
	defer release()
	if st.insert != nil {
		return s.insert(w, req, st, c, io.MultiReader(strings.NewReader(sql[st.insert.dataAt:]), body), began)
	}
	if err := mustEnd(body); err != nil {
		return err
	}
	if st.checkReads() == nil {
		defer s.endWithClient(r.Context(), req.queryID)()
	}
	return s.run(w, req, st, c, began)
}

// stamp sets the headers that each answer carries.
func (s *server) stamp(w http.ResponseWriter, req *request) {
	h := w.Header()
	h.Set("X-ClickHouse-Server-Display-Name", s.name)
	h.Set("X-ClickHouse-Query-Id", req.queryID)
	h.Set("X-ClickHouse-Timezone", "UTC")
}

func (s *server) takeSlot(ctx context.Context) error {
	wait := time.NewTimer(queryWait)
	defer wait.Stop()
	select {
	case s.slots <- struct{}{}:
		return nil
	case <-wait.C:
		return refuse(codeTooManyQueries, "TOO_MANY_SIMULTANEOUS_QUERIES", "Too many simultaneous queries: %d are running", maxQueries)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// readHead reads the query: the parameter, a line end, and the body as far as a
// query may be long. Data of an INSERT beyond that stay in the body.
func readHead(query string, body io.Reader) (string, error) {
	if query == "" {
		head := make([]byte, maxQueryBytes)
		n, err := io.ReadFull(body, head)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return "", bodyError(err)
		}
		return string(head[:n]), nil
	}
	if st, err := parseStatement(query + "\n"); err == nil && st.insert != nil {
		return query + "\n", nil
	}
	head, err := io.ReadAll(io.LimitReader(body, maxQueryBytes))
	if err != nil {
		return "", bodyError(err)
	}
	return query + "\n" + string(head), nil
}

func mustEnd(body io.Reader) error {
	var one [1]byte
	if n, _ := io.ReadFull(body, one[:]); n > 0 {
		return refuse(codeSyntax, "SYNTAX_ERROR", "Max query size exceeded: a query may have %d bytes", maxQueryBytes)
	}
	return nil
}

func bodyError(err error) error {
	return refuse(codeCannotDecompress, "CANNOT_DECOMPRESS", "The body of the request cannot be read: %v", err)
}

// prepare gives a connection with the request's database, settings and limits.
func (s *server) prepare(req *request) (*conn, func(), error) {
	// A reader has nothing to keep in a session, and readonly cannot be lifted again.
	if req.session == "" || req.reader || req.readonly != "" && req.readonly != "0" {
		c, err := s.connect()
		if err != nil {
			return nil, nil, err
		}
		if err := s.dress(c, req); err != nil {
			c.close()
			return nil, nil, err
		}
		return c, c.close, nil
	}
	x, err := s.sessions.take(req.session, req.sessionTimeout, req.sessionCheck, s.connectToDatabase)
	if err != nil {
		return nil, nil, err
	}
	restore := rememberSettings(x.conn, req.settings)
	release := func() {
		dropExternal(x.conn, req)
		restore()
		s.sessions.give(req.session, x, req.closeSession, time.Now())
	}
	if err := s.dress(x.conn, req); err != nil {
		release()
		return nil, nil, err
	}
	return x.conn, release, nil
}

// readerLimits are settings that the reader may lower only.
var readerLimits = map[string]uint64{"max_execution_time": readerSeconds, "max_memory_usage": maxQueryMemory}

func beyondReader(p param) bool {
	limit, is := readerLimits[strings.ToLower(p.name)]
	if !is {
		return false
	}
	n, err := strconv.ParseUint(p.value, 10, 64)
	return err != nil || n == 0 || n > limit
}

func databaseFor(name string) string {
	if name == "" || name == "default" {
		return Database
	}
	return name
}

func (s *server) connectToDatabase() (*conn, error) {
	c, err := s.connect()
	if err != nil {
		return nil, err
	}
	if _, _, err := c.query("USE "+Database, "Null"); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (s *server) dress(c *conn, req *request) error {
	// A session keeps the database that USE chose.
	if req.session == "" || req.database != "" || req.reader {
		if _, _, err := c.query("USE "+quoteName(databaseFor(req.database)), "Null"); err != nil {
			return err
		}
	}
	sets := []param{{"max_memory_usage", strconv.Itoa(maxQueryMemory)}, {"max_memory_usage_for_user", strconv.Itoa(maxUserMemory)}}
	if req.reader {
		sets = append(sets, param{"max_execution_time", strconv.Itoa(readerSeconds)})
	}
	for _, p := range req.settings {
		if req.reader && beyondReader(p) {
			continue // the limit set above stands
		}
		sets = append(sets, p)
	}
	if req.reader {
		sets = append(sets, param{"max_memory_usage_for_user", strconv.Itoa(maxUserMemory)})
	}
	// By this mark the statement is found again when it must end.
	if err := set(c, append(sets, param{"log_comment", req.queryID})...); err != nil {
		return err
	}
	if err := loadExternal(c, req); err != nil {
		return err
	}
	switch {
	case req.reader:
		return set(c, param{"readonly", "1"})
	case req.readonly != "":
		return set(c, param{"readonly", req.readonly})
	}
	return nil
}

// set changes settings of the connection in one statement; the last of two of
// one name holds.
func set(c *conn, settings ...param) error {
	var b strings.Builder
	for i, p := range settings {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(p.name + " = " + quoteText(p.value))
	}
	_, _, err := c.query("SET "+b.String(), "Null")
	return err
}

// rememberSettings returns what puts the settings of one request of a session
// back: on a server they end with the request, and a deduplication token that
// stayed would silently drop the next insert.
func rememberSettings(c *conn, settings []param) (restore func()) {
	if len(settings) == 0 {
		return func() {}
	}
	names := make([]string, len(settings))
	for i, p := range settings {
		names[i] = quoteText(p.name)
	}
	out, _, err := c.query("SELECT name, value, toBool(changed) FROM system.settings WHERE name IN ("+strings.Join(names, ",")+")", "JSONCompactEachRow")
	return func() {
		if err != nil {
			return
		}
		for row := range bytes.Lines(out) {
			var name, value string
			var changed bool
			if json.Unmarshal(row, &[]any{&name, &value, &changed}) != nil {
				continue
			}
			back := "DEFAULT"
			if changed {
				back = quoteText(value)
			}
			_, _, _ = c.query("SET "+name+" = "+back, "Null")
		}
	}
}

func quoteName(s string) string {
	return "`" + strings.NewReplacer("\\", "\\\\", "`", "\\`").Replace(s) + "`"
}

func quoteText(s string) string {
	return "'" + strings.NewReplacer("\\", "\\\\", "'", "\\'").Replace(s) + "'"
}
