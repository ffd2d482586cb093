// Package ports says whether a port can be listened on, and who holds it.
package ports

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// InUseError says that another process holds a port.
type InUseError struct {
	// Network is tcp or udp.
	Network string
	Port    int
	// Process and Pid name the holder; Pid 0 when the kernel does not show it,
	// because it belongs to another user.
	Process string
	Pid     int
}

// Error reads "port 9092 (tcp) is in use by java (pid 123)".
func (e *InUseError) Error() string {
	if e.Pid == 0 {
		return fmt.Sprintf("port %d (%s) is in use by a process of another user", e.Port, e.Network)
	}
	return fmt.Sprintf("port %d (%s) is in use by %s (pid %d)", e.Port, e.Network, e.Process, e.Pid)
}

// Check says whether addr (host:port) can be listened on now. network is "tcp"
// or "udp". The error is an *InUseError when another process holds the port.
func Check(network, addr string) error {
	var lc net.ListenConfig
	var closer interface{ Close() error }
	var err error
	if network == "udp" {
		closer, err = lc.ListenPacket(context.Background(), network, addr)
	} else {
		closer, err = lc.Listen(context.Background(), network, addr)
	}
	if err == nil {
		return closer.Close()
	}
	return Explain(network, addr, err)
}

// Explain turns the error of a failed listen on addr into one that names who
// holds the port or says which right is missing.
func Explain(network, addr string, err error) error {
	_, portText, splitErr := net.SplitHostPort(addr)
	port, convErr := strconv.Atoi(portText)
	if splitErr != nil || convErr != nil {
		return fmt.Errorf("listen on %s %s: %w", network, addr, err)
	}
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		held := &InUseError{Network: network, Port: port}
		held.Process, held.Pid, _ = Holder(network, port)
		return held
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("port %d (%s) may not be listened on by this user: choose one above 1023: %w", port, network, err)
	default:
		return fmt.Errorf("listen on %s %s: %w", network, addr, err)
	}
}

// Holder names the process that listens on a port of this machine. ok is false
// when nobody does, or a process that this user may not look at.
func Holder(network string, port int) (process string, pid int, ok bool) {
	var inodes []string
	for _, family := range []string{"", "6"} {
		inodes = append(inodes, socketsOn("/proc/net/"+network+family, network, port)...)
	}
	if len(inodes) == 0 {
		return "", 0, false
	}
	fds, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return "", 0, false
	}
	for _, fd := range fds {
		to, err := os.Readlink(fd)
		if err != nil || !slices.Contains(inodes, to) {
			continue
		}
		text := strings.Split(fd, "/")[2]
		pid, _ = strconv.Atoi(text)
		return nameOf(text), pid, true
	}
	return "", 0, false
}

// listening is the state of a listening socket in /proc/net: TCP_LISTEN, or
// TCP_CLOSE for an unconnected UDP one.
var listening = map[string]string{"tcp": "0A", "udp": "07"}

// socketsOn returns the sockets that listen on the port, as /proc/*/fd shows them.
func socketsOn(table, network string, port int) []string {
	f, err := os.Open(table)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	want := fmt.Sprintf(":%04X", port)
	var found []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		cols := strings.Fields(lines.Text())
		if len(cols) > 9 && strings.HasSuffix(cols[1], want) && cols[3] == listening[network] {
			found = append(found, "socket:["+cols[9]+"]")
		}
	}
	return found
}

// nameOf is the name of a process: that of its executable, as people know it.
func nameOf(pid string) string {
	if exe, err := os.Readlink("/proc/" + pid + "/exe"); err == nil {
		return strings.TrimSuffix(filepath.Base(exe), " (deleted)")
	}
	comm, err := os.ReadFile("/proc/" + pid + "/comm")
	if errors.Is(err, fs.ErrNotExist) {
		return "a process that just ended"
	}
	return strings.TrimSpace(string(comm))
}

// Free returns a TCP port of 127.0.0.1 that nobody listens on now.
func Free() (int, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	return port, nil
}
