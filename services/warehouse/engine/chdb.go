package engine

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"
)

// library is libchdb, loaded once for the life of the process. Its calls take
// C strings with their lengths; whatever they return is copied before use.
type library struct {
	connect       func(argc int32, argv unsafe.Pointer) unsafe.Pointer
	closeConn     func(conn unsafe.Pointer)
	query         func(conn, sql unsafe.Pointer, sqlLen uintptr, format unsafe.Pointer, formatLen uintptr, names, nameLens, values, valueLens unsafe.Pointer, n uintptr) unsafe.Pointer
	stream        func(conn, sql unsafe.Pointer, sqlLen uintptr, format unsafe.Pointer, formatLen uintptr, names, nameLens, values, valueLens unsafe.Pointer, n uintptr) unsafe.Pointer
	fetch         func(conn, stream unsafe.Pointer) unsafe.Pointer
	cancel        func(conn, stream unsafe.Pointer)
	destroy       func(result unsafe.Pointer)
	buffer        func(result unsafe.Pointer) unsafe.Pointer
	length        func(result unsafe.Pointer) uintptr
	rowsRead      func(result unsafe.Pointer) uint64
	bytesRead     func(result unsafe.Pointer) uint64
	storageRows   func(result unsafe.Pointer) uint64
	storageBytes  func(result unsafe.Pointer) uint64
	rowsWritten   func(result unsafe.Pointer) uint64
	bytesWritten  func(result unsafe.Pointer) uint64
	resultError   func(result unsafe.Pointer) unsafe.Pointer
	signalHandler func(enabled int32)
}

// load opens libchdb and binds what the server uses of it.
func load(path string) (*library, error) {
	handle, err := dlopen(path)
	if err != nil {
		return nil, fmt.Errorf("load the ClickHouse engine %s: %w", path, err)
	}
	l := &library{}
	for name, fn := range map[string]any{
		"chdb_connect": &l.connect, "chdb_close_conn": &l.closeConn,
		"chdb_query_with_params_n":         &l.query,
		"chdb_stream_query_with_params_n":  &l.stream,
		"chdb_stream_fetch_result":         &l.fetch,
		"chdb_stream_cancel_query":         &l.cancel,
		"chdb_destroy_query_result":        &l.destroy,
		"chdb_result_buffer":               &l.buffer,
		"chdb_result_length":               &l.length,
		"chdb_result_rows_read":            &l.rowsRead,
		"chdb_result_bytes_read":           &l.bytesRead,
		"chdb_result_storage_rows_read":    &l.storageRows,
		"chdb_result_storage_bytes_read":   &l.storageBytes,
		"chdb_result_rows_written":         &l.rowsWritten,
		"chdb_result_bytes_written":        &l.bytesWritten,
		"chdb_result_error":                &l.resultError,
		"chdb_set_signal_handlers_enabled": &l.signalHandler,
	} {
		symbol, err := dlsym(handle, name)
		if err != nil {
			return nil, fmt.Errorf("%s is not the ClickHouse engine of `make setup`: it has no %s: %w", path, name, err)
		}
		bind(fn, symbol)
	}
	// The engine would take SIGSEGV over, and a fault of ours would hang the
	// process for minutes instead of ending it.
	l.signalHandler(0)
	return l, nil
}

// conn is one chDB connection: its own settings, parameters and temporary
// tables. Queries on one conn must not overlap.
type conn struct {
	lib    *library
	holder unsafe.Pointer
}

// open connects to the data directory. All connections of a process share it.
func (l *library) open(args ...string) (*conn, error) {
	argv := make([]unsafe.Pointer, 0, len(args)+1)
	var keep [][]byte
	for _, a := range append([]string{"clickhouse"}, args...) {
		b := append([]byte(a), 0)
		keep = append(keep, b)
		argv = append(argv, unsafe.Pointer(&b[0]))
	}
	holder := l.connect(int32(len(argv)), unsafe.Pointer(&argv[0]))
	runtime.KeepAlive(keep)
	if holder == nil || *(*unsafe.Pointer)(holder) == nil {
		return nil, errors.New("the ClickHouse engine refused to open its data directory: its log says why")
	}
	return &conn{lib: l, holder: holder}, nil
}

func (c *conn) close() { c.lib.closeConn(c.holder) }

// param is a query parameter; its value is escaped text as in TabSeparated.
type param struct{ name, value string }

// stats is what the engine says it did.
type stats struct{ readRows, readBytes, writtenRows, writtenBytes uint64 }

func (c *conn) call(fn func(conn, sql unsafe.Pointer, sqlLen uintptr, format unsafe.Pointer, formatLen uintptr, names, nameLens, values, valueLens unsafe.Pointer, n uintptr) unsafe.Pointer, sql, format string, params []param) unsafe.Pointer {
	names, nameLens := make([]unsafe.Pointer, len(params)+1), make([]uintptr, len(params)+1)
	values, valueLens := make([]unsafe.Pointer, len(params)+1), make([]uintptr, len(params)+1)
	keep := make([][]byte, 0, 2*len(params)+2)
	c0 := func(s string) unsafe.Pointer {
		b := append([]byte(s), 0)
		keep = append(keep, b)
		return unsafe.Pointer(&b[0])
	}
	for i, p := range params {
		names[i], nameLens[i] = c0(p.name), uintptr(len(p.name))
		values[i], valueLens[i] = c0(p.value), uintptr(len(p.value))
	}
	r := fn(*(*unsafe.Pointer)(c.holder), c0(sql), uintptr(len(sql)), c0(format), uintptr(len(format)),
		unsafe.Pointer(&names[0]), unsafe.Pointer(&nameLens[0]), unsafe.Pointer(&values[0]), unsafe.Pointer(&valueLens[0]), uintptr(len(params)))
	runtime.KeepAlive(keep)
	return r
}

// take copies a result out and frees it.
func (l *library) take(result unsafe.Pointer) ([]byte, stats, error) {
	if result == nil {
		return nil, stats{}, errors.New("the ClickHouse engine gave no result")
	}
	defer l.destroy(result)
	if p := l.resultError(result); p != nil {
		return nil, stats{}, parseException(goString(p))
	}
	var out []byte
	if n := l.length(result); n > 0 {
		out = append(out, unsafe.Slice((*byte)(l.buffer(result)), n)...)
	}
	s := stats{readRows: l.storageRows(result), readBytes: l.storageBytes(result), writtenRows: l.rowsWritten(result), writtenBytes: l.bytesWritten(result)}
	if s.readRows == 0 {
		s.readRows, s.readBytes = l.rowsRead(result), l.bytesRead(result)
	}
	return out, s, nil
}

// query runs one statement and returns its whole result in the format.
func (c *conn) query(sql, format string, params ...param) ([]byte, stats, error) {
	return c.lib.take(c.call(c.lib.query, sql, format, params))
}

// stream is a running query whose result comes in pieces.
type stream struct {
	c      *conn
	handle unsafe.Pointer
	ended  bool
}

func (c *conn) stream(sql, format string, params ...param) (*stream, error) {
	handle := c.call(c.lib.stream, sql, format, params)
	if handle == nil {
		return nil, errors.New("the ClickHouse engine gave no result")
	}
	if p := c.lib.resultError(handle); p != nil {
		err := parseException(goString(p))
		c.lib.destroy(handle)
		return nil, err
	}
	return &stream{c: c, handle: handle}, nil
}

// next returns the next piece, and nil at the end.
func (s *stream) next() ([]byte, stats, error) {
	out, st, err := s.c.lib.take(s.c.lib.fetch(*(*unsafe.Pointer)(s.c.holder), s.handle))
	if err != nil || len(out) == 0 {
		s.ended = true
	}
	return out, st, err
}

// close ends the query if it still runs.
func (s *stream) close() {
	if !s.ended {
		s.c.lib.cancel(*(*unsafe.Pointer)(s.c.holder), s.handle)
	}
	s.c.lib.destroy(s.handle)
}

func goString(p unsafe.Pointer) string {
	n := 0
	for *(*byte)(unsafe.Add(p, n)) != 0 {
		n++
	}
	return string(unsafe.Slice((*byte)(p), n))
}
