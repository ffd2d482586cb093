package engine

import (
	"strings"
)

// statement is what the server must know of a query before it runs it.
type statement struct {
	// sql is the query without a closing semicolon; for an INSERT with data,
	// the part before its FORMAT or VALUES.
	sql string
	// verb is the first keyword, upper case: SELECT, INSERT, …
	verb string
	// format is the one that the query names; "" when it names none. Its clause
	// stands from formatAt to formatEnd.
	format              string
	formatAt, formatEnd int
	// insert is set for an INSERT whose data follows the query.
	insert *insertInto
}

// insertInto is an INSERT whose rows come from outside the query.
type insertInto struct {
	// head ends before SETTINGS, tail is the SETTINGS clause, or "".
	head, tail string
	format     string
	// dataAt is where the inline data begin in the text that was read.
	dataAt int
}

// outside are functions, engines and databases that reach what is not in the
// warehouse: files, other hosts, programs. A server has grants for that; the
// engine has none.
var outside = wordSet(`file fileCluster url urlCluster s3 s3Cluster gcs hdfs hdfsCluster remote remoteSecure
	cluster clusterAllReplicas mysql postgresql mongodb redis sqlite odbc jdbc executable executablePool
	azureBlobStorage azureBlobStorageCluster iceberg icebergCluster icebergS3 icebergAzure icebergLocal icebergHDFS deltaLake deltaLakeCluster
	deltaLakeLocal deltaLakeS3 deltaLakeAzure hudi hudiCluster paimon paimonS3 paimonLocal paimonAzure paimonHDFS python arrowstream ytsaurus kafka rabbitmq nats
	s3queue azurequeue filesystem datalakecatalog materializedpostgresql materializedmysql externaldistributed
	oss cosn arrowflight prometheusquery catboostEvaluate hive filelog disk http clickhouse cassandra library`)

// readerVerbs begin what the reader may ask. The engine's readonly stops what
// writes, but lets KILL and SYSTEM STOP MERGES pass.
var readerVerbs = wordSet(`SELECT WITH FROM SHOW DESCRIBE DESC EXPLAIN EXISTS CHECK USE SET`)

// checkReads refuses what does more than read.
func (s *statement) checkReads() error {
	if s.insert == nil && readerVerbs[strings.ToLower(s.verb)] {
		return nil
	}
	return refuse(codeReadonly, "READONLY", "Cannot execute query in readonly mode: %s needs the user %s, and POST", s.verb, WriterUser)
}

// selects says whether the result may be long.
func (s *statement) selects() bool { return s.verb == "SELECT" || s.verb == "WITH" || s.verb == "FROM" }

// into is the query with its result written to the path, in the format.
func (s *statement) into(path, format string) string {
	before, after := s.sql, ""
	if s.format != "" {
		before, after = s.sql[:s.formatAt], s.sql[s.formatEnd:]
	}
	return before + "\nINTO OUTFILE '" + path + "' APPEND FORMAT " + format + after
}

func wordSet(s string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(s) {
		set[strings.ToLower(w)] = true
	}
	return set
}

// parseStatement reads one statement, and refuses what only a program on the
// server's own machine may ask. more says that data may follow the text read.
func parseStatement(sql string) (*statement, error) {
	l := &lexer{sql: sql}
	first, ok := l.next()
	for ok && first.value == "(" {
		first, ok = l.next()
	}
	if !ok {
		return nil, refuse(codeSyntax, "SYNTAX_ERROR", "Empty query: send SQL in the body or in the parameter query")
	}
	s := &statement{verb: strings.ToUpper(first.value)}
	switch s.verb {
	case "BACKUP", "RESTORE":
		return nil, refuse(codeAccessDenied, "ACCESS_DENIED", "%s reaches files of the server and is refused here", s.verb)
	case "INSERT":
		return s, s.parseInsert(sql, l)
	}
	return s, s.parseOther(sql, first, l)
}

func (s *statement) parseOther(sql string, prev token, l *lexer) error {
	end := len(sql)
	for {
		t, ok := l.next()
		if !ok {
			break
		}
		if err := checkOutside(prev, t, s.verb); err != nil {
			return err
		}
		switch {
		case t.value == ";" && t.kind == symbol:
			if _, more := l.next(); more {
				return multiple()
			}
			end = t.start
		case prev.is("FORMAT") && prev.depth == 0 && t.kind == word:
			s.format, s.formatAt, s.formatEnd = t.value, prev.start, t.end
		}
		prev = t
	}
	s.sql = sql[:end]
	return nil
}

func multiple() error {
	return refuse(codeSyntax, "SYNTAX_ERROR", "Syntax error (Multi-statements are not allowed): send one statement a request")
}

// checkOutside refuses a pair of tokens that reaches outside the warehouse.
func checkOutside(prev, t token, verb string) error {
	named := prev.kind == word || prev.kind == quotedName
	switch {
	case t.value == "(" && t.kind == symbol && named && outside[strings.ToLower(prev.value)]:
		return refuse(codeAccessDenied, "ACCESS_DENIED", "%s(…) reaches outside the warehouse and is refused here", prev.value)
	case (prev.value == "=" && prev.kind == symbol || prev.is("ENGINE")) && t.kind != text && outside[strings.ToLower(t.value)] && (verb == "CREATE" || verb == "ATTACH" || verb == "REPLACE"):
		return refuse(codeAccessDenied, "ACCESS_DENIED", "The engine %s reaches outside the warehouse and is refused here", t.value)
	case (prev.is("INTO") && t.is("OUTFILE")) || (prev.is("FROM") && t.is("INFILE")):
		return refuse(codeAccessDenied, "ACCESS_DENIED", "%s %s would use a file of the server: send and take data over HTTP", strings.ToUpper(prev.value), strings.ToUpper(t.value))
	case verb == "CREATE" && named && prev.value == "default" && t.value == "." && t.kind == symbol:
		return refuse(codeAccessDenied, "ACCESS_DENIED", "The database default is not kept over a restart: use "+Database)
	case verb == "ATTACH" && prev.is("FROM") && t.kind == text:
		return refuse(codeAccessDenied, "ACCESS_DENIED", "ATTACH … FROM a path is refused here")
	case verb == "SYSTEM" && (t.is("SHUTDOWN") || t.is("KILL") || t.is("SUSPEND")):
		return refuse(codeAccessDenied, "ACCESS_DENIED", "SYSTEM %s is refused: stop the engine by stopping vigie", strings.ToUpper(t.value))
	}
	return nil
}

// parseInsert finds where the data of an INSERT begin, and its parts. An
// INSERT … SELECT is a statement like any other.
func (s *statement) parseInsert(sql string, l *lexer) error {
	prev := token{kind: word, value: "INSERT"}
	settingsAt := -1
	for {
		t, ok := l.next()
		if !ok {
			return refuse(codeSyntax, "SYNTAX_ERROR", "INSERT without VALUES, FORMAT or SELECT")
		}
		if err := checkOutside(prev, t, s.verb); err != nil {
			return err
		}
		if prev.is("INTO") && t.is("FUNCTION") {
			return refuse(codeAccessDenied, "ACCESS_DENIED", "INSERT INTO FUNCTION is refused here")
		}
		if t.depth == 0 {
			switch {
			case t.is("SETTINGS") && settingsAt < 0:
				settingsAt = t.start
			case t.is("SELECT"), t.is("WITH"), prev.value == ")" && t.value == "(":
				return s.parseOther(sql, t, l)
			case t.is("VALUES"):
				s.setInsert(sql, settingsAt, t.start, "Values", t.end)
				return nil
			case t.is("FORMAT"):
				f, ok := l.next()
				if !ok || f.kind != word {
					return refuse(codeSyntax, "SYNTAX_ERROR", "FORMAT without a name")
				}
				s.setInsert(sql, settingsAt, t.start, f.value, skipToData(sql, f.end))
				return nil
			}
		}
		if t.value == "(" && t.depth == 0 && isSelectAhead(l) {
			return s.parseOther(sql, t, l)
		}
		prev = t
	}
}

// isSelectAhead tells INSERT INTO t (SELECT …) from a list of columns.
func isSelectAhead(l *lexer) bool {
	ahead := *l
	t, ok := ahead.next()
	return ok && (t.is("SELECT") || t.is("WITH"))
}

func (s *statement) setInsert(sql string, settingsAt, endOfHead int, format string, dataAt int) {
	in := &insertInto{head: sql[:endOfHead], format: format, dataAt: dataAt}
	if settingsAt >= 0 {
		in.head, in.tail = sql[:settingsAt], sql[settingsAt:endOfHead]
	}
	s.sql, s.insert = in.head, in
}

// skipToData passes what stands between the format's name and the data: a
// semicolon, blanks, and one line end.
func skipToData(sql string, at int) int {
	if at < len(sql) && sql[at] == ';' {
		at++
	}
	for at < len(sql) && (sql[at] == ' ' || sql[at] == '\t' || sql[at] == '\f') {
		at++
	}
	if at < len(sql) && sql[at] == '\r' {
		at++
	}
	if at < len(sql) && sql[at] == '\n' {
		at++
	}
	return at
}
