package receiver

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// issue writes a certificate for this machine, named so, and its key.
func issue(t *testing.T, files TLS, name string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	chain := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for path, b := range map[string][]byte{files.CertFile: chain, files.KeyFile: pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret})} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(chain)
	return pool
}

func tlsFiles(t *testing.T) TLS {
	dir := t.TempDir()
	return TLS{Listen: "127.0.0.1:0", CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem")}
}

func TestPanelInsideTLS(t *testing.T) {
	files := tlsFiles(t)
	pool := issue(t, files, "first")
	w := newWorld(t, func(c *Config) { c.TLS = files })
	conn, err := tls.Dial("tcp", w.r.TLS().String(), &tls.Config{RootCAs: pool, ServerName: "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	send(t, conn, sia(t, 1, "#1234|NBA01"))
	expect(t, conn, ackOf(1))
	old, err := tls.Dial("tcp", w.r.TLS().String(), &tls.Config{RootCAs: pool, ServerName: "localhost", MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10})
	if err == nil {
		old.Close()
		t.Error("TLS 1.1 was spoken")
	}
	clear, err := net.Dial("tcp", w.r.TLS().String())
	if err != nil {
		t.Fatal(err)
	}
	defer clear.Close()
	send(t, clear, sia(t, 2, "#1234|NBA01"))
	if err := clear.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 256)
	if n, _ := clear.Read(buf); bytes.Contains(buf[:n], []byte(dc09.TokenAck)) {
		t.Error("a frame in clear was taken at the door for TLS")
	}
	w.stopReceiver()
	events, _ := w.log()
	if len(events) != 1 || events[0].GetSource().GetPanel().GetTransport() != vigiev1.Transport_TRANSPORT_TLS {
		t.Errorf("%v, want one event by TLS", events)
	}
}

// A renewed certificate is in force without a restart; half of a renewal is not.
func TestCertificateIsReadAnew(t *testing.T) {
	files := tlsFiles(t)
	issue(t, files, "first")
	c, err := openCertificate(files, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	name := func(at time.Time) string {
		leaf, err := x509.ParseCertificate(c.current(at).Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		return leaf.Subject.CommonName
	}
	now := time.Now()
	later := func() time.Time { now = now.Add(2 * certificateAgain); return now }
	if got := name(later()); got != "first" {
		t.Errorf("%s, want the first", got)
	}
	half := TLS{CertFile: files.CertFile, KeyFile: filepath.Join(t.TempDir(), "other.pem")}
	issue(t, half, "half")
	touch(t, files, now)
	if got := name(later()); got != "first" {
		t.Errorf("%s: a certificate without its key is in force", got)
	}
	issue(t, files, "second")
	touch(t, files, now.Add(time.Hour))
	if got := name(later()); got != "second" {
		t.Errorf("%s, want the second", got)
	}
	if err := os.Remove(files.KeyFile); err != nil {
		t.Fatal(err)
	}
	if got := name(later()); got != "second" {
		t.Errorf("%s, want the second while the key is missing", got)
	}
	if _, err := openCertificate(files, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a door without a key was opened")
	}
}

func touch(t *testing.T, files TLS, at time.Time) {
	t.Helper()
	for _, path := range []string{files.CertFile, files.KeyFile} {
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
}

// header is what a proxy says before the panel's bytes.
func header(t *testing.T, version byte, from string) []byte {
	t.Helper()
	h := proxyproto.HeaderProxyFromAddrs(version, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(from)), &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9009})
	b, err := h.Format()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Only a proxy that is named is believed, and it must say whom it brings.
func TestBehindAProxy(t *testing.T) {
	const proxy = "127.0.7.7"
	w := newWorld(t, func(c *Config) { c.Proxies = []netip.Prefix{netip.MustParsePrefix(proxy + "/32")} })
	class := func(seq uint32) vigiev1.AddressClass {
		events, _ := w.log()
		return bySequence(t, events, "1234", seq).GetSource().GetPanel().GetAddressClass()
	}
	good := w.dialFrom("tcp", proxy)
	send(t, good, string(header(t, 2, "8.8.8.8:4711"))+sia(t, 1, "#1234|NBA01"))
	expect(t, good, ackOf(1))
	if got := class(1); got != vigiev1.AddressClass_ADDRESS_CLASS_PUBLIC {
		t.Errorf("the source behind the proxy is %s, want public", got)
	}
	for name, raw := range map[string]string{
		"no header":             sia(t, 2, "#1234|NBA01"),
		"the first version":     string(header(t, 1, "8.8.8.8:4711")) + sia(t, 2, "#1234|NBA01"),
		"half a header":         string(header(t, 2, "8.8.8.8:4711")[:13]),
		"bytes that are no one": "\r\n\r\n\x00\r\nQUIT\n\xff\xff\xff\xff" + sia(t, 2, "#1234|NBA01"),
	} {
		conn := w.dialFrom("tcp", proxy)
		send(t, conn, raw)
		if name == "half a header" {
			if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
		}
		if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 256)
		n, err := conn.Read(buf)
		if n > 0 || err == nil || os.IsTimeout(err) {
			t.Errorf("%s: %q, %v, want the connection closed", name, buf[:n], err)
		}
	}
	direct := w.dial("tcp") // nobody's word counts but the proxy's: this is junk, then a frame
	send(t, direct, string(header(t, 2, "8.8.8.8:4711"))+sia(t, 3, "#1234|NBA01"))
	expect(t, direct, ackOf(3))
	if got := class(3); got != vigiev1.AddressClass_ADDRESS_CLASS_LOOPBACK {
		t.Errorf("a stranger's header was believed: %s", got)
	}
}

// A proxy that brings a flood shares the limits of those whom it brings.
func TestSourcesBehindAProxyAreTold(t *testing.T) {
	files := tlsFiles(t)
	pool := issue(t, files, "x")
	w := newWorld(t, func(c *Config) {
		strict(Limits{Connections: 1})(c)
		c.TLS = files
		c.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	connect := func(from string) *tls.Conn {
		conn, err := net.Dial("tcp", w.r.TLS().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		send(t, conn, string(header(t, 2, from)))
		return tls.Client(conn, &tls.Config{RootCAs: pool, ServerName: "localhost"})
	}
	for i, from := range []string{"8.8.8.8:1", "9.9.9.9:1"} {
		conn := connect(from)
		send(t, conn, sia(t, uint32(i), "#1234|NBA01"))
		expect(t, conn, ackOf(uint32(i)))
	}
	expectClosed(t, connect("8.8.8.8:2"))
}

func TestIPv6(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.TCP, c.UDP = "[::1]:0", "[::1]:0" })
	for i, network := range []string{"tcp", "udp"} {
		conn := w.dial(network)
		send(t, conn, sia(t, uint32(i), "#1234|NBA01"))
		expect(t, conn, ackOf(uint32(i)))
	}
	both := newWorld(t, func(c *Config) { c.TCP, c.UDP = "[::]:0", "[::]:0" })
	for i, network := range []string{"tcp", "udp"} {
		at := netip.MustParseAddrPort(map[string]net.Addr{"tcp": both.r.TCP(), "udp": both.r.UDP()}[network].String())
		for _, to := range []string{"127.0.0.1", "::1"} {
			conn, err := net.Dial(network, netip.AddrPortFrom(addr(to), at.Port()).String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			send(t, conn, sia(t, uint32(10+i), "#1234|NBA01"))
			expect(t, conn, ackOf(uint32(10+i)))
		}
	}
	both.stopReceiver()
	events, _ := both.log()
	for _, e := range events {
		if c := e.GetSource().GetPanel().GetAddressClass(); c != vigiev1.AddressClass_ADDRESS_CLASS_LOOPBACK {
			t.Errorf("an address of this machine is %s", c)
		}
	}
}
