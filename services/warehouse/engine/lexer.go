package engine

import (
	"strings"
)

// tokenKind tells the pieces of an SQL text apart, as far as this server must.
type tokenKind uint8

const (
	word tokenKind = iota
	quotedName
	text
	symbol
)

// token is one piece of an SQL text; comments and spaces give none.
type token struct {
	kind tokenKind
	// value is the word or the name without its quotes.
	value      string
	start, end int
	// depth counts the parentheses around it.
	depth int
}

func (t token) is(keyword string) bool { return t.kind == word && strings.EqualFold(t.value, keyword) }

// lexer cuts SQL as ClickHouse does: quotes with backslash and doubling,
// comments of three kinds, heredocs.
type lexer struct {
	sql   string
	at    int
	depth int
}

// next returns the next token, and false at the end of the text.
func (l *lexer) next() (token, bool) {
	l.skipBlank()
	if l.at >= len(l.sql) {
		return token{}, false
	}
	start, c := l.at, l.sql[l.at]
	switch {
	case c == '\'':
		return token{kind: text, value: l.quoted(c), start: start, end: l.at, depth: l.depth}, true
	case c == '`' || c == '"':
		return token{kind: quotedName, value: l.quoted(c), start: start, end: l.at, depth: l.depth}, true
	case c == '$':
		if v, ok := l.heredoc(); ok {
			return token{kind: text, value: v, start: start, end: l.at, depth: l.depth}, true
		}
	case isWord(c):
		for l.at < len(l.sql) && isWord(l.sql[l.at]) {
			l.at++
		}
		return token{kind: word, value: l.sql[start:l.at], start: start, end: l.at, depth: l.depth}, true
	}
	l.at++
	t := token{kind: symbol, value: l.sql[start:l.at], start: start, end: l.at, depth: l.depth}
	switch c {
	case '(', '[', '{':
		l.depth++
	case ')', ']', '}':
		l.depth--
		t.depth = l.depth
	}
	return t, true
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

func (l *lexer) skipBlank() {
	for l.at < len(l.sql) {
		rest := l.sql[l.at:]
		switch c := rest[0]; {
		case c <= ' ' || c == 0x7f:
			l.at++
		case strings.HasPrefix(rest, "--"), strings.HasPrefix(rest, "#!"), strings.HasPrefix(rest, "# "):
			if i := strings.IndexByte(rest, '\n'); i >= 0 {
				l.at += i + 1
			} else {
				l.at = len(l.sql)
			}
		case strings.HasPrefix(rest, "/*"):
			if i := strings.Index(rest[2:], "*/"); i >= 0 {
				l.at += i + 4
			} else {
				l.at = len(l.sql)
			}
		default:
			return
		}
	}
}

// quoted reads a quoted piece and returns it without quotes and escapes.
func (l *lexer) quoted(quote byte) string {
	var b strings.Builder
	l.at++
	for l.at < len(l.sql) {
		c := l.sql[l.at]
		l.at++
		switch {
		case c == '\\' && l.at < len(l.sql):
			b.WriteByte(unescape(l.sql[l.at]))
			l.at++
		case c == quote && l.at < len(l.sql) && l.sql[l.at] == quote:
			b.WriteByte(quote)
			l.at++
		case c == quote:
			return b.String()
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func unescape(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 't':
		return '\t'
	case 'r':
		return '\r'
	case '0':
		return 0
	}
	return c
}

// heredoc reads $tag$ … $tag$.
func (l *lexer) heredoc() (string, bool) {
	rest := l.sql[l.at:]
	end := strings.IndexByte(rest[1:], '$')
	if end < 0 {
		return "", false
	}
	tag := rest[:end+2]
	for i := 1; i < len(tag)-1; i++ {
		if !isWord(tag[i]) {
			return "", false
		}
	}
	close := strings.Index(rest[len(tag):], tag)
	if close < 0 {
		return "", false
	}
	l.at += 2*len(tag) + close
	return rest[len(tag) : len(tag)+close], true
}
