package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/open-vigie/vigie/services/panel"
	"github.com/open-vigie/vigie/services/receiver/dc09"
	"github.com/open-vigie/vigie/services/receiver/keyring"
)

func panelCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "panel", Short: "Speak DC-09 as a panel does: send a message, explain a frame"}
	cmd.AddCommand(panelSendCommand(), panelDecodeCommand())
	return cmd
}

// panelMessage is the command line of `vigie panel send`.
type panelMessage struct {
	to, network, lang string
	line, receiver    uint32
	event             panel.Event
	poll              bool
	key               panelKey
}

// panelKey is how a command is given an AES key.
type panelKey struct{ text, file string }

func (k *panelKey) flags(f *pflag.FlagSet) {
	f.StringVar(&k.text, "key", "", "AES key: 32, 48 or 64 hexadecimal digits, or 16, 24 or 32 characters (it stands in the list of processes: for tests)")
	f.StringVar(&k.file, "key-file", "", "file that holds the AES key")
}

// read returns the key; nil when none was given. The error does not repeat it.
func (k *panelKey) read() (*dc09.Key, error) {
	text := k.text
	switch {
	case k.text != "" && k.file != "":
		return nil, errors.New("--key and --key-file exclude each other")
	case k.file != "":
		b, err := os.ReadFile(k.file)
		if err != nil {
			return nil, fmt.Errorf("--key-file: %w", err)
		}
		text = strings.TrimSpace(string(b))
	case k.text == "":
		return nil, nil
	}
	b, err := keyring.ParseKey(text)
	if err != nil {
		return nil, err
	}
	return dc09.NewKey(b)
}

func panelSendCommand() *cobra.Command {
	var m panelMessage
	cmd := &cobra.Command{
		Use:   "send",
		Short: "Send one message to a receiver and explain its answer",
		Example: `  vigie panel send --account 1234 --code BA              burglary, SIA
  vigie panel send --account 1234 --code 130 --zone 4    the same in Contact ID
  vigie panel send --account 1234 --poll --path 2        a link test by the second path
  vigie panel send --account 1234 --code BA --key-file key.txt   encrypted`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := load(cmd)
			if err != nil {
				return err
			}
			return m.send(cmd, s)
		},
	}
	f := cmd.Flags()
	f.StringVar(&m.to, "to", "", "host:port of the receiver (default: the one of `vigie up` on --data)")
	f.StringVar(&m.network, "net", "udp", "tcp or udp")
	f.StringVar(&m.lang, "lang", language(), "language of the explanation: fr or en")
	f.StringVar(&m.event.Account, "account", "", "account, 3 to 16 hexadecimal digits")
	f.StringVar(&m.event.Code, "code", "", "SIA code (two letters: BA) or Contact ID code (three digits: 130)")
	f.StringVar(&m.event.Zone, "zone", "", "zone, digits")
	f.StringVar(&m.event.Area, "area", "", "area, digits")
	f.StringVar(&m.event.User, "user", "", "user number, for arming and disarming")
	f.StringVar(&m.event.Text, "text", "", "text added for people (SIA)")
	f.BoolVar(&m.event.Restore, "restore", false, "the restoral of the code (Contact ID; SIA has codes for it)")
	f.Uint32Var(&m.event.Path, "path", 0, "path that the message takes; 0 says none")
	f.Uint32Var(&m.line, "line", 0, "line (account prefix L)")
	f.Uint32Var(&m.receiver, "receiver", 0, "receiver number (R); 0 says none")
	f.BoolVar(&m.poll, "poll", false, "a link test instead of an event")
	m.key.flags(f)
	return cmd
}

func (m *panelMessage) send(cmd *cobra.Command, s *settings) error {
	message, err := m.message()
	if err != nil {
		return usageError{fmt.Errorf("%w; see `%s --help`", err, cmd.CommandPath())}
	}
	if m.to == "" {
		e, err := readEndpoints(s.cfg.Data)
		if err != nil {
			return fmt.Errorf("%w, or name a receiver with --to host:port", err)
		}
		m.to = map[string]string{"tcp": e.DC09.TCP, "udp": e.DC09.UDP}[m.network]
	}
	t, err := panel.Dial(m.network, m.to)
	if err != nil {
		return err
	}
	defer t.Close()
	answer, err := t.Send(cmd.Context(), message)
	if errors.Is(err, panel.ErrNoAnswer) {
		return fmt.Errorf("no answer from %s: nothing proves that the message arrived. Does a receiver listen there, and can it reach Kafka? (%w)", m.to, err)
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(cmd.OutOrStdout(), panel.Explain(answer, m.lang))
	return nil
}

func (m *panelMessage) message() (panel.Message, error) {
	if m.network != "tcp" && m.network != "udp" {
		return panel.Message{}, fmt.Errorf("--net %s: tcp or udp is expected", m.network)
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
		return panel.Message{}, fmt.Errorf("--code %q: two letters (SIA: BA) or three digits (Contact ID: 130) are expected", code)
	}
	message.Line, message.Receiver = m.line, m.receiver
	var err error
	message.Key, err = m.key.read()
	return message, err
}

func panelDecodeCommand() *cobra.Command {
	var lang string
	var key panelKey
	cmd := &cobra.Command{
		Use:   "decode [FRAME]",
		Short: "Explain a DC-09 frame, from the argument or from standard input",
		Example: `  vigie panel decode '1EF20013"NULL"0000L0#1234[]'
  vigie panel decode --key-file key.txt < frame.bin      an encrypted one`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var keys []*dc09.Key
			switch k, err := key.read(); {
			case err != nil:
				return usageError{err}
			case k != nil:
				keys = append(keys, k)
			}
			var raw []byte
			if len(args) == 1 {
				raw = []byte(args[0])
			} else {
				const maxFrame = 64 << 10 // far above the format's 4,095 bytes
				b, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), maxFrame))
				if err != nil {
					return fmt.Errorf("read the frame: %w", err)
				}
				raw = bytes.TrimRight(b, "\r\n") // an editor's line end is not the frame's
			}
			fmt.Fprint(cmd.OutOrStdout(), panel.Decode(raw, lang, keys...))
			return nil
		},
	}
	cmd.Flags().StringVar(&lang, "lang", language(), "language of the explanation: fr or en")
	key.flags(cmd.Flags())
	return cmd
}

// language follows the environment, as programs of a terminal do.
func language() string {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := os.Getenv(name); v != "" {
			if strings.HasPrefix(v, "fr") {
				return "fr"
			}
			break
		}
	}
	return "en"
}
