package engine

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Held by the kernel, the process has its data and its port, and neither other
// files nor other hosts, whatever a statement may come to.
func TestConfined(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	write(t, secret, "do-not-read")
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	out, err := exec.Command(os.Args[0], probeArg, filepath.Join(dir, "data"), secret, other.Addr().String()).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	held, got, _ := strings.Cut(string(out), "|")
	// On a kernel that cannot, the engine serves all the same, and its log says so:
	// files are held since 5.13, other hosts since 6.7.
	abi := 0
	if _, err := fmt.Sscanf(held, "no new privileges, Landlock %d", &abi); err != nil && held != "no new privileges (this kernel has no Landlock)" {
		t.Fatalf("the engine says it is held to %q", held)
	}
	want := fmt.Sprintf("%t|%t|true|true", abi >= 1, abi >= 4)
	if got != want {
		t.Errorf("held to %q: file refused, host refused, data written, port open: %s", held, got)
	}
}

// The engine dies with the program that keeps it, however that ends: what it
// becomes when it confines itself must not forget.
func TestEngineDiesWithItsParent(t *testing.T) {
	lib, err := FindLib("")
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.Command(os.Args[0], parentArg, lib, t.TempDir())
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	_, scanned := fmt.Fscan(out, &pid)
	if err := parent.Process.Kill(); err != nil || scanned != nil {
		t.Fatal(err, scanned)
	}
	_ = parent.Wait() // killed
	await(t, 20*time.Second, func() bool { return syscall.Kill(pid, 0) != nil })
}

func TestNewerVersion(t *testing.T) {
	for _, x := range []struct {
		a, b string
		want bool
	}{
		{"26.5.1.1", "26.5.1.1", false},
		{"26.10.1.1", "26.9.1.1", true},
		{"26.9.1.1", "26.10.1.1", false},
		{"27.1", "26.12.3.4", true},
		{"26.5.1.1.1", "26.5.1.1", true},
		{"", "26.5.1.1", false},
		{"26.", "26.5.1.1", false},
		{"garbage", "26.5.1.1", false},
	} {
		if got := newer(x.a, x.b); got != x.want {
			t.Errorf("%q newer than %q: %t", x.a, x.b, got)
		}
	}
}
