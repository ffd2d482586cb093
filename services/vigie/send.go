package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/open-vigie/vigie/services/panel"
	"github.com/open-vigie/vigie/services/receiver/dc09"
)

// panelMessage is the command line of send.
type panelMessage struct {
	to, network, lang string
	line, receiver    uint32
	event             panel.Event
	poll, cid, json   bool
	key               panelKey
	repeat            int
	every             time.Duration
	tlsCA, tlsName    string
	insecure          bool
}

// presets are what most people send, by word: the code in SIA and in Contact ID.
var presets = map[string]struct {
	sia, cid string
	restore  bool
}{
	"alarm":   {sia: "BA", cid: "130"},
	"restore": {sia: "BR", cid: "130", restore: true},
	"fault":   {sia: "YT", cid: "302"},
	"test":    {sia: "RP", cid: "602"},
	"poll":    {},
}

func sendCommand() *cobra.Command {
	var m panelMessage
	cmd := &cobra.Command{
		Use:   "send [alarm|restore|fault|test|poll]",
		Short: "Send a message to a receiver, and explain its answer",
		Long: `Sends what a panel would, by a word or by any code of SIA DC-03 or Contact ID,
shows the frame, and explains the answer. Repeats are sent until one is answered.`,
		Example: `  vigie receiver send alarm --account 1234               burglary, in SIA
  vigie receiver send alarm --cid --account 1234 --zone 4    the same in Contact ID
  vigie receiver send poll --account 1234 --path 2       a link test by the second path
  vigie receiver send --account 1234 --code FA           any code
  vigie receiver send alarm --account 1234 --keyring     encrypted, with the account's key
  vigie receiver send poll --account 1234 --repeat 20 --every 1s   and how long each took`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := load(cmd)
			if err != nil {
				return err
			}
			return m.run(cmd, s, strings.Join(args, ""))
		},
	}
	m.flags(cmd)
	return cmd
}

func (m *panelMessage) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&m.to, "to", "", "host:port of the receiver (default: the one of `vigie up` on --data)")
	f.StringVar(&m.network, "net", "udp", "tcp, udp or tls")
	f.StringVar(&m.tlsCA, "tls-ca", "", "certificates, PEM, that the receiver's must lead to (default: the system's)")
	f.StringVar(&m.tlsName, "tls-name", "", "name that the receiver's certificate must have (default: the host of --to)")
	f.BoolVar(&m.insecure, "tls-insecure", false, "do not ask who the receiver is: for tests")
	f.StringVar(&m.lang, "lang", language(), "language of the explanation: fr or en")
	f.StringVar(&m.event.Account, "account", "", "account, 3 to 16 hexadecimal digits")
	f.StringVar(&m.event.Code, "code", "", "SIA code (two letters: BA) or Contact ID code (three digits: 130)")
	f.BoolVar(&m.cid, "cid", false, "the word's code in Contact ID instead of SIA")
	f.StringVar(&m.event.Zone, "zone", "", "zone, digits")
	f.StringVar(&m.event.Area, "area", "", "area, digits")
	f.StringVar(&m.event.User, "user", "", "user number, for arming and disarming")
	f.StringVar(&m.event.Text, "text", "", "text added for people (SIA)")
	f.BoolVar(&m.event.Restore, "restore", false, "the restoral of the code (Contact ID; SIA has codes for it)")
	f.Uint32Var(&m.event.Path, "path", 0, "path that the message takes; 0 says none")
	f.Uint32Var(&m.line, "line", 0, "line (account prefix L)")
	f.Uint32Var(&m.receiver, "receiver", 0, "receiver number (R); 0 says none")
	f.BoolVar(&m.poll, "poll", false, "a link test, as the word poll")
	f.IntVar(&m.repeat, "repeat", 1, "how many messages, each with a sequence of its own")
	f.DurationVar(&m.every, "every", time.Second, "pause between them")
	f.BoolVar(&m.json, "json", false, "one line of JSON a message, for programs")
	m.key.flags(f)
}

func (m *panelMessage) run(cmd *cobra.Command, s *settings, word string) error {
	err := m.complete(word)
	var message panel.Message
	if err == nil {
		message, err = m.message()
	}
	if err != nil {
		return usageError{fmt.Errorf("%w; see `%s --help`", err, cmd.CommandPath())}
	}
	keys, err := m.key.read(cmd)
	if err != nil {
		return err
	}
	if found := keys(m.line, m.event.Account); len(found) > 0 {
		message.Key = found[0]
	} else if m.key.ring {
		return fmt.Errorf("--keyring: account %s has no key on line %X", m.event.Account, m.line)
	}
	if m.to, err = receiverAt(s, m.network, m.to); err != nil {
		return err
	}
	pki, err := m.pki()
	if err != nil {
		return err
	}
	var frame []byte
	t, err := panel.Dial(m.network, m.to, panel.TLS(pki), panel.Watch(func(b []byte) { frame = append(frame[:0], b...) }))
	if err != nil {
		return err
	}
	defer t.Close()
	return m.sendAll(cmd.Context(), cmd.OutOrStdout(), t, message, &frame)
}

// complete turns the word into a code.
func (m *panelMessage) complete(word string) error {
	preset, ok := presets[word]
	switch {
	case word == "":
		return nil
	case !ok:
		return fmt.Errorf("%q: alarm, restore, fault, test or poll is expected", word)
	case m.event.Code != "" || m.poll:
		return fmt.Errorf("the word %s, --code and --poll exclude each other", word)
	case word == "poll":
		m.poll = true
	case m.cid:
		m.event.Code, m.event.Restore = preset.cid, preset.restore || m.event.Restore
	default:
		m.event.Code = preset.sia
	}
	return nil
}

func (m *panelMessage) message() (panel.Message, error) {
	if !slices.Contains([]string{"tcp", "udp", "tls"}, m.network) {
		return panel.Message{}, fmt.Errorf("--net %s: tcp, udp or tls is expected", m.network)
	}
	if m.repeat < 1 || m.every < 0 {
		return panel.Message{}, errors.New("--repeat is 1 or more, --every no negative time")
	}
	if n := len(m.event.Account); n < 3 || n > 16 || strings.Trim(m.event.Account, "0123456789abcdefABCDEF") != "" {
		return panel.Message{}, fmt.Errorf("--account %q: 3 to 16 hexadecimal digits are expected", m.event.Account)
	}
	var message panel.Message
	switch code := m.event.Code; {
	case m.poll && code != "":
		return panel.Message{}, errors.New("--poll and --code exclude each other")
	case m.poll:
		message = panel.Poll(m.event.Account, m.event.Path)
	case len(code) == 2 && strings.Trim(strings.ToUpper(code), "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "":
		message = panel.SIA(m.event)
	case len(code) == 3 && strings.Trim(strings.ToUpper(code), "0123456789BCDEF") == "":
		message = panel.ContactID(m.event)
	default:
		return panel.Message{}, fmt.Errorf("--code %q: two letters (SIA: BA) or three digits (Contact ID: 130) are expected, or a word: alarm, restore, fault, test, poll", code)
	}
	message.Line, message.Receiver = m.line, m.receiver
	return message, nil
}

// pki says whom the transmitter believes to be the receiver.
func (m *panelMessage) pki() (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: m.tlsName, InsecureSkipVerify: m.insecure}
	if m.tlsCA == "" {
		return cfg, nil
	}
	pem, err := os.ReadFile(m.tlsCA)
	if err != nil {
		return nil, fmt.Errorf("--tls-ca: %w", err)
	}
	if cfg.RootCAs = x509.NewCertPool(); !cfg.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("--tls-ca %s: no certificate in PEM stands in it", m.tlsCA)
	}
	return cfg, nil
}

// sendAll sends the messages, and tells of each; it fails when one got no answer.
func (m *panelMessage) sendAll(ctx context.Context, out io.Writer, t *panel.Transmitter, message panel.Message, frame *[]byte) error {
	var took []time.Duration
	var silent error
	for i := range m.repeat {
		if i > 0 && !sleep(ctx, m.every) {
			break
		}
		answer, err := t.Send(ctx, message)
		switch {
		case errors.Is(err, panel.ErrNoAnswer):
			silent = fmt.Errorf("no answer from %s: nothing proves that the message arrived. Does a receiver listen there, and can it reach Kafka? (%w)", m.to, err)
		case err != nil:
			return err
		default:
			took = append(took, answer.Elapsed)
		}
		if err := m.tell(out, message.Key, *frame, answer); err != nil {
			return err
		}
	}
	if m.repeat > 1 && !m.json {
		fmt.Fprintln(out, sentText(m.lang, m.repeat, took))
	}
	return silent
}

// sleep waits, and says whether ctx still holds.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// tell shows a frame and explains its answer; one without a kind is silence.
func (m *panelMessage) tell(out io.Writer, key *dc09.Key, frame []byte, a panel.Answer) error {
	if !m.json {
		_, err := fmt.Fprintf(out, "%s\n%s\n", panel.Shown(frame), panel.Explain(a, m.lang))
		return err
	}
	line := struct {
		Frame    string             `json:"frame"`
		Answer   string             `json:"answer,omitempty"`
		Received *panel.Explanation `json:"received,omitempty"`
		Millis   float64            `json:"ms,omitempty"`
		Tries    int                `json:"tries,omitempty"`
	}{Frame: panel.Shown(frame), Answer: string(a.Kind), Tries: a.Tries, Millis: millis(a.Elapsed)}
	if a.Kind != "" {
		x := panel.Read(a.Raw, time.Now(), func(uint32, string) []*dc09.Key {
			if key == nil {
				return nil
			}
			return []*dc09.Key{key}
		})
		line.Received = &x
	}
	return json.NewEncoder(out).Encode(line)
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// sentText sums up what several messages took.
func sentText(lang string, sent int, took []time.Duration) string {
	text := "%d sent, %d answered"
	times := "; ms: %.1f at least, %.1f in the middle, %.1f at most"
	if lang == "fr" {
		text, times = "%d envois, %d réponses", " ; ms : %.1f au moins, %.1f au milieu, %.1f au plus"
	}
	said := fmt.Sprintf(text, sent, len(took))
	if len(took) == 0 {
		return said
	}
	slices.SortFunc(took, cmp.Compare)
	return said + fmt.Sprintf(times, millis(took[0]), millis(took[len(took)/2]), millis(took[len(took)-1]))
}
