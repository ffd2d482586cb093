package engine

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Limits of the tables that a request brings along.
const (
	maxExternal = 16
	// maxExternalBytes bounds the rows of all of them: they wait in memory.
	maxExternalBytes = 64 << 20
)

// external is a table that lives for one request, sent beside its query.
type external struct {
	name, structure, format string
	rows                    *os.File
}

// rowsInMemory keeps what is read until a statement takes it as a file: inside
// the text of a query a blank line would end the rows.
func rowsInMemory(from io.Reader, limit int64, tooBig string) (*os.File, int64, error) {
	fd, err := unix.MemfdCreate("vigie-rows", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, 0, fmt.Errorf("make room for rows: %w", err)
	}
	rows := os.NewFile(uintptr(fd), "rows of a request")
	n, err := io.Copy(rows, io.LimitReader(from, limit+1))
	switch {
	case err != nil:
		err = bodyError(err)
	case n > limit:
		err = refuse(codeTooBig, "TOO_MANY_BYTES", "%s", tooBig)
	default:
		return rows, n, nil
	}
	rows.Close()
	return nil, 0, err
}

func infile(rows *os.File) string {
	return fmt.Sprintf("FROM INFILE '/proc/self/fd/%d' COMPRESSION 'none'", rows.Fd())
}

// readForm takes the query, its parameters and its tables out of a multipart form.
// Parts that name a file are tables; what they are is in the parameters.
func (req *request) readForm(r *http.Request, q url.Values) error {
	form, err := r.MultipartReader()
	if err != nil {
		return formError(err)
	}
	left := int64(maxExternalBytes)
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return formError(err)
		}
		if err := req.readPart(part, q, &left); err != nil {
			return err
		}
	}
	r.Body = http.NoBody
	for i := range req.external {
		if err := req.external[i].describe(q); err != nil {
			return err
		}
	}
	return nil
}

func (req *request) readPart(part *multipart.Part, q url.Values, left *int64) error {
	if !isTable(part) {
		value, err := io.ReadAll(io.LimitReader(part, maxQueryBytes+1))
		if err != nil {
			return formError(err)
		}
		if len(value) > maxQueryBytes {
			return refuse(codeSyntax, "SYNTAX_ERROR", "Max query size exceeded: a query may have %d bytes", maxQueryBytes)
		}
		q.Set(part.FormName(), string(value))
		return nil
	}
	if len(req.external) == maxExternal {
		return refuse(codeBadArguments, "BAD_ARGUMENTS", "A request may bring %d tables", maxExternal)
	}
	rows, n, err := rowsInMemory(part, *left, fmt.Sprintf("The tables of a request may have %d bytes together: insert them into a table first", maxExternalBytes))
	if err != nil {
		return err
	}
	*left -= n
	req.external = append(req.external, external{name: part.FormName(), rows: rows})
	return nil
}

// isTable says whether a part names a file, be the name empty: so ClickHouse tells
// tables from parameters, and its Go client sends no other name.
func isTable(part *multipart.Part) bool {
	_, params, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
	_, named := params["filename"]
	return err == nil && named
}

func formError(err error) error {
	return refuse(codeBadArguments, "BAD_ARGUMENTS", "The multipart form cannot be read: %v", err)
}

// describe takes the table's format and columns out of the parameters NAME_format
// and NAME_structure, or NAME_types for columns called _1, _2, …
func (x *external) describe(q url.Values) error {
	if !settingName.MatchString(x.name) {
		return refuse(codeBadArguments, "BAD_ARGUMENTS", "The name %q of a table sent with the query: letters, digits and _ are expected", x.name)
	}
	x.structure = q.Get(x.name + "_structure")
	if types := q.Get(x.name + "_types"); x.structure == "" && types != "" {
		x.structure = nameColumns(types)
	}
	x.format = first(q.Get(x.name+"_format"), "TabSeparated")
	for _, suffix := range []string{"_structure", "_types", "_format"} {
		q.Del(x.name + suffix)
	}
	if x.structure == "" {
		return refuse(codeBadArguments, "BAD_ARGUMENTS", "The table %s has no columns: send %s_structure or %s_types", x.name, x.name, x.name)
	}
	if !settingName.MatchString(x.format) {
		return refuse(73, "UNKNOWN_FORMAT", "Unknown format %s of the table %s", x.format, x.name)
	}
	return nil
}

// nameColumns makes columns _1, _2, … of a list of types.
func nameColumns(types string) string {
	l, b, at := &lexer{sql: types}, strings.Builder{}, 0
	for i := 1; ; i++ {
		fmt.Fprintf(&b, "_%d ", i)
		for {
			t, ok := l.next()
			if !ok {
				b.WriteString(types[at:])
				return b.String()
			}
			if t.value == "," && t.kind == symbol && t.depth == 0 {
				b.WriteString(types[at:t.end])
				at = t.end
				break
			}
		}
	}
}

// loadExternal makes the request's tables on its connection. The columns are the
// client's text: they are read like a statement of its own.
func loadExternal(c *conn, req *request) error {
	for _, x := range req.external {
		sql := "CREATE TEMPORARY TABLE " + x.name + " (" + x.structure + "\n) ENGINE = Memory"
		if _, err := parseStatement(sql); err != nil {
			return err
		}
		if _, _, err := c.query(sql, "Null"); err != nil {
			return err
		}
		if _, _, err := c.query("INSERT INTO "+x.name+" "+infile(x.rows)+" FORMAT "+x.format, "Null"); err != nil {
			return err
		}
	}
	return nil
}

// dropExternal takes the tables away again from a session's connection.
func dropExternal(c *conn, req *request) {
	for _, x := range req.external {
		_, _, _ = c.query("DROP TEMPORARY TABLE IF EXISTS "+x.name, "Null")
	}
}

func (req *request) closeExternal() {
	for _, x := range req.external {
		x.rows.Close()
	}
}
