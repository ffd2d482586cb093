package engine

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
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
	case strings.HasPrefix(l.sql[start:], "\u2018"):
		return token{kind: text, value: l.curled("\u2019"), start: start, end: l.at, depth: l.depth}, true
	case strings.HasPrefix(l.sql[start:], "\u201c"):
		return token{kind: quotedName, value: l.curled("\u201d"), start: start, end: l.at, depth: l.depth}, true
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
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
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
			r, size := utf8.DecodeRuneInString(rest)
			if !isBlank(r) {
				return
			}
			l.at += size
		}
	}
}

// isBlank says which characters beyond ASCII ClickHouse passes over between
// tokens: spaces, and marks without width.
func isBlank(r rune) bool {
	return r > 0x7f && (unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || r == 0x180e || r >= 0x2000 && r <= 0x200f)
}

// curled reads a piece in typographic quotes, which know no escapes.
func (l *lexer) curled(closing string) string {
	rest := l.sql[l.at+len(closing):]
	end := strings.Index(rest, closing)
	if end < 0 {
		l.at = len(l.sql)
		return rest
	}
	l.at += 2*len(closing) + end
	return rest[:end]
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
			l.escape(&b)
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

// escape reads what follows a backslash.
func (l *lexer) escape(b *strings.Builder) {
	c := l.sql[l.at]
	l.at++
	switch c {
	case 'x':
		if l.at+2 <= len(l.sql) {
			if n, err := strconv.ParseUint(l.sql[l.at:l.at+2], 16, 8); err == nil {
				b.WriteByte(byte(n))
				l.at += 2
				return
			}
		}
	case 'N':
		return
	}
	if i := strings.IndexByte("abefnrtv0", c); i >= 0 {
		c = "\a\b\x1b\f\n\r\t\v\x00"[i]
	}
	b.WriteByte(c)
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
