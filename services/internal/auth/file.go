package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// stored is auth.json. It holds hashes, never a secret.
type stored struct {
	// Instance tells the cookies of two installations on one host apart.
	Instance string    `json:"instance"`
	People   []Person  `json:"people,omitempty"`
	Sessions []session `json:"sessions"`
	Tokens   []token   `json:"tokens"`
}

type session struct {
	Hash    string    `json:"hash"`
	User    string    `json:"user"`
	Expires time.Time `json:"expires"`
}

type token struct {
	Name string `json:"name"`
	Hash string `json:"hash"`
}

func (s *stored) session(hash string) (session, bool) {
	i := slices.IndexFunc(s.Sessions, func(x session) bool { return x.Hash == hash })
	if i < 0 {
		return session{}, false
	}
	return s.Sessions[i], true
}

func (s *stored) addSession(x session, now time.Time) {
	s.Sessions = slices.DeleteFunc(s.Sessions, func(o session) bool { return now.After(o.Expires) })
	if len(s.Sessions) >= maxSessions {
		s.Sessions = slices.Delete(s.Sessions, 0, 1)
	}
	s.Sessions = append(s.Sessions, x)
}

func (s *stored) dropSession(hash string) {
	s.Sessions = slices.DeleteFunc(s.Sessions, func(o session) bool { return o.Hash == hash })
}

func (s *stored) token(hash string) (string, bool) {
	i := slices.IndexFunc(s.Tokens, func(t token) bool { return t.Hash == hash })
	if i < 0 {
		return "", false
	}
	return s.Tokens[i].Name, true
}

func (s *stored) setToken(name string, d digest) {
	s.Tokens = slices.DeleteFunc(s.Tokens, func(t token) bool { return t.Name == name })
	s.Tokens = append(s.Tokens, token{Name: name, Hash: encode(d)})
}

func (a *Auth) load() error {
	if err := os.MkdirAll(filepath.Dir(a.path), 0o700); err != nil {
		return fmt.Errorf("make the directory of sessions: %w", err)
	}
	raw, err := os.ReadFile(a.path)
	if errors.Is(err, fs.ErrNotExist) {
		a.state.Instance = secret()[:8]
		return a.save()
	}
	if err != nil {
		return fmt.Errorf("read sessions: %w", err)
	}
	if err := json.Unmarshal(raw, &a.state); err != nil {
		return fmt.Errorf("read sessions: %s is damaged (%w); remove it, and log in again", a.path, err)
	}
	return nil
}

// save writes the file by rename, so that a crash leaves the old or the new one.
func (a *Auth) save() error {
	raw, err := json.Marshal(a.state)
	if err != nil {
		return fmt.Errorf("encode sessions: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(a.path), ".auth-*") // 0600 by contract
	if err != nil {
		return fmt.Errorf("write sessions: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(raw)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), a.path)
	}
	if err != nil {
		return fmt.Errorf("write sessions: %w", err)
	}
	return nil
}
