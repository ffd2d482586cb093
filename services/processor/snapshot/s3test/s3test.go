// Package s3test runs a server that speaks S3's protocol, for tests: moto's, a third
// party's. It holds S3's conditions, and the signatures of requests once its first
// ones have made a user.
package s3test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Running is the server with its one bucket and the one user who may use it.
type Running struct{ Endpoint, Bucket, AccessKey, SecretKey string }

const (
	// noAuth is how many requests come before signatures are looked at: those that make
	// the user and the bucket.
	noAuth   = 4
	patience = time.Minute
	// maxDepth is how deep below the top of the repository a package may lie.
	maxDepth = 6
)

var start = sync.OnceValues(run)

var stop = func() {}

// Server is that of the test binary, started when it is first asked for. TestMain must
// call Stop after all tests.
func Server(t testing.TB) Running {
	t.Helper()
	s, err := start()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Stop ends the server, when it was started.
func Stop() { stop() }

func run() (s Running, err error) {
	program, err := find()
	if err != nil {
		return s, err
	}
	address, port, err := freePort()
	if err != nil {
		return s, err
	}
	cmd := exec.Command(program, "-H", "127.0.0.1", "-p", port)
	cmd.Env = append(os.Environ(), fmt.Sprint("INITIAL_NO_AUTH_ACTION_COUNT=", noAuth))
	said := &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		return s, err
	}
	stop = func() {
		http.DefaultClient.CloseIdleConnections()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	if err := await(address); err != nil {
		stop()
		return s, fmt.Errorf("moto_server does not listen: %w\n%s", err, said)
	}
	s = Running{Endpoint: "http://" + address, Bucket: "snapshots"}
	return s, s.prepare()
}

// find looks for the program from the package's directory upwards.
func find() (string, error) {
	for up, n := ".", 0; n < maxDepth; up, n = filepath.Join("..", up), n+1 {
		program := filepath.Join(up, ".tools", "venv", "bin", "moto_server")
		if _, err := os.Stat(program); err == nil {
			return filepath.Abs(program)
		}
	}
	return "", errors.New("the S3 server of the tests is not installed: run `make setup`")
}

func freePort() (address, port string, err error) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", "", err
	}
	address = free.Addr().String()
	_, port, err = net.SplitHostPort(address)
	return address, port, errors.Join(err, free.Close())
}

// await waits until it listens; it tells nobody when it does.
func await(address string) error {
	for deadline := time.Now().Add(patience); ; {
		c, err := net.Dial("tcp", address)
		if err == nil {
			return c.Close()
		}
		if time.Now().After(deadline) {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// prepare makes the one user, before signatures count, and the bucket.
func (s *Running) prepare() error {
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`
	for _, form := range []string{
		"Action=CreateUser&UserName=vigie", "Action=PutUserPolicy&UserName=vigie&PolicyName=all&PolicyDocument=" + url.QueryEscape(policy),
		"Action=CreateAccessKey&UserName=vigie",
	} {
		answer, err := s.ask(http.MethodPost, "/", "iam", form+"&Version=2010-05-08")
		if err != nil {
			return err
		}
		var key struct {
			Access string `xml:"CreateAccessKeyResult>AccessKey>AccessKeyId"`
			Secret string `xml:"CreateAccessKeyResult>AccessKey>SecretAccessKey"`
		}
		if err := xml.Unmarshal(answer, &key); err != nil {
			return err
		}
		s.AccessKey, s.SecretKey = key.Access, key.Secret
	}
	_, err := s.ask(http.MethodPut, "/"+s.Bucket, "s3", "")
	return err
}

func (s *Running) ask(method, at, service, body string) ([]byte, error) {
	req, err := http.NewRequest(method, s.Endpoint+at, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=nobody/20260101/us-east-1/"+service+"/aws4_request, SignedHeaders=host, Signature=none")
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("moto answers %s: %s", resp.Status, b)
	}
	return b, err
}
