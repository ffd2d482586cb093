package child

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

const (
	// logBytes is the size at which the log file is put aside; one older is kept.
	logBytes = 16 << 20
	// tailLines and tailBytes bound what an error quotes of the log.
	tailLines = 15
	tailBytes = 4 << 10
)

// logFile takes what the process prints: a file of bounded size, and the last
// lines in memory.
type logFile struct {
	path string
	mu   sync.Mutex
	file *os.File
	size int64
	tail []byte
}

func (l *logFile) open() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.path == "" || l.file != nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(l.path), 0o750); err != nil {
		return err
	}
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return err
	}
	l.file, l.size = f, info.Size()
	return nil
}

// Write never fails: a full disk must not stop the process by its own log.
func (l *logFile) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tail = append(l.tail, b...)
	if over := len(l.tail) - tailBytes; over > 0 {
		l.tail = append(l.tail[:0], l.tail[over:]...)
	}
	if l.file == nil {
		return len(b), nil
	}
	if l.size+int64(len(b)) > logBytes {
		l.rotate()
	}
	n, _ := l.file.Write(b)
	l.size += int64(n)
	return len(b), nil
}

// rotate puts the file aside as path.1 and begins a new one; when that fails it
// goes on in the old one.
func (l *logFile) rotate() {
	if os.Rename(l.path, l.path+".1") != nil {
		return
	}
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
	if err != nil {
		return
	}
	_ = l.file.Close()
	l.file, l.size = f, 0
}

// Tail is the last lines that the process printed.
func (l *logFile) Tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := bytes.Split(bytes.TrimSpace(l.tail), []byte("\n"))
	if len(lines) > tailLines {
		lines = lines[len(lines)-tailLines:]
	}
	return strings.ToValidUTF8(string(bytes.Join(lines, []byte("\n"))), "�")
}

// Close closes the file.
func (l *logFile) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		_ = l.file.Close()
		l.file = nil
	}
}
