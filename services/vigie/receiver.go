package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/open-vigie/vigie/schemas/vigiev1"
	"github.com/open-vigie/vigie/services/eventlog/appender"
	"github.com/open-vigie/vigie/services/internal/auth"
	"github.com/open-vigie/vigie/services/internal/httpserver"
	"github.com/open-vigie/vigie/services/internal/lifecycle"
	"github.com/open-vigie/vigie/services/internal/vault"
	"github.com/open-vigie/vigie/services/receiver"
	"github.com/open-vigie/vigie/services/receiver/httpin"
	"github.com/open-vigie/vigie/services/receiver/keyring"
	"github.com/open-vigie/vigie/services/receiver/surgardin"
)

// receiving is a receiver that was made and does not run yet: its HTTP door must be
// registered before the server that carries it runs.
type receiving struct {
	*receiver.Receiver
	door  *httpin.Door
	parts []lifecycle.Named
}

// start starts the receiver, the keyring that it follows, and the writer that it
// appends through.
func (r *receiving) start(ctx context.Context, g *lifecycle.Group) error {
	for _, part := range r.parts {
		if err := g.Start(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

// newReceiver makes the receiver and what it stands on.
func (s *settings) newReceiver(ctx context.Context, keys *vault.Vault, partitions int32) (*receiving, error) {
	cfg, err := s.receiverConfig()
	if err != nil {
		return nil, usageError{err}
	}
	panels, err := s.openKeyring(ctx)
	if err != nil {
		return nil, err
	}
	writer, err := appender.New(appender.Config{
		Writer: cfg.ID, Kind: vigiev1.WriterKind_WRITER_KIND_RECEIVER, Group: cfg.Group,
		Partitions: partitions, Program: version,
	}, appender.Deps{Log: s.log, Metrics: s.metrics, Kafka: s.kafkaOf("receiver")})
	if err != nil {
		return nil, err
	}
	r, err := receiver.New(cfg, receiver.Deps{
		Log: s.log, Metrics: s.metrics, Kafka: s.kafkaOf("receiver"), Vault: keys, Appender: writer, Keys: panels,
	})
	if err != nil {
		return nil, err
	}
	door, err := httpin.New(httpin.Deps{Log: s.log, Metrics: s.metrics, Receiver: r})
	if err != nil {
		return nil, err
	}
	parts := []lifecycle.Named{{Name: "panels' keys", Service: panels}, {Name: "receiver's writer", Service: writer}, {Name: "receiver", Service: r}}
	if c := s.cfg.Receiver.SurGard; c.Listen != "" {
		lines, err := s.surgardDoor(r)
		if err != nil {
			return nil, usageError{err}
		}
		parts = append(parts, lifecycle.Named{Name: "SurGard's lines", Service: lines})
	}
	return &receiving{r, door, parts}, nil
}

// surgardDoor makes the door of gateways that send SurGard's lines.
func (s *settings) surgardDoor(r *receiver.Receiver) (*surgardin.Server, error) {
	c := s.cfg.Receiver.SurGard
	gateways, err := surgardin.ParseGateways(c.Gateways)
	if err != nil {
		return nil, fmt.Errorf("receiver.surgard.gateways: %w", err)
	}
	return surgardin.New(surgardin.Config{Listen: c.Listen, Gateways: gateways}, surgardin.Deps{Log: s.log, Metrics: s.metrics, Receiver: r})
}

// startReceiver starts a receiver that is a process of its own, with a listener for
// gateways where one is configured.
func (s *settings) startReceiver(ctx context.Context, g *lifecycle.Group, keys *vault.Vault, partitions int32) error {
	r, err := s.newReceiver(ctx, keys, partitions)
	if err != nil {
		return err
	}
	server, err := s.gatewayServer(r.door)
	if err != nil {
		return err
	}
	if err := r.start(ctx, g); err != nil || server == nil {
		return err
	}
	if err := g.Start(ctx, lifecycle.Named{Name: "http for gateways", Service: server}); err != nil {
		return err
	}
	s.log.Info("listening for gateways", "http", server.Addr(), "path", httpin.Path)
	return nil
}

// gatewayServer makes the HTTP server of a receiver; nil when none is configured.
func (s *settings) gatewayServer(door *httpin.Door) (*httpserver.Server, error) {
	c := s.cfg.Receiver
	if c.HTTP.Listen == "" {
		return nil, nil
	}
	gate, err := auth.Open(auth.Config{Dir: s.path("secrets", "receiver-"+c.ID)}, auth.Deps{Log: s.log, Now: time.Now})
	if err != nil {
		return nil, err
	}
	if err := gate.AcceptToken("gateway", c.HTTP.Token); err != nil {
		return nil, usageError{fmt.Errorf("receiver.http.token: %w", err)}
	}
	server, err := httpserver.New(httpserver.Config{Addr: c.HTTP.Listen, Version: version}, httpserver.Deps{Log: s.log, Metrics: s.metrics, Gate: gate})
	if err != nil {
		return nil, usageError{fmt.Errorf("receiver.http.listen: %w", err)}
	}
	httpin.Register(server.API(), door)
	return server, nil
}

// openKeyring reads the panels' keys. The master key is made here where there is none
// yet, so that a keyring that is made later can be followed.
func (s *settings) openKeyring(ctx context.Context) (*keyring.Live, error) {
	path, master, err := s.keyring(ctx)
	if err != nil {
		return nil, err
	}
	live, err := keyring.Open(path, master, s.log)
	if errors.Is(err, os.ErrPermission) {
		return nil, fmt.Errorf("%w; give the receiver's user access to it", err)
	}
	return live, err
}

// receiverConfig is the receiver's part of the configuration; the error names the key.
func (s *settings) receiverConfig() (receiver.Config, error) {
	c := s.cfg.Receiver
	cfg := receiver.Config{
		ID: c.ID, Group: c.Group, TCP: c.Listen, UDP: c.Listen, MaxConnections: c.Connections,
		TLS: receiver.TLS{Listen: c.TLSListen, CertFile: c.TLSCert, KeyFile: c.TLSKey},
		Limits: receiver.Limits{
			Frames: c.SourceFrames, NewAccounts: c.SourceNewAccounts, NewAccountsInAll: c.NewAccounts,
			Connections: c.SourceConnections, NetworkConnections: c.NetworkConnections,
		},
	}
	if c.TLSListen != "" && (c.TLSCert == "" || c.TLSKey == "") {
		return cfg, errors.New("receiver.tls_listen needs receiver.tls_cert and receiver.tls_key")
	}
	var err error
	for _, lines := range []struct {
		key  string
		text []string
		to   *receiver.Lines
	}{
		{"check_stamp_lines", c.CheckStampLines, &cfg.CheckStamp},
		{"encrypted_only_lines", c.EncryptedOnlyLines, &cfg.EncryptedOnly},
		{"known_only_lines", c.KnownOnlyLines, &cfg.KnownOnly},
		{"binary_crc_lines", c.BinaryCRCLines, &cfg.Tolerances.BinaryCRC},
		{"decimal_length_lines", c.DecimalLengthLines, &cfg.Tolerances.DecimalLength},
		{"counts_end_lines", c.CountsEndLines, &cfg.Tolerances.CountsEnd},
		{"unstamped_cipher_lines", c.UnstampedCipherLines, &cfg.Tolerances.UnstampedCipher},
	} {
		if *lines.to, err = receiver.ParseLines(lines.text); err != nil {
			return cfg, fmt.Errorf("receiver.%s: %w", lines.key, err)
		}
	}
	if cfg.Proxies, err = networks(c.Proxies); err != nil {
		return cfg, fmt.Errorf("receiver.proxies: %w", err)
	}
	if cfg.Limits.Exempt, err = networks(c.ExemptSources); err != nil {
		return cfg, fmt.Errorf("receiver.exempt_sources: %w", err)
	}
	return cfg, nil
}

// networks reads addresses and networks; never nil.
func networks(text []string) ([]netip.Prefix, error) {
	out := []netip.Prefix{}
	for _, t := range text {
		if a, err := netip.ParseAddr(t); err == nil {
			out = append(out, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(t)
		if err != nil {
			return nil, fmt.Errorf("%q is neither an address nor a network (192.0.2.1, 192.0.2.0/24, 2001:db8::/32)", t)
		}
		out = append(out, p.Masked())
	}
	return out, nil
}
