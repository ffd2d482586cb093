package engine

import (
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseStatement(t *testing.T) {
	for _, x := range []struct{ sql, verb, format, cut string }{
		{"SELECT 1", "SELECT", "", "SELECT 1"},
		{"  select ';' -- ; no\n", "SELECT", "", "  select ';' -- ; no\n"},
		{"(SELECT 1) UNION ALL (SELECT 2);", "SELECT", "", "(SELECT 1) UNION ALL (SELECT 2)"},
		{"/* a; b */ SELECT $x$ ; $x$ ; # end", "SELECT", "", "/* a; b */ SELECT $x$ ; $x$ "},
		{"SELECT 'it''s; \\'' FORMAT JSON", "SELECT", "JSON", "SELECT 'it''s; \\'' FORMAT JSON"},
		{"SELECT `a;b`, \"c;d\" format Native settings max_threads = 1", "SELECT", "Native", "SELECT `a;b`, \"c;d\" format Native settings max_threads = 1"},
		{"SELECT format('{}', 'x')", "SELECT", "", "SELECT format('{}', 'x')"},
	} {
		st, err := parseStatement(x.sql)
		if err != nil || st.verb != x.verb || st.format != x.format || st.sql != x.cut {
			t.Errorf("%q: %+v %v", x.sql, st, err)
		}
	}
}

func TestParseInsert(t *testing.T) {
	for _, x := range []struct{ sql, head, tail, format, data string }{
		{"INSERT INTO t VALUES (1)", "INSERT INTO t ", "", "Values", " (1)"},
		{"INSERT INTO d.`t` (a, b) FORMAT Native\n\n\n\x01", "INSERT INTO d.`t` (a, b) ", "", "Native", "\n\n\x01"},
		{"insert into t settings async_insert=0 format CSV 1,2;3", "insert into t ", "settings async_insert=0 ", "CSV", "1,2;3"},
		{"INSERT INTO t FORMAT JSONEachRow;\n{}", "INSERT INTO t ", "", "JSONEachRow", "{}"},
		{"INSERT INTO \"format\" (`values`) FORMAT TSV \r\nx", "INSERT INTO \"format\" (`values`) ", "", "TSV", "x"},
	} {
		st, err := parseStatement(x.sql)
		if err != nil || st.insert == nil {
			t.Errorf("%q: %v", x.sql, err)
			continue
		}
		in := st.insert
		if in.head != x.head || in.tail != x.tail || in.format != x.format || x.sql[in.dataAt:] != x.data {
			t.Errorf("%q: %+v, data %q", x.sql, in, x.sql[in.dataAt:])
		}
	}
	for _, sql := range []string{"INSERT INTO t SELECT 1", "INSERT INTO t (a) (SELECT 1)", "INSERT INTO t WITH 1 AS x SELECT x"} {
		if st, err := parseStatement(sql); err != nil || st.insert != nil {
			t.Errorf("%q: %+v %v", sql, st, err)
		}
	}
}

// However a text is quoted or commented, what is inside is no statement.
func TestSemicolonInsideIsNoEnd(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		inside := rapid.StringMatching(`[a-z;'"\x60 \\-]{0,12}`).Draw(rt, "inside")
		var sql string
		switch rapid.IntRange(0, 3).Draw(rt, "how") {
		case 0:
			sql = "SELECT " + quoteText(inside)
		case 1:
			sql = "SELECT 1 AS " + quoteName(inside+"x")
		case 2:
			sql = "SELECT /* " + inside + " */ 1"
		case 3:
			sql = "SELECT $q$" + inside + "$q$"
		}
		if _, err := parseStatement(sql); err != nil {
			rt.Fatalf("%q: %v", sql, err)
		}
		var e *exception
		if _, err := parseStatement(sql + "; SELECT 2"); !errors.As(err, &e) || e.code != codeSyntax {
			rt.Fatalf("two statements were taken for one: %q", sql)
		}
	})
}

// The engine itself judges that no spelling gets past the refusal of files.
func TestNoSpellingReachesFiles(t *testing.T) {
	l := start(t, t.TempDir())
	dir := t.TempDir()
	secret, written := filepath.Join(dir, "secret"), filepath.Join(dir, "written")
	if err := os.WriteFile(secret, []byte("do-not-read\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		"SELECT * FROM file('{s}', 'LineAsString')", "SELECT * FROM FiLe ('{s}', 'LineAsString')",
		"SELECT * FROM `file`('{s}', 'LineAsString')", "SELECT * FROM \"fi\\x6ce\"('{s}', 'LineAsString')", "SELECT * FROM `\\x66ile`('{s}', 'LineAsString')",
		"SELECT * FROM \u201cfile\u201d('{s}', 'LineAsString')", "SELECT * FROM file\u00a0('{s}', 'LineAsString')", "SELECT * FROM file\u200b('{s}', 'LineAsString')",
		"SELECT * FROM file\ufeff('{s}', 'LineAsString')", "SELECT * FROM file/**/('{s}', 'LineAsString')", "SELECT * FROM file--\n('{s}', 'LineAsString')",
		"SELECT * FROM file # x\n('{s}', 'LineAsString')", "SELECT * FROM file\x00('{s}', 'LineAsString')", "SELECT file('{s}')", "DESCRIBE file('{s}', 'LineAsString')",
		"SELECT * FROM '{s}'", "SELECT * FROM `{s}`", "SELECT * FROM default.`{s}`", "SELECT * FROM {x:Identifier}", "SELECT * FROM fileCluster('default', '{s}', 'LineAsString')",
		"SELECT * FROM url('file://{s}', 'LineAsString')", "SELECT * FROM loop(file('{s}', 'LineAsString'))", "SELECT * FROM view(SELECT * FROM file('{s}', 'LineAsString'))",
		"SELECT * FROM executable('cat {s}', 'LineAsString', 'x String')", "SELECT * FROM sqlite('{s}', 't')", "SELECT * FROM `dictionary`('{s}')",
		"CREATE TABLE f (x String) ENGINE = File(LineAsString, '{s}')", "CREATE TABLE f ENGINE `File`(LineAsString, '{s}')",
		"CREATE DATABASE fs ENGINE = Filesystem('{d}')", "CREATE DATABASE fs ENGINE = `Filesystem`", "CREATE TABLE a (x String) ENGINE = MergeTree ORDER BY x SETTINGS disk = disk(type = local, path = '{d}')",
		"CREATE DICTIONARY dd (x String) PRIMARY KEY x SOURCE(FILE(path '{s}' format 'LineAsString')) LAYOUT(FLAT()) LIFETIME(1)",
		"SELECT 1 INTO OUTFILE '{w}'", "SELECT 1 INTO\u00a0OUTFILE '{w}'", "SELECT 1 INTO /**/ outfile '{w}'", "EXPLAIN SELECT 1 INTO OUTFILE '{w}'",
		"SHOW DATABASES INTO OUTFILE '{w}'", "INSERT INTO FUNCTION file('{w}', 'CSV') SELECT 1", "INSERT INTO TABLE FUNCTION file('{w}', 'CSV') VALUES (1)",
		"BACKUP DATABASE vigie TO File('{w}')", "ATTACH TABLE q FROM '{d}' (x String) ENGINE = MergeTree ORDER BY x",
	} {
		for _, reader := range []bool{false, true} {
			text := strings.NewReplacer("{s}", secret, "{w}", written, "{d}", dir).Replace(sql)
			resp, body := ask(t, l, reader, url.Values{"param_x": {secret}}, strings.NewReader(text), nil)
			if resp.StatusCode == 200 || strings.Contains(body, "do-not-read") {
				t.Errorf("%q was answered: %s", text, body)
			}
			if isFile(written) {
				t.Fatalf("%q wrote a file", text)
			}
		}
	}
}
