package receiver

import (
	"crypto/tls"
	"testing"

	"github.com/open-vigie/vigie/services/panel"
)

// TestTransmitterInsideTLS: our own dialler is answered inside TLS, and speaks to
// nobody that it cannot tell.
func TestTransmitterInsideTLS(t *testing.T) {
	files := tlsFiles(t)
	pool := issue(t, files, "first")
	w := newWorld(t, func(c *Config) { c.TLS = files })
	var sent int
	p, err := panel.Dial("tls", w.r.TLS().String(), panel.TLS(&tls.Config{RootCAs: pool, ServerName: "localhost"}), panel.Watch(func(frame []byte) { sent += len(frame) }))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if a, err := p.Send(t.Context(), panel.Poll("1234", 1)); err != nil || a.Kind != panel.ACK || sent == 0 {
		t.Errorf("%+v, %v after %d bytes", a, err, sent)
	}
	if other, err := panel.Dial("tls", w.r.TLS().String(), panel.TLS(&tls.Config{ServerName: "localhost"})); err == nil {
		other.Close()
		t.Error("a receiver was believed whose certificate nobody knows")
	}
}
