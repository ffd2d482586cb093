package snapshot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/open-vigie/vigie/schemas/ids"
	"github.com/open-vigie/vigie/schemas/vigiev1"
)

// S3Config says where objects are. Bucket is mandatory.
type S3Config struct {
	// Endpoint is the URL of the server, http or https; that of AWS when empty.
	Endpoint string
	Bucket   string
	// Prefix stands before every key, with a slash between.
	Prefix string
	// Region of the bucket; asked of the server when empty.
	Region string
	// AccessKey with SecretKey, or with what SecretKeyFile holds; without AccessKey the
	// AWS_… variables of the environment, then the file of AWS's tools.
	AccessKey, SecretKey, SecretKeyFile string
}

const (
	awsEndpoint = "https://s3.amazonaws.com"
	// s3Tries bounds how often a request is put again that the server could not take.
	s3Tries = 4
)

// S3 keeps snapshots in a bucket that speaks S3's protocol, a chunk an object:
// <prefix>/<partition>/<offset>-<fold version>-<id>/<chunk>, and after the last one
// …/manifest. No object is written over another.
type S3 struct {
	cfg       S3Config
	client    *minio.Client
	transport *http.Transport
}

// NewS3 checks the configuration; the server is not asked before the first use.
func NewS3(cfg S3Config) (*S3, error) {
	if cfg.Bucket == "" {
		return nil, errors.New("the S3 store needs the name of its bucket")
	}
	if cfg.Endpoint == "" {
		cfg.Endpoint = awsEndpoint
	}
	at, err := url.Parse(cfg.Endpoint)
	if err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" || at.Path != "" && at.Path != "/" {
		return nil, fmt.Errorf("the S3 endpoint %q is no http(s)://host:port", cfg.Endpoint)
	}
	creds, err := cfg.credentials()
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	client, err := minio.New(at.Host, &minio.Options{Creds: creds, Secure: at.Scheme == "https", Region: cfg.Region, Transport: transport, MaxRetries: s3Tries})
	if err != nil {
		return nil, fmt.Errorf("the S3 endpoint %s: %w", cfg.Endpoint, err)
	}
	cfg.Prefix = strings.Trim(cfg.Prefix, "/")
	return &S3{cfg: cfg, client: client, transport: transport}, nil
}

func (c S3Config) credentials() (*credentials.Credentials, error) {
	secret := c.SecretKey
	if c.SecretKeyFile != "" {
		b, err := os.ReadFile(c.SecretKeyFile)
		if err != nil {
			return nil, fmt.Errorf("the secret key of the S3 store: %w", err)
		}
		secret = strings.TrimSpace(string(b))
	}
	switch {
	case c.AccessKey != "" && secret == "":
		return nil, errors.New("the S3 store has an access key and no secret key: give the key, or the file that holds it")
	case c.AccessKey != "":
		return credentials.NewStaticV4(c.AccessKey, secret, ""), nil
	case secret != "":
		return nil, errors.New("the S3 store has a secret key and no access key")
	}
	return credentials.NewChainCredentials([]credentials.Provider{&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}}), nil
}

func (s *S3) of(partition uint32) string {
	return path.Join(s.cfg.Prefix, strconv.FormatUint(uint64(partition), 10)) + "/"
}

func (s *S3) key(name *vigiev1.Snapshot, part string) string {
	return s.of(name.GetPartition()) + fmt.Sprintf("%d-%d-%s/%s", name.GetOffset(), name.GetFoldVersion(), ids.Show(name.GetId()), part)
}

// Write implements Store. The manifest comes last; without it nothing is a snapshot.
func (s *S3) Write(ctx context.Context, name *vigiev1.Snapshot, frames iter.Seq[[]byte]) error {
	err := cut(name, frames, func(number uint32, chunk []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return s.put(ctx, s.key(name, strconv.Itoa(int(number))), chunk)
	})
	if err == nil {
		err = s.put(ctx, s.key(name, manifestPart), manifest(name))
	}
	if err != nil {
		return fmt.Errorf("write a snapshot: %w", err)
	}
	return nil
}

// put writes an object that is not there yet.
func (s *S3) put(ctx context.Context, key string, value []byte) error {
	opts := minio.PutObjectOptions{ContentType: "application/octet-stream"}
	opts.SetMatchETagExcept("*")
	_, err := s.client.PutObject(ctx, s.cfg.Bucket, key, bytes.NewReader(value), int64(len(value)), opts)
	return s.said(ctx, key, err)
}

// Read implements Store.
func (s *S3) Read(ctx context.Context, name *vigiev1.Snapshot, f func([]byte) error) error {
	j := join(f)
	for number := range name.GetChunks() {
		chunk, err := s.get(ctx, s.key(name, strconv.Itoa(int(number))), ChunkBytes)
		if err != nil {
			return err
		}
		if err := j.add(chunk); err != nil {
			return err
		}
	}
	rest, err := s.get(ctx, s.key(name, manifestPart), ChunkBytes)
	if err != nil {
		return err
	}
	return errors.Join(j.end(name), checkManifest(rest, name))
}

// get reads an object of so many bytes at most. One that is not there makes the
// snapshot unusable; a server that does not answer does not.
func (s *S3) get(ctx context.Context, key string, most int64) ([]byte, error) {
	object, err := s.client.GetObject(ctx, s.cfg.Bucket, key, minio.GetObjectOptions{})
	if err != nil {
		return nil, s.said(ctx, key, err)
	}
	defer func() { _ = object.Close() }()
	b, err := io.ReadAll(io.LimitReader(object, most+1))
	if err != nil {
		return nil, s.said(ctx, key, err)
	}
	if int64(len(b)) > most {
		return nil, unusable("%s is larger than %d bytes", s.shown(key), most)
	}
	return b, nil
}

// PutFile writes a file beside the snapshots, once; ErrExist of package os when it is
// there.
func (s *S3) PutFile(ctx context.Context, name string, value []byte) error {
	return s.put(ctx, path.Join(s.cfg.Prefix, name), value)
}

// File reads a file beside the snapshots; ErrNotExist of package os when it is not there.
func (s *S3) File(ctx context.Context, name string) ([]byte, error) {
	b, err := s.get(ctx, path.Join(s.cfg.Prefix, name), maxFrame)
	if errors.Is(err, ErrUnusable) {
		return nil, fmt.Errorf("%s: %w", s.shown(path.Join(s.cfg.Prefix, name)), os.ErrNotExist)
	}
	return b, err
}

// String is the address of the store.
func (s *S3) String() string { return s.shown(s.cfg.Prefix) }

// Remove implements Store. The manifest goes first: what is left is no snapshot.
func (s *S3) Remove(ctx context.Context, names []*vigiev1.Snapshot) error {
	for _, name := range names {
		keys := []string{s.key(name, manifestPart)}
		for number := range name.GetChunks() {
			keys = append(keys, s.key(name, strconv.Itoa(int(number))))
		}
		if err := s.remove(ctx, keys); err != nil {
			return err
		}
	}
	return nil
}

func (s *S3) remove(ctx context.Context, keys []string) error {
	for _, key := range keys {
		if err := s.said(ctx, key, s.client.RemoveObject(ctx, s.cfg.Bucket, key, minio.RemoveObjectOptions{})); err != nil {
			return fmt.Errorf("remove a snapshot: %w", err)
		}
	}
	return nil
}

// Sweep implements Store.
func (s *S3) Sweep(ctx context.Context, partition int32, upTo int64, keep []*vigiev1.Snapshot) (int, error) {
	ctx, done := context.WithCancel(ctx)
	defer done() // Ends the listing.
	under := s.of(uint32(partition))
	snapshots, keys := map[string]bool{}, []string(nil)
	for object := range s.client.ListObjects(ctx, s.cfg.Bucket, minio.ListObjectsOptions{Prefix: under, Recursive: true}) {
		if object.Err != nil {
			return 0, fmt.Errorf("sweep snapshots: %w", s.said(ctx, under, object.Err))
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(object.Key, under), "/")
		if offset, id, ok := parseFile(name + fileEnding); !ok || offset > upTo || kept(id, keep) {
			continue
		}
		snapshots[name] = true
		keys = append(keys, object.Key)
	}
	return len(snapshots), s.remove(ctx, keys)
}

func (s *S3) shown(key string) string { return "s3://" + s.cfg.Bucket + "/" + key }

// said says what the server answered, and of which object; never with what key it was
// asked.
func (s *S3) said(ctx context.Context, key string, err error) error {
	if err == nil || ctx.Err() != nil {
		return errors.Join(err, ctx.Err())
	}
	answer := minio.ToErrorResponse(err)
	switch answer.Code {
	case minio.NoSuchKey:
		return unusable("%s is not there", s.shown(key))
	case minio.NoSuchBucket:
		return fmt.Errorf("there is no bucket %s at %s: make it, or name another", s.cfg.Bucket, s.cfg.Endpoint)
	case minio.PreconditionFailed:
		return fmt.Errorf("%s is there already: %w", s.shown(key), os.ErrExist)
	case minio.AccessDenied, "InvalidAccessKeyId", "SignatureDoesNotMatch":
		return fmt.Errorf("%s refuses %s with these credentials (%s): look at the access key, its secret key and its rights", s.cfg.Endpoint, s.shown(key), answer.Code)
	}
	return fmt.Errorf("%s, asked for %s: %w", s.cfg.Endpoint, s.shown(key), err)
}
