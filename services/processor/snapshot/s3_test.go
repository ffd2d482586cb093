package snapshot

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/open-vigie/vigie/services/processor/snapshot/s3test"
)

var prefixes atomic.Int64

type s3Store struct {
	*S3
	t *testing.T
}

// s3Config is that of a place of its own.
func s3Config(t *testing.T) S3Config {
	t.Helper()
	s := s3test.Server(t)
	return S3Config{Endpoint: s.Endpoint, Bucket: s.Bucket, Prefix: fmt.Sprintf("test-%d/states", prefixes.Add(1)), Region: "us-east-1", AccessKey: s.AccessKey, SecretKey: s.SecretKey}
}

func newS3Store(t *testing.T) *s3Store {
	t.Helper()
	return openS3(t, s3Config(t))
}

func openS3(t *testing.T, cfg S3Config) *s3Store {
	t.Helper()
	s, err := NewS3(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.transport.CloseIdleConnections)
	return &s3Store{s, t}
}

// keys are those of all objects of the store.
func (s *s3Store) keys() (all []string) {
	s.t.Helper()
	for object := range s.client.ListObjects(s.t.Context(), s.cfg.Bucket, minio.ListObjectsOptions{Prefix: s.cfg.Prefix + "/", Recursive: true}) {
		if object.Err != nil {
			s.t.Fatal(object.Err)
		}
		all = append(all, object.Key)
	}
	return all
}

func (s *s3Store) altered(change func(string, []byte) []byte) kind {
	other := newS3Store(s.t)
	for _, key := range s.keys() {
		value, err := s.get(s.t.Context(), key, ChunkBytes)
		if err != nil {
			s.t.Fatal(err)
		}
		if value = change(path.Base(key), value); value == nil {
			continue
		}
		if err := other.put(s.t.Context(), other.cfg.Prefix+strings.TrimPrefix(key, s.cfg.Prefix), value); err != nil {
			s.t.Fatal(err)
		}
	}
	return other
}

func (s *s3Store) snapshots() int {
	of := map[string]bool{}
	for _, key := range s.keys() {
		of[path.Dir(key)] = true
	}
	return len(of)
}

// What was written is never written over, and a manifest comes after its chunks.
func TestObjectsAreWrittenOnce(t *testing.T) {
	s := newS3Store(t)
	name := written(t, s, 10)
	again := nameAt(10)
	again.Id = name.Id
	if err := s.Write(t.Context(), again, slices.Values(some())); !errors.Is(err, os.ErrExist) {
		t.Errorf("written over: %v", err)
	}
	mustRead(t, s, name)
	if keys := s.keys(); len(keys) != 5 || path.Base(keys[4]) != manifestPart {
		t.Errorf("the objects are %v", keys)
	}
}

// Errors say who refused what, and never the secret.
func TestErrorsOfS3(t *testing.T) {
	const wrong = "an-other-secret-key"
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + gone.Addr().String()
	_ = gone.Close()
	for name, c := range map[string]struct {
		change func(*S3Config)
		says   string
	}{
		"a wrong secret":      {func(c *S3Config) { c.SecretKey = wrong }, "look at the access key"},
		"an unknown user":     {func(c *S3Config) { c.AccessKey = "AKIANOBODY" }, "look at the access key"},
		"no such bucket":      {func(c *S3Config) { c.Bucket = "nowhere" }, "there is no bucket nowhere"},
		"nobody listens":      {func(c *S3Config) { c.Endpoint = nobody }, nobody},
		"a region of another": {func(c *S3Config) { c.Region = "" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := s3Config(t)
			c.change(&cfg)
			s := openS3(t, cfg)
			ctx, done := context.WithTimeout(t.Context(), time.Minute)
			defer done()
			name := nameAt(10)
			err := s.Write(ctx, name, slices.Values(some()))
			if c.says == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), cfg.SecretKey) {
				t.Errorf("it says %v, want %q", err, c.says)
			}
			name.Chunks = 1
			if err := s.Read(ctx, name, func([]byte) error { return nil }); err == nil || errors.Is(err, ErrUnusable) {
				t.Errorf("a store that does not answer makes a snapshot unusable: %v", err)
			}
		})
	}
}

func TestConfigurationOfS3(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		cfg  S3Config
		says string
	}{
		"no bucket":              {S3Config{}, "bucket"},
		"an endpoint of another": {S3Config{Bucket: "b", Endpoint: "ftp://a"}, "ftp://a"},
		"an endpoint with more":  {S3Config{Bucket: "b", Endpoint: "http://a/b"}, "http://a/b"},
		"half a key":             {S3Config{Bucket: "b", AccessKey: "a"}, "no secret key"},
		"the other half":         {S3Config{Bucket: "b", SecretKey: "a"}, "no access key"},
		"a file that is missing": {S3Config{Bucket: "b", AccessKey: "a", SecretKeyFile: file + "x"}, "secret key of the S3 store"},
		"a file":                 {S3Config{Bucket: "b", AccessKey: "a", SecretKeyFile: file}, ""},
		"of the environment":     {S3Config{Bucket: "b"}, ""},
	} {
		s, err := NewS3(c.cfg)
		if c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) || c.says == "" && err != nil {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
		if name == "a file" && err == nil {
			if creds, err := s.cfg.credentials(); err != nil {
				t.Error(err)
			} else if v, err := creds.GetWithContext(nil); err != nil || v.SecretAccessKey != "from a file" {
				t.Errorf("the secret of a file is %q, %v", v.SecretAccessKey, err)
			}
		}
	}
}
