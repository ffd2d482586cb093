package ports

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestNamesWhoHoldsThePort(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for network, addr := range map[string]string{"tcp": tcp.Addr().String(), "udp": udp.LocalAddr().String()} {
		err := Check(network, addr)
		var held *InUseError
		if !errors.As(err, &held) {
			t.Fatalf("%s: got %v", network, err)
		}
		if held.Pid != os.Getpid() || held.Process != filepath.Base(exe) {
			t.Errorf("%s: got %v, want pid %d", network, err, os.Getpid())
		}
	}
}

func TestAFreePortIsFree(t *testing.T) {
	port, err := Free()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, ok := Holder("tcp", port); ok {
		t.Errorf("port %d is held", port)
	}
}

func TestTCPDoesNotHoldUDP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := Check("udp", l.Addr().String()); err != nil {
		t.Errorf("got %v", err)
	}
}

func TestAnAddressThatIsNotOursIsExplained(t *testing.T) {
	err := Check("tcp", "192.0.2.1:1") // TEST-NET-1, no machine's
	if err == nil || !strings.Contains(err.Error(), "192.0.2.1:1") {
		t.Errorf("got %v", err)
	}
}
