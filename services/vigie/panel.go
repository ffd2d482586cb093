package main

import (
	"errors"
	"fmt"
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
	cmd.AddCommand(panelTools()...)
	return cmd
}

// panelTools stand below `vigie panel` and `vigie receiver`: an installer looks for
// them under the one, whoever runs the receiver under the other.
func panelTools() []*cobra.Command { return []*cobra.Command{sendCommand(), decodeCommand()} }

// panelKey is how a command is given AES keys.
type panelKey struct {
	text, file string
	ring       bool
}

func (k *panelKey) flags(f *pflag.FlagSet) {
	f.StringVar(&k.text, "key", "", "AES key: 32, 48 or 64 hexadecimal digits, or 16, 24 or 32 characters (it stands in the list of processes: for tests)")
	f.StringVar(&k.file, "key-file", "", "file that holds the AES key")
	f.BoolVar(&k.ring, "keyring", false, "take the account's key from the receiver's keyring on this machine (see `vigie keys`)")
}

// given is the key that was given; nil for none. The error does not repeat it.
func (k *panelKey) given() (*dc09.Key, error) {
	text := k.text
	switch {
	case k.text != "" && k.file != "", k.ring && (k.text != "" || k.file != ""):
		return nil, errors.New("--key, --key-file and --keyring exclude each other")
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

// read returns what finds the keys of an account, newest first.
func (k *panelKey) read(cmd *cobra.Command) (panel.KeysOf, error) {
	one, err := k.given()
	if err != nil {
		return nil, usageError{err}
	}
	if k.ring {
		return keysInRing(cmd)
	}
	return func(uint32, string) []*dc09.Key {
		if one == nil {
			return nil
		}
		return []*dc09.Key{one}
	}, nil
}

// keysInRing looks keys up in the keyring of --data. It makes none where there is none.
func keysInRing(cmd *cobra.Command) (panel.KeysOf, error) {
	s, err := load(cmd)
	if err != nil {
		return nil, err
	}
	path := s.keyringPath()
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("--keyring: %w; `vigie keys add` makes one, --data says where", err)
	}
	_, master, err := s.keyring(cmd.Context())
	if err != nil {
		return nil, err
	}
	ring, err := keyring.Read(path, master)
	if err != nil {
		return nil, err
	}
	return func(line uint32, account string) []*dc09.Key {
		found, ok := ring.Find(line, account)
		if !ok {
			return nil
		}
		var keys []*dc09.Key
		for _, secret := range [][]byte{found.Next, found.Current} {
			if key, err := dc09.NewKey(secret); len(secret) > 0 && err == nil {
				keys = append(keys, key)
			}
		}
		return keys
	}, nil
}

// receiverAt is the address of a receiver: the one that was named, or the one of
// `vigie up`.
func receiverAt(s *settings, network, to string) (string, error) {
	if to != "" {
		return to, nil
	}
	if network == "tls" {
		return "", usageError{errors.New("--net tls: name the receiver with --to host:port")}
	}
	e, err := readEndpoints(s.cfg.Data)
	if err != nil {
		return "", fmt.Errorf("%w, or name a receiver with --to host:port", err)
	}
	return map[string]string{"tcp": e.DC09.TCP, "udp": e.DC09.UDP}[network], nil
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
