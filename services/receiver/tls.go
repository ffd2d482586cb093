package receiver

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/pires/go-proxyproto"
)

// TLS is a door for panels that can encrypt their connection, whatever they send in
// it. Version 1.2 or newer; without certificates of panels.
type TLS struct {
	// Listen is host:port; "" opens no such door.
	Listen string
	// CertFile and KeyFile are PEM; a change is in force for the next connection.
	CertFile, KeyFile string
}

// certificateAgain is how soon the files are looked at again.
const certificateAgain = time.Second

// certificate is the pair of files as it last could be read.
type certificate struct {
	TLS
	log *slog.Logger

	mu     sync.Mutex
	pair   *tls.Certificate
	seen   [2]time.Time
	looked time.Time
}

// openCertificate reads the files, and fails when they cannot be used.
func openCertificate(files TLS, log *slog.Logger) (*certificate, error) {
	c := &certificate{TLS: files, log: log}
	seen, err := c.times()
	if err == nil {
		err = c.read(seen)
	}
	if err != nil {
		return nil, fmt.Errorf("the certificate of the TLS door: %w", err)
	}
	return c, nil
}

func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current(time.Now()), nil },
	}
}

func (c *certificate) times() (seen [2]time.Time, err error) {
	for i, path := range []string{c.CertFile, c.KeyFile} {
		info, err := os.Stat(path)
		if err != nil {
			return seen, err
		}
		seen[i] = info.ModTime()
	}
	return seen, nil
}

func (c *certificate) read(seen [2]time.Time) error {
	pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
	if err != nil {
		return err
	}
	c.pair, c.seen = &pair, seen
	return nil
}

// current looks at the files now and then. Files that do not fit each other, as while
// they are being replaced, leave the last good pair in force.
func (c *certificate) current(now time.Time) *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.looked) < certificateAgain {
		return c.pair
	}
	c.looked = now
	seen, err := c.times()
	if err == nil && seen != c.seen {
		err = c.read(seen)
	}
	if err != nil {
		c.log.Error("the certificate of the TLS door cannot be read any more; the one at hand stays in force", "error", err)
	}
	return c.pair
}

// behindProxies makes a listener take the sources of connections from the PROXY
// protocol, version 2, where they come from a proxy; from nobody else.
func (r *Receiver) behindProxies(ln net.Listener) net.Listener {
	if len(r.cfg.Proxies) == 0 {
		return ln
	}
	return &proxyproto.Listener{
		Listener: ln, ReadHeaderTimeout: r.cfg.FirstByte,
		ConnPolicy: func(o proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
			from, _ := netip.ParseAddrPort(o.Upstream.String()) // the zero value is no proxy
			for _, p := range r.cfg.Proxies {
				if p.Contains(from.Addr().Unmap()) {
					return proxyproto.REQUIRE, nil
				}
			}
			return proxyproto.SKIP, nil
		},
		ValidateHeader: func(h *proxyproto.Header) error {
			if h.Version != 2 {
				return fmt.Errorf("version %d of the PROXY protocol: version 2 is expected", h.Version)
			}
			return nil
		},
	}
}

// greet does what comes before the first frame of a connection: the header of a
// proxy, the handshake of TLS. why is not empty when the connection is of no use.
func (r *Receiver) greet(stop context.Context, conn net.Conn, secure *tls.Config) (_ net.Conn, why string) {
	end := context.AfterFunc(stop, func() { _ = conn.Close() }) // nothing was taken from it
	defer end()
	if p, ok := conn.(*proxyproto.Conn); ok {
		if p.ProxyHeader() == nil {
			return conn, "proxy"
		}
	}
	if secure == nil {
		return conn, ""
	}
	shielded := tls.Server(conn, secure)
	if err := conn.SetDeadline(time.Now().Add(r.cfg.FirstByte)); err != nil {
		return conn, "tls"
	}
	if err := shielded.HandshakeContext(stop); err != nil {
		r.log.Debug("no TLS handshake", "from", conn.RemoteAddr(), "error", err)
		return conn, "tls"
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return conn, "tls"
	}
	return shielded, ""
}
